"""A model's codes: learned with its other generators, kept beside it, in the units of its states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from tests.model.samples import SMALL
from virtualcell.data.simulate_factors import simulate_factors
from virtualcell.generative.infogan_describe import name_categories, turned_features
from virtualcell.model import VirtualCell


@pytest.mark.slow
def test_codes_are_learned_kept_and_told(tmp_path: Path) -> None:
    cells = simulate_factors(n_cells=400, n_genes=150)
    settings = replace(SMALL, autoencoder=replace(SMALL.autoencoder, latent_dim=8, min_steps=100))
    model = VirtualCell(settings).fit(cells, state="state", device="cpu")
    assert model.codes is None
    model.fit_generators(cells)
    codes = model.codes
    assert codes is not None
    assert "codes" in model.generators
    states = model.embed(cells)
    probabilities, continuous = codes.read(states)
    assert continuous.shape == (400, 2)
    # Few cells and hardly any training: far from the benchmark's agreement, but far from chance, too.
    assert adjusted_rand_score(cells.obs["state"], probabilities.argmax(1)) > 0.2
    drawn = codes.draw(probabilities.argmax(1), continuous)
    assert np.linalg.norm(drawn.mean(0) - states.mean(0)) < 0.5 * states.std(0).sum()
    genes = turned_features(model.decode(codes.turn(0, 0, n=20)).mean(1), model.features())
    assert set(genes["feature"]) == set(model.features())
    assert name_categories(probabilities.argmax(1), model.record["labels"], codes.n_categories)["cells"].sum() == 400
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path).codes
    assert again is not None
    np.testing.assert_array_equal(again.read(states)[0], probabilities)

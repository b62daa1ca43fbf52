"""Other kinds of measurement, other fusions and objectives, chosen in the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mudata import MuData

from tests.model.samples import PLAIN, SMALL, a549, markers
from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError


def test_cells_with_nothing_but_continuous_values(tmp_path: Path) -> None:
    cells = markers()
    model = VirtualCell(PLAIN).fit(cells, device="cpu")
    states = model.embed(cells)
    assert states.shape == (200, 4)
    np.testing.assert_array_equal(cells.obsm["X_vc"], states)
    measured, decoded = cells["cytof"].X, model.decode(states, modality="cytof")
    # Three dimensions are behind twelve markers: a state of four says nearly all, in the unit of the data.
    assert ((measured - decoded) ** 2).sum() < 0.2 * ((measured - measured.mean(0)) ** 2).sum()
    gain = model.log_likelihood(cells) - model.baseline_log_likelihood(cells)
    assert gain["cytof"].mean() > 1
    model.save(tmp_path)
    np.testing.assert_array_equal(VirtualCell.load(tmp_path).embed(cells.copy()), states)
    with pytest.raises(DataError, match="no modality 'rna'"):
        model.decode(states)


def test_kinds_are_chosen_in_the_settings() -> None:
    cells = markers(120, "panel")
    model = VirtualCell(replace(PLAIN, kinds={"panel": "continuous"})).fit(cells, device="cpu")
    assert model.features("panel") == cells["panel"].var_names.tolist()
    with pytest.raises(DataError, match=r"measurement \(panel\) is known.*rna, .*say of which kind"):
        VirtualCell(PLAIN).fit(cells, device="cpu")
    with pytest.raises(DataError, match=r"'guess' is no kind of measurement.*atac-poisson.*continuous"):
        VirtualCell(replace(PLAIN, kinds={"panel": "guess"})).fit(cells, device="cpu")
    with pytest.raises(DataError, match=r"The cells have panel, no 'rna'"):
        VirtualCell(replace(PLAIN, kinds={"rna": "rna-zinb"})).fit(cells, device="cpu")


def test_another_kind_of_the_same_measurement_is_kept_with_the_model(tmp_path: Path) -> None:
    cells = a549(n=120)
    model = VirtualCell(replace(SMALL, kinds={"atac": "atac-poisson", "rna": "rna-zinb"})).fit(cells, device="cpu")
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    assert again.settings.kinds == {"atac": "atac-poisson", "rna": "rna-zinb"}
    pd.testing.assert_frame_equal(again.log_likelihood(cells), model.log_likelihood(cells))


def test_knock_outs_are_of_counts() -> None:
    cells = markers(120, "rna")
    model = VirtualCell(replace(PLAIN, kinds={"rna": "continuous"})).fit(cells, device="cpu")
    with pytest.raises(DataError, match="continuous scale, of which none can be taken away"):
        model.perturb(cells, genes="M1")


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_a_loaded_model_reads_with_every_fusion_as_the_one_that_was_saved(fusion: str, tmp_path: Path) -> None:
    """RNA comes before ATAC here: an order that the alphabet would turn round, and with it what the fusion takes for which."""
    cells = simulate_pairs("linear", n_cells=120, n_genes=30, n_peaks=40, seed=0)
    quick = replace(PLAIN.autoencoder, fusion=fusion, epochs=1, min_steps=6, learning_rate=2e-2)
    model = VirtualCell(replace(PLAIN, autoencoder=quick)).fit(cells, device="cpu")
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    np.testing.assert_array_equal(again.embed(cells.copy()), model.embed(cells.copy()))
    assert again.log_likelihood(cells).columns.tolist() == ["rna", "atac"]


def test_objectives_and_fusions_that_are_not_known_are_named(chain: MuData) -> None:
    for autoencoder, said in (
        (replace(PLAIN.autoencoder, objectives={"telepathy": 1.0}), "field objectives: telepathy is not known"),
        (replace(PLAIN.autoencoder, fusion="fission"), "field fusion: fission is not known"),
    ):
        with pytest.raises(DataError, match=said):
            VirtualCell(replace(PLAIN, autoencoder=autoencoder)).fit(chain, device="cpu")

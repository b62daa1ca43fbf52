"""Training cells read as new ones are spread as new cells are, and sit where the model's own components put them."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.generative.material import Material
from virtualcell.model import VirtualCell
from virtualcell.schema import AutoencoderSettings, Settings

N = 260


@pytest.fixture(scope="module")
def both() -> tuple[VirtualCell, Material, Material, Material]:
    cells = simulate_pairs(n_cells=2 * N, n_genes=150, n_peaks=1200, seed=3)
    train, new = cells[:N].copy(), cells[N:].copy()
    model = VirtualCell(Settings(autoencoder=AutoencoderSettings(latent_dim=8, epochs=4, min_steps=20))).fit(train)
    fitted = model._fitted
    return model, Material.of(fitted, train), Material.of(fitted, train, as_new=True), Material.of(fitted, new)


def test_plain_material_is_what_embed_gives(both: tuple[VirtualCell, Material, Material, Material]) -> None:
    model, plain, _, _ = both
    np.testing.assert_allclose(plain.states, model.states, atol=1e-5)


def test_cells_read_as_new_are_spread_as_new_cells(both: tuple[VirtualCell, Material, Material, Material]) -> None:
    _, plain, as_new, new = both
    learned = ~plain.held_out
    spread = {
        name: m.embeddings["atac"][rows].std(0) for name, m, rows in (("plain", plain, learned), ("as new", as_new, learned))
    }
    truth = new.embeddings["atac"].std(0)
    off = {name: np.abs(np.log(s / truth)).mean() for name, s in spread.items()}
    # Noise components of 1,200 sparse peaks in 234 cells: what was fitted to them stands out.
    assert off["as new"] < 0.15
    assert off["as new"] < 0.5 * off["plain"]


def test_the_cells_stay_the_same_cells_and_held_out_ones_are_untouched(
    both: tuple[VirtualCell, Material, Material, Material],
) -> None:
    _, plain, as_new, _ = both
    np.testing.assert_array_equal(plain.states[plain.held_out], as_new.states[plain.held_out])
    leading = np.argmax(plain.embeddings["rna"].std(0))
    agree = np.corrcoef(plain.embeddings["rna"][:, leading], as_new.embeddings["rna"][:, leading])[0, 1]
    assert agree > 0.8
    assert (plain.names == as_new.names).all()
    assert not np.array_equal(plain.states, as_new.states)


def test_some_cells(both: tuple[VirtualCell, Material, Material, Material]) -> None:
    _, plain, _, _ = both
    some = plain.take(plain.held_out)
    assert some.n_cells == plain.held_out.sum()
    assert some.held_out.all()
    np.testing.assert_array_equal(some.embeddings["rna"], plain.embeddings["rna"][plain.held_out])
    assert plain.both("rna", "atac").all()

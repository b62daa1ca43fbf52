"""Maps keep groups apart, are the same each time, and know which cells were not measured."""

from __future__ import annotations

import numpy as np
import pytest

from tests.explore.samples import adata, poisson, prepared
from virtualcell.explore import read_spaces, reembed, spaces, write_spaces
from virtualcell.explore.reembed import FewCells, components
from virtualcell.explore.spaces import title
from virtualcell.schema import DataError


@pytest.fixture(scope="module")
def cells():
    """Two groups of 40 cells that differ in RNA; proteins of the last 60 cells alone."""
    rates = np.where(np.arange(80)[:, None] < 40, [1.0, 9.0] * 10, [9.0, 1.0] * 10)
    return prepared(rna=poisson(rates, 80), prot=adata(poisson(np.full(6, 20.0), 60, 1), "p", first=20))


def apart(places: np.ndarray, group: np.ndarray) -> float:
    """Distance of the groups' middles over the spread within them."""
    a, b = places[group], places[~group]
    return float(np.linalg.norm(a.mean(0) - b.mean(0)) / (a.std(axis=0).mean() + b.std(axis=0).mean()))


def test_components_of_rna_are_principal_and_centred(cells):
    found = components(cells["rna"], n=5)
    x = cells["rna"].X.toarray().astype(float)
    left, size, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :5] * size[:5]), atol=1e-3)


def test_components_of_open_peaks_do_not_follow_depth():
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.1, 0.8, (120, 1))
    more = np.where((np.arange(120)[:, None] < 60) == (np.arange(60) < 30), 1.0, 0.5)
    atac = prepared(atac=rng.random((120, 60)) < depth * more).mod["atac"]
    found = components(atac, n=8)
    follows = [abs(np.corrcoef(found[:, i], np.log1p(atac.obs["depth"]))[0, 1]) for i in range(found.shape[1])]
    assert found.shape[1] < 8
    assert max(follows) <= 0.8
    assert apart(found[:, :1], np.arange(120) < 60) > 1


@pytest.mark.slow
def test_maps_of_each_measurement_and_of_subsets(cells, tmp_path):
    found = spaces(cells)
    assert np.isnan(found["prot"][:20]).all()
    assert np.isfinite(found["prot"][20:]).all()
    assert apart(found["rna"], np.arange(80) < 40) > 2
    told = []
    kept = write_spaces(cells, tmp_path, progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 2), (1, 2), (2, 2)]
    for name, values in read_spaces(tmp_path, 80).items():
        np.testing.assert_array_equal(values, found[name])
        np.testing.assert_array_equal(values, kept[name])
    again = tmp_path / "again"
    again.mkdir()
    write_spaces(cells, again)
    assert (again / "spaces.safetensors").read_bytes() == (tmp_path / "spaces.safetensors").read_bytes()
    states = np.r_[np.random.default_rng(0).normal(size=(40, 3)), np.random.default_rng(1).normal(9, 1, (40, 3))]
    rows = np.arange(10, 70)
    chosen = reembed(states, rows, seed=2)
    assert chosen.shape == (60, 2)
    assert apart(chosen, rows < 40) > 2
    np.testing.assert_array_equal(chosen, reembed(states, rows[::-1], seed=2))
    with pytest.warns(FewCells, match="30 cells"):
        assert reembed(states, np.arange(30), dimensions=3).shape == (30, 3)
    with pytest.warns(FewCells):
        assert np.isfinite(reembed(cells["rna"], np.arange(6))).all()


def test_four_cells_make_no_map():
    with pytest.raises(DataError, match="4 cells"):
        reembed(np.zeros((9, 3)), np.arange(4))


def test_broken_and_foreign_maps_are_refused(tmp_path):
    assert read_spaces(tmp_path, 3) is None
    (tmp_path / "spaces.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="broken"):
        read_spaces(tmp_path, 3)


def test_titles_are_words(cells):
    assert [title(cells, name) for name in ("rna", "prot")] == ["RNA alone", "surface proteins alone"]

"""One measurement from another: directly, over a third, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from mudata import MuData

from tests.model.samples import PLAIN
from virtualcell.model import VirtualCell
from virtualcell.schema import MEASURED_KEY, DataError


def test_translation_reads_one_measurement_only(model: VirtualCell, cells: MuData) -> None:
    found = model.translate(cells, source="rna", target="atac")
    assert found.shape == (400, 200)
    assert found.obs_names.tolist() == cells.obs_names.tolist()
    assert found.var_names.tolist() == model.features("atac")
    assert found.uns["virtualcell"]["unit"] == "open (1) or closed (0)"
    assert found.uns["virtualcell"]["route"] == ["rna", "atac"]
    assert 0 <= found.X.min() <= found.X.max() <= 1
    assert not found.layers  # a probability says it all
    blind = cells.copy()
    blind["atac"].X = sp.csr_matrix(np.ones(blind["atac"].shape, dtype=np.float32))
    np.testing.assert_array_equal(model.translate(blind, source="rna", target="atac").X, found.X)
    np.testing.assert_array_equal(model.translate(cells["rna"], source="rna", target="atac").X, found.X)
    with pytest.raises(DataError, match=r"no target modality 'prot'.*rna, atac"):
        model.translate(cells, source="rna", target="prot")


def test_translation_is_in_the_unit_of_the_reading_with_bounds(model: VirtualCell, cells: MuData) -> None:
    back = model.translate(cells, source="atac", target="rna")
    assert back.uns["virtualcell"]["unit"] == "log(1 + counts per 10,000)"
    assert back.uns["virtualcell"]["route"] == ["atac", "rna"]
    low, high = back.layers["low"], back.layers["high"]
    assert (low >= 0).all()
    assert (low <= high).all()
    measured = model.reading(cells, "rna")
    counts = cells["rna"][:, model.features()].X.toarray()
    np.testing.assert_allclose(measured, np.log1p(1e4 * counts / counts.sum(1, keepdims=True)), rtol=1e-4, atol=1e-5)
    # On average over genes the cells are where they are expected, and nine of ten readings within the bounds.
    assert np.corrcoef(back.X.mean(0), measured.mean(0))[0, 1] > 0.9
    assert 0.8 < ((measured >= low) & (measured <= high)).mean() <= 1
    assert set(np.unique(model.reading(cells, "atac"))) == {0.0, 1.0}


def test_a_mosaic_is_one_model(joined: VirtualCell, chain: MuData, tmp_path: Path) -> None:
    assert joined.record["measured"] == {"rna+atac": 300, "atac+prot": 300}
    assert set(joined.record["conversions"]) == {"rna->atac", "atac->rna", "atac->prot", "prot->atac"}
    states = joined.embed(chain)
    assert states.shape == (600, 4)
    assert np.isfinite(states).all()
    found = joined.log_likelihood(chain)
    np.testing.assert_array_equal(found.isna(), ~chain.obsm[MEASURED_KEY])
    joined.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    with_rna = chain[chain.obsm[MEASURED_KEY][:, 0]].copy()
    for target in ("atac", "prot"):
        first, second = (m.translate(with_rna, source="rna", target=target).X for m in (joined, again))
        np.testing.assert_array_equal(first, second)


def test_what_never_met_is_translated_over_what_both_met(joined: VirtualCell, chain: MuData) -> None:
    with_rna = chain[chain.obsm[MEASURED_KEY][:, 0]].copy()
    found = joined.translate(with_rna, source="rna", target="prot")
    assert found.uns["virtualcell"]["route"] == ["rna", "atac", "prot"]
    assert not found.layers  # no cell shows how wide the bounds should be
    direct = joined.translate(with_rna, source="atac", target="prot")
    assert direct.uns["virtualcell"]["route"] == ["atac", "prot"]
    assert {"low", "high"} == set(direct.layers)
    assert direct.uns["virtualcell"]["unit"] == found.uns["virtualcell"]["unit"]
    # Both speak of the same cells: the two agree better than with the other's prediction for the next cell.
    a, b = (x.X - x.X.mean(0) for x in (found, direct))
    assert (a * b).sum() > 3 * abs((a * np.roll(b, 1, axis=0)).sum()) > 0
    with pytest.raises(DataError, match="300 cells have no count"):
        joined.translate(chain, source="rna", target="prot")


def test_what_never_met_and_has_nothing_between_is_not_translated(chain: MuData) -> None:
    apart = MuData({m: chain[m].copy() for m in ("rna", "prot")})
    apart.obsm[MEASURED_KEY] = chain.obsm[MEASURED_KEY][:, [0, 2]]
    model = VirtualCell(PLAIN).fit(apart, device="cpu")
    assert model.record["conversions"] == {}
    assert model.embed(apart).shape == (600, 4)
    with pytest.raises(DataError, match="measured together in too few of the training cells"):
        model.translate(apart, source="rna", target="prot")

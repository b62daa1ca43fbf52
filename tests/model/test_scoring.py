"""Pairs and labels of a fitted model; and assays that were not measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from mudata import MuData

from tests.model.samples import PLAIN
from virtualcell.data.simulate_assays import simulate_assays, withheld
from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.demo import load_bundle
from virtualcell.model import VirtualCell
from virtualcell.schema import MEASURED_KEY, DataError


@pytest.fixture(scope="module")
def pairs() -> MuData:
    return simulate_pairs("linear", n_cells=700, n_genes=40, n_peaks=120, seed=0)


@pytest.fixture(scope="module")
def scoring(pairs: MuData) -> VirtualCell:
    model = VirtualCell(PLAIN).fit(pairs[:500].copy(), state="state", device="cpu")
    model.fit_generators(pairs[:500].copy(), seed=0, parts=("pairs",))
    return model


def test_true_pairs_of_new_cells_score_above_swapped_ones(scoring: VirtualCell, pairs: MuData) -> None:
    new = pairs[500:].copy()
    order = np.roll(np.arange(200), 7)
    own = scoring.pair_scores(new, source="rna", target="atac")
    swapped = scoring.pair_scores(new, source="rna", target="atac", order=order)
    judged = np.isfinite(own) & np.isfinite(swapped)
    assert judged.mean() > 0.85
    assert (own > swapped)[judged].mean() > 0.8
    # Asked from the other side, a pair is the same pair.
    back = np.argsort(order)
    np.testing.assert_allclose(scoring.pair_scores(new, source="atac", target="rna", order=back)[order], swapped, atol=1e-5)
    found = scoring.suspicious_pairs(new, source="rna", target="atac")
    assert found.verdict in ("as paired", "not shuffled as a whole", "partly swapped")
    assert found.cells.index.tolist() == new.obs_names.tolist()
    np.testing.assert_allclose(found.cells["score"], own, atol=1e-4)
    np.testing.assert_array_equal(found.cells["why"] != "", np.isnan(own))
    assert scoring.suspicious_pairs(new, source="rna", target="atac", order=order).verdict == "shuffled"


def test_a_cell_without_one_of_the_two_has_no_score(scoring: VirtualCell, pairs: MuData) -> None:
    new = pairs[500:].copy()
    measured = np.ones((200, 2), dtype=bool)
    measured[3, 1] = False
    new.obsm[MEASURED_KEY] = measured
    rna, atac = (scoring.refusals(new, name) for name in ("rna", "atac"))
    assert atac[3] == "Nothing was counted of its atac."
    found = scoring.pair_scores(new, source="rna", target="atac")
    np.testing.assert_array_equal(np.isnan(found), (rna != "") | (atac != ""))
    order = np.roll(np.arange(200), 1)
    found = scoring.pair_scores(new, source="rna", target="atac", order=order)
    np.testing.assert_array_equal(np.isnan(found), (rna != "") | (atac[order] != ""))
    assert np.isnan(found[4])


def nonsense(cells: MuData) -> MuData:
    """The same counts in each cell, at features at random; of the first cell none."""
    made, rng = cells.copy(), np.random.default_rng(0)
    for adata in made.mod.values():
        values = adata.X.toarray() if sp.issparse(adata.X) else np.asarray(adata.X)
        values = np.stack([row[rng.permutation(len(row))] for row in values])
        values[0] = 0
        adata.X = sp.csr_matrix(values)
    return made


@pytest.mark.parametrize("key", ["a549", "cite"])
def test_nonsense_is_not_judged_and_cells_are(key: str) -> None:
    b = load_bundle(key)
    source, target = next(iter(b.model.pairs.pairs))
    cells = b.cells[b.cells.obs_names.isin(b.model.record["held_out"])].copy()
    for adata in cells.mod.values():
        if "counts" in adata.layers:
            adata.X = adata.layers.pop("counts")
    odd = nonsense(cells)
    asked = {"source": source, "target": target}
    assert np.isnan(b.model.pair_scores(cells, **asked)).mean() < 0.1
    assert np.isnan(b.model.pair_scores(odd, **asked)).mean() > 0.95
    for column in b.model.pairs.labels:
        assert b.model.label_scores(cells, column=column).isna().any(axis=1).mean() < 0.1
        said = b.model.label_scores(odd, column=column)
        assert said.isna().all(axis=1).mean() > 0.95
        assert said.attrs["why"][str(odd.obs_names[0])] == "Nothing was counted in it."
    told = b.model.complete(odd, primary=source)[target]
    refused = told.obs["why"] != ""
    assert refused.mean() > 0.95
    np.testing.assert_array_equal(np.isnan(told.X).all(axis=1), refused)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.6, 0.8])
def test_swaps_among_training_cells_are_not_vouched_for(share: float) -> None:
    b = load_bundle("a549")
    rows = np.flatnonzero(~b.cells.obs_names.isin(b.model.record["held_out"]))[:500]
    order, moved = np.arange(500), np.random.default_rng(0).permutation(500)[: int(share * 500)]
    order[moved] = np.roll(moved, 1)
    found = b.model.suspicious_pairs(b.cells[rows].copy(), source="rna", target="atac", order=order)
    assert found.verdict != "as paired"
    assert found.too_well
    assert np.isnan(found.paired)


def test_labels_of_new_cells(scoring: VirtualCell, pairs: MuData) -> None:
    new = pairs[500:].copy()
    found = scoring.label_scores(new, column="state").dropna()
    assert len(found) > 170
    new = new[found.index].copy()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.idxmax(axis=1) == new.obs["state"].astype(str)).mean() > 0.6
    with pytest.raises(DataError, match=r"Nothing was learned of 'treatment'.*choose one of state"):
        scoring.label_scores(new, column="treatment")


def test_scorers_are_saved_with_the_model(scoring: VirtualCell, pairs: MuData, tmp_path: Path) -> None:
    scoring.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    new = pairs[500:540].copy()
    first, second = (m.pair_scores(new, source="rna", target="atac") for m in (scoring, again))
    np.testing.assert_array_equal(first, second)
    assert again.generators["pairs"]["pairs"].keys() == {"rna, atac"}


def test_what_cannot_be_asked_is_named(scoring: VirtualCell, pairs: MuData, joined: VirtualCell) -> None:
    new = pairs[500:520].copy()
    with pytest.raises(DataError, match="order is none of 20 cells"):
        scoring.pair_scores(new, source="rna", target="atac", order=np.arange(19))
    with pytest.raises(DataError, match="no modality 'prot'"):
        scoring.pair_scores(new, source="rna", target="prot")
    with pytest.raises(DataError, match="virtualcell generators"):
        joined.pair_scores(new, source="rna", target="atac")
    with pytest.raises(DataError, match="no column 'plate'"):
        scoring.suspicious_pairs(new, source="rna", target="atac", within="plate")
    new.obs["plate"] = "one"
    with pytest.raises(DataError, match=r"not scored within this column.*choose among state"):
        scoring.suspicious_pairs(new, source="rna", target="atac", within="plate")
    assert scoring.pair_groups("rna", "atac") == ["state"]


def test_assays_are_completed_with_bounds_that_hold() -> None:
    cells = simulate_assays(1, n_cells=900)
    model = VirtualCell(PLAIN).fit(cells, device="cpu")
    found = model.complete(cells, primary="rna")
    assert list(found) == ["atac", "prot"]
    for place, name in enumerate(cells.mod):
        if name in found:
            np.testing.assert_array_equal(found[name].obs["measured"], cells.obsm[MEASURED_KEY][:, place])
    # The prediction reads RNA alone: what was measured of the target changes nothing.
    alone = model.translate(MuData({"rna": cells["rna"]}), source="rna", target="prot")
    kept = (found["prot"].obs["why"] == "").to_numpy()
    assert kept.mean() > 0.97
    np.testing.assert_array_equal(alone.X[kept], found["prot"].X[kept])
    whole = cells.copy()
    truth = withheld(cells)
    for name, adata in whole.mod.items():
        adata.X = truth[name]
    whole.obsm[MEASURED_KEY] = np.ones((900, 3), dtype=bool)
    lacks = ~found["prot"].obs["measured"].to_numpy() & kept
    read = model.reading(whole, "prot")
    low, high = found["prot"].layers["low"][lacks], found["prot"].layers["high"][lacks]
    assert 0.85 < ((read[lacks] >= low) & (read[lacks] <= high)).mean() < 0.97
    error = ((found["prot"].X[lacks] - read[lacks]) ** 2).mean()
    assert error < 0.5 * ((read[~lacks].mean(0) - read[lacks]) ** 2).mean()
    with pytest.raises(DataError, match="600 cells lack atac"):
        model.complete(cells, primary="atac")

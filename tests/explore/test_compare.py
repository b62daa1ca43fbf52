"""Comparisons find what differs, give its size, and say what was left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from tests.explore.samples import adata, donors, poisson, prepared
from virtualcell.explore import compare, describe
from virtualcell.schema import DataError

RATES = np.array([40.0, 10.0, 10.0, 5.0, 1.0, 20.0, 30.0, 8.0])


@pytest.fixture(scope="module")
def rna():
    """Gene rna1 is four times as strong in the first 80 of 200 cells, rna4 a quarter."""
    counts = poisson(np.ones((200, 1)) * RATES * np.where(np.arange(200)[:, None] < 80, [1, 4, 1, 1, 0.25, 1, 1, 1], 1), 200)
    return prepared(rna=counts).mod["rna"]


def test_changed_genes_lead_and_their_folds_are_ratios_of_mean_counts_per_ten_thousand(rna):
    table = compare(rna, np.arange(80)).set_index("gene")
    assert table.index[0] == "rna1"
    assert table.index[-1] != "rna1"
    counts = rna.layers["counts"].toarray()
    share = 1e4 * counts / counts.sum(axis=1, keepdims=True)
    first, second = share[:80].mean(axis=0), share[80:].mean(axis=0)
    shown = table.loc[rna.var_names]
    np.testing.assert_allclose(shown["mean_first"], first, rtol=1e-4)
    np.testing.assert_allclose(shown["log2_fold_change"], np.log2((first + 0.1) / (second + 0.1)), rtol=1e-4)
    np.testing.assert_allclose(shown["percent_second"], 100 * (counts[80:] > 0).mean(axis=0), rtol=1e-6)
    # Beside all other genes, which sum to nearly as much: 4, less what rna1 itself adds to the depth.
    assert shown.loc["rna1", "log2_fold_change"] == pytest.approx(np.log2(4 * RATES.sum() / (RATES.sum() + 29.25)), abs=0.06)
    assert (shown.loc[["rna1", "rna4"], "adjusted_p"] < 1e-6).all()


def test_adjusted_p_is_benjamini_and_hochberg(rna):
    table = compare(rna, np.arange(80))
    p = table["p_value"].to_numpy()
    order = np.argsort(p)
    by_hand = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    np.testing.assert_allclose(table["adjusted_p"].to_numpy()[order], np.minimum(by_hand, 1))


def test_swapping_the_sides_turns_signs(rna):
    here, there = compare(rna, np.arange(80), np.arange(100, 180)), compare(rna, np.arange(100, 180), np.arange(80))
    there = there.set_index("gene").loc[here["gene"]]
    np.testing.assert_allclose(here["log2_fold_change"], -there["log2_fold_change"].to_numpy(), atol=1e-12)
    np.testing.assert_allclose(here["score"], -there["score"].to_numpy(), atol=1e-12)
    np.testing.assert_array_equal(here["percent_first"], there["percent_second"])


def test_cells_on_both_sides_count_for_the_first_alone(rna):
    table = compare(rna, np.arange(80), np.arange(60, 200))
    assert (table.attrs["n_first"], table.attrs["n_second"], table.attrs["shared"]) == (80, 120, 20)
    assert "20 cells on both sides" in describe(table)
    assert "on a map" in describe(table, drawn=True)
    assert "on a map" not in describe(table)
    np.testing.assert_array_equal(table["score"], compare(rna, np.arange(80))["score"])
    with pytest.raises(DataError, match="same cells"):
        compare(rna, np.arange(80), np.arange(80))
    with pytest.raises(DataError, match="on both sides"):
        compare(rna, np.arange(80), np.arange(70))


def test_a_mask_is_as_good_as_rows_and_nothing_is_changed(rna):
    before = rna.X.data.copy(), rna.layers["counts"].data.copy(), rna.obs.copy()
    mask = np.arange(200) < 80
    assert compare(rna, mask).equals(compare(rna, np.flatnonzero(mask)))
    np.testing.assert_array_equal(rna.X.data, before[0])
    np.testing.assert_array_equal(rna.layers["counts"].data, before[1])
    assert rna.obs.equals(before[2])


def test_what_cannot_be_compared_is_said(rna):
    with pytest.raises(DataError, match="at least 3 cells"):
        compare(rna, np.array([1, 2]))
    with pytest.raises(DataError, match="at least 3 cells"):
        compare(rna, np.array([], dtype=int))
    with pytest.raises(DataError, match="no rows"):
        compare(rna, np.array([0, 1, 2, 200]))
    with pytest.raises(DataError, match="no test"):
        compare(rna, np.arange(80), test="t")
    raw = adata(np.full((10, 4), 3))
    with pytest.raises(DataError, match="raw counts"):
        compare(raw, np.arange(4))


def test_cells_without_the_measurement_are_left_out():
    counts = poisson(RATES, 100)
    cells = prepared(rna=counts, prot=adata(poisson(RATES, 60, 1), "p", first=40))
    assert list(cells["prot"].obs["measured"]) == [False] * 40 + [True] * 60
    table = compare(cells["prot"], np.arange(70))
    assert (table.attrs["n_first"], table.attrs["n_second"], table.attrs["unmeasured"]) == (30, 30, 40)
    only = compare(cells["prot"][40:].copy(), np.arange(30))
    np.testing.assert_allclose(table["score"], only["score"])
    np.testing.assert_allclose(table["mean_first"], only["mean_first"], rtol=1e-5)
    with pytest.raises(DataError, match="were not measured"):
        compare(cells["prot"], np.arange(41))


def test_proteins_are_compared_as_centred_log_ratios():
    counts = np.vstack([poisson(RATES * [1, 4, 1, 1, 1, 1, 1, 1], 80), poisson(RATES, 120, 1)])
    prot = prepared(prot=counts).mod["prot"]
    table = compare(prot, np.arange(80)).set_index("feature").loc[prot.var_names]
    logs = np.log1p(counts) - np.log1p(counts).mean(axis=1, keepdims=True)
    change = (logs[:80].mean(axis=0) - logs[80:].mean(axis=0)) / np.log(2)
    np.testing.assert_allclose(table["log2_fold_change"], change, atol=1e-4)
    assert table["score"].idxmax() == "prot1"
    assert "centred log ratio" in describe(compare(prot, np.arange(80)))


def test_open_peaks_are_compared_whatever_their_weight():
    rng = np.random.default_rng(0)
    rate = np.where(np.arange(150)[:, None] < 60, [0.6, 0.3, 0.3, 0.9] * 5, [0.2, 0.3, 0.3, 0.9] * 5)
    atac = prepared(atac=rng.random((150, 20)) < rate).mod["atac"]
    table = compare(atac, np.arange(60)).set_index("feature").loc[atac.var_names]
    opened = atac.layers["counts"].toarray()
    share = 1e4 * opened / opened.sum(axis=1, keepdims=True)
    expected = np.log2((share[:60].mean(axis=0) + 0.1) / (share[60:].mean(axis=0) + 0.1))
    np.testing.assert_allclose(table["log2_fold_change"], expected, rtol=1e-4)
    assert set(table.nlargest(5, "score").index) == {f"atac{i}" for i in (0, 4, 8, 12, 16)}


def test_values_on_a_scale_of_their_own_have_a_difference_and_no_fold():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 4)).astype(np.float32)
    values[:40, 2] += 2
    panel = adata(np.zeros((90, 4)), "M")
    panel.X = values
    table = compare(panel, np.arange(40))
    assert table.attrs["change"] == "difference"
    assert table["feature"].iloc[0] == "M2"
    assert table["difference"].iloc[0] == pytest.approx(values[:40, 2].mean() - values[40:, 2].mean(), abs=1e-5)
    assert table["percent_first"].isna().all()


def test_pseudobulk_is_a_welch_test_of_edger_log_counts():
    rna, side, donor = donors(6, 30, 20, changed=2)
    table = compare(rna, side, test="pseudobulk", replicates=donor).set_index("gene").loc[rna.var_names]
    counts = rna.layers["counts"].toarray().astype(float)
    sums = np.stack([counts[donor == f"D{d}"].sum(axis=0) for d in range(6)])
    depth = sums.sum(axis=1)
    prior = 2 * depth / depth.min()
    logs = np.log2((sums + prior[:, None]) / (depth + 2 * prior)[:, None] * 1e6)
    theirs = ttest_ind(logs[:3], logs[3:], equal_var=False)
    np.testing.assert_allclose(table["score"], theirs.statistic, rtol=1e-6)
    np.testing.assert_allclose(table["p_value"], theirs.pvalue, rtol=1e-6)
    np.testing.assert_allclose(table["log2_fold_change"], logs[:3].mean(axis=0) - logs[3:].mean(axis=0), rtol=1e-6)
    assert not table.attrs["paired"]


def test_replicates_on_both_sides_are_paired():
    rna, side, donor = donors(5, 40, 150, changed=3, both=True, spread=1.0)
    table = compare(rna, side, test="pseudobulk", replicates=donor)
    assert table.attrs["paired"]
    assert "Paired t-test over 5 samples" in describe(table)
    assert set(table["gene"][:3]) == {"rna0", "rna1", "rna2"}
    assert (table["adjusted_p"][:3] < 0.01).all()
    assert (table["adjusted_p"][3:] > 0.05).mean() > 0.97
    assert table["log2_fold_change"][:3].to_numpy() == pytest.approx(np.log2(3), abs=0.3)
    counts = rna.layers["counts"].toarray().astype(float)
    sums = np.stack([counts[(donor == f"D{d}") & (side == s)].sum(axis=0) for s in (True, False) for d in range(5)])
    depth = sums.sum(axis=1, keepdims=True)
    prior = 2 * depth / depth.min()
    logs = np.log2((sums + prior) / (depth + 2 * prior))
    theirs = ttest_rel(logs[:5], logs[5:])
    np.testing.assert_allclose(table.set_index("gene").loc[rna.var_names, "score"], theirs.statistic, rtol=1e-6)


def test_between_donors_cells_mislead_and_samples_do_not():
    """Nothing differs between the sides but which donors are on them: 5 % of the p-values should lie below 0.05."""
    wrong, right = [], []
    for seed in range(3):
        rna, side, donor = donors(8, 40, 150, spread=0.4, seed=seed)
        wrong.append(compare(rna, side)["p_value"].to_numpy())
        right.append(compare(rna, side, test="pseudobulk", replicates=donor)["p_value"].to_numpy())
    assert np.mean(np.concatenate(wrong) < 0.05) > 0.4
    assert 0.02 < np.mean(np.concatenate(right) < 0.05) < 0.08
    assert np.nanmin(np.concatenate(right)) > 1e-5


def test_paired_samples_are_calibrated_too():
    found = []
    for seed in range(3):
        rna, side, donor = donors(6, 40, 150, spread=0.8, both=True, seed=seed)
        found.append(compare(rna, side, test="pseudobulk", replicates=donor)["p_value"].to_numpy())
    assert 0.02 < np.mean(np.concatenate(found) < 0.05) < 0.08


def test_small_groups_of_cells_are_left_out_and_named():
    rna, side, donor = donors(6, 30, 20)
    kept = np.ones(len(donor), bool)
    kept[np.flatnonzero(donor == "D0")[:25]] = False
    rna, side, donor = rna[kept].copy(), side[kept], donor[kept]
    table = compare(rna, side, test="pseudobulk", replicates=donor)
    assert table.attrs["replicates_first"] == ["D1", "D2"]
    assert "D0 (first side: 5 cells)" in describe(table)


def test_too_few_replicates_are_an_error_and_rare_features_are_not_tested():
    rna, side, donor = donors(2, 40, 20)
    with pytest.raises(DataError, match=r"1 and 1 replicate"):
        compare(rna, side, test="pseudobulk", replicates=donor)
    with pytest.raises(DataError, match="which sample"):
        compare(rna, side, test="pseudobulk")
    counts = np.c_[poisson(RATES, 160), np.zeros(160, int)]
    counts[[3, 90], -1] = 2
    rare = prepared(rna=counts).mod["rna"]
    sample = np.repeat([f"S{i}" for i in range(8)], 20)
    table = compare(rare, np.arange(80), test="pseudobulk", replicates=sample).set_index("gene")
    assert np.isnan(table.loc["rna8", ["p_value", "adjusted_p", "score"]].astype(float)).all()
    assert table.attrs["tested"] == 8
    assert table.index[-1] == "rna8"


def test_pseudobulk_of_proteins_takes_log_ratios_of_sums():
    rng = np.random.default_rng(0)
    counts = rng.poisson(RATES * np.exp(rng.normal(0, 0.2, (6, 8)))[np.repeat(np.arange(6), 25)])
    prot = prepared(prot=counts).mod["prot"]
    sample = np.repeat(list("abcdef"), 25)
    table = compare(prot, np.arange(75), test="pseudobulk", replicates=sample).set_index("feature").loc[prot.var_names]
    sums = np.log1p(np.stack([counts[sample == s].sum(axis=0) for s in "abcdef"]))
    logs = (sums - sums.mean(axis=1, keepdims=True)) / np.log(2)
    np.testing.assert_allclose(table["score"], ttest_ind(logs[:3], logs[3:], equal_var=False).statistic, rtol=1e-6)


@pytest.mark.parametrize("kind", ["rna", "prot"])
def test_a_few_cells_beside_many_of_the_same_do_not_differ(kind):
    """A selection is small beside all others: sums of 15 cells and of 400 of the same donors, with nothing between them."""
    rng = np.random.default_rng(0)
    rates = np.geomspace(0.002, 20, 200 if kind == "rna" else 40)
    donor, side = np.repeat(np.arange(6), 415), np.tile(np.arange(415) < 15, 6)
    own = rates * np.exp(rng.normal(0, 0.1, (6, len(rates))))
    small = prepared(**{kind: rng.poisson(own[donor] * rng.gamma(4, 0.25, (len(donor), 1)))}).mod[kind]
    table = compare(small, side, test="pseudobulk", replicates=donor)
    tested = table[table["p_value"].notna()]
    assert len(tested) > 0.4 * len(rates)
    assert (tested["p_value"] < 0.05).mean() < 0.13
    assert not (tested["adjusted_p"] < 0.05).any()
    assert abs(tested["log2_fold_change"].median()) < 0.1
    assert tested["log2_fold_change"].abs().max() < 1


def test_cells_of_no_known_sample_are_no_sample():
    rna, side, donor = donors(6, 30, 20)
    donor = np.where(np.arange(len(donor)) % 15 == 0, "unknown", donor).astype(object)
    donor[1::15] = np.nan
    table = compare(rna, side, test="pseudobulk", replicates=donor)
    assert not table.attrs["paired"]
    assert table.attrs["replicates_first"] == ["D0", "D1", "D2"]
    assert "cells of no known sample (first side: 12 cells)" in describe(table)


def test_cells_that_hold_more_counts_are_said_to():
    deep = np.arange(300) < 100
    rna = prepared(rna=np.random.default_rng(0).poisson(np.where(deep, 3.0, 1.0)[:, None] * RATES)).mod["rna"]
    said = describe(compare(rna, deep), "A", "the others")
    assert "A cell of A holds 3.0 times the counts of one of the others" in said
    assert "times the counts" not in describe(compare(rna, np.arange(300) % 2 == 0))

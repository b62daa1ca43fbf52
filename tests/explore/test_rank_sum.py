"""The rank-sum test gives the numbers of scipy and scanpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from scipy.stats import kstest, mannwhitneyu

from virtualcell.explore.rank_sum import rank_sum


@pytest.fixture
def values() -> np.ndarray:
    """60 cells, most values 0, many ties; one feature all 0, one all 1, one with a single cell."""
    rng = np.random.default_rng(0)
    found = rng.poisson(0.7, (60, 12)).astype(np.float32)
    found[:, 0], found[:, 1], found[:, 2] = 0, 1, 0
    found[4, 2] = 2
    return found


FIRST = np.arange(60) % 3 == 0


def test_scores_and_p_values_are_those_of_scipy(values):
    score, p_value = rank_sum(sp.csr_matrix(values), FIRST)
    for j in range(2, values.shape[1]):
        there = mannwhitneyu(values[FIRST, j].astype(float), values[~FIRST, j], method="asymptotic", use_continuity=False)
        assert p_value[j] == pytest.approx(there.pvalue, rel=1e-10)
        assert np.sign(score[j]) == np.sign(there.statistic - FIRST.sum() * (~FIRST).sum() / 2)
    np.testing.assert_array_equal(score[:2], 0)
    np.testing.assert_array_equal(p_value[:2], 1)


def test_dense_values_below_zero_and_missing_ones_are_those_of_scipy(values):
    moved = values.astype(float) - 0.5
    moved[7, 5] = moved[20, 5] = np.nan
    score, p_value = rank_sum(moved, FIRST)
    np.testing.assert_allclose(np.delete(score, 5), np.delete(rank_sum(sp.csr_matrix(values), FIRST)[0], 5), atol=1e-12)
    there = mannwhitneyu(moved[FIRST, 5], moved[~FIRST, 5], method="asymptotic", use_continuity=False, nan_policy="omit")
    assert p_value[5] == pytest.approx(there.pvalue, rel=1e-10)


def test_scores_are_those_of_scanpy_with_ties_corrected(values):
    group = pd.Categorical(np.where(FIRST, "first", "second"))
    cells = AnnData(sp.csr_matrix(values), obs=pd.DataFrame({"group": group}, index=[str(i) for i in range(60)]))
    sc.tl.rank_genes_groups(cells, "group", groups=["first"], reference="second", method="wilcoxon", tie_correct=True)
    theirs = sc.get.rank_genes_groups_df(cells, "first").set_index("names").loc[cells.var_names]
    score, p_value = rank_sum(cells.X, FIRST)
    np.testing.assert_allclose(score, theirs["scores"], atol=1e-5)
    np.testing.assert_allclose(p_value, theirs["pvals"], rtol=1e-6)


def test_stored_zeros_are_zeros_and_negative_sparse_values_are_refused(values):
    stored = sp.csr_matrix(values)
    stored.data[:5] = 0
    np.testing.assert_array_equal(rank_sum(stored, FIRST)[0], rank_sum(sp.csr_matrix(stored.toarray()), FIRST)[0])
    with pytest.raises(ValueError, match="below 0"):
        rank_sum(sp.csr_matrix(-values), FIRST)


def test_p_values_are_uniform_where_cells_are_split_at_random():
    rng = np.random.default_rng(1)
    values = sp.csr_matrix(np.log1p(rng.poisson(2.0, (400, 500)) * rng.uniform(0.8, 1.2, (400, 1))))
    p_value = rank_sum(values, rng.random(400) < 0.4)[1]
    assert kstest(p_value, "uniform").pvalue > 0.01
    assert np.mean(p_value < 0.05) == pytest.approx(0.05, abs=0.025)

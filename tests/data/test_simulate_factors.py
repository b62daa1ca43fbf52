"""The planted factors are what obs says: shares, independence, and genes that follow each of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, spearmanr

from virtualcell.data.simulate_factors import FACTORS, SHARES, STATES, simulate_factors


def test_states_are_uneven_and_factors_independent() -> None:
    cells = simulate_factors(n_cells=4000, n_genes=60, seed=0)
    shares = cells.obs["state"].value_counts(normalize=True)[list(STATES)].to_numpy()
    np.testing.assert_allclose(shares, SHARES, atol=0.03)
    assert 0.05 <= min(SHARES) <= 0.08
    assert sum(SHARES) == pytest.approx(1)
    for name in FACTORS:
        assert kstest(cells.obs[name], "uniform").pvalue > 1e-3
        for state in STATES:
            assert abs(cells.obs[name][cells.obs["state"] == state].mean() - 0.5) < 0.08
    assert abs(spearmanr(cells.obs[FACTORS[0]], cells.obs[FACTORS[1]]).statistic) < 0.06


def test_counts_are_counts_with_more_noise_than_poisson() -> None:
    cells = simulate_factors(n_cells=500, n_genes=200, seed=1)
    counts = cells["rna"].X.toarray()
    assert (counts == np.round(counts)).all()
    assert counts.min() == 0
    assert 1_500 < np.median(counts.sum(1)) < 2_500
    abundant = counts[:, counts.mean(0) > 10]
    assert (abundant.var(0) > 1.5 * abundant.mean(0)).all()


def test_genes_follow_both_factors_the_first_more() -> None:
    """Within one state, so that what follows is no difference between states."""
    cells = simulate_factors(n_cells=4000, n_genes=300, seed=2)
    counts = cells["rna"].X.toarray()
    shares = np.log1p(1e4 * counts / counts.sum(1, keepdims=True))
    one = (cells.obs["state"] == STATES[0]).to_numpy()
    rho = np.array([[abs(spearmanr(gene, cells.obs[f][one]).statistic) for gene in shares[one].T] for f in FACTORS])
    strong = (rho > 0.2).sum(axis=1)
    assert strong[0] > strong[1] > 10
    shuffled = np.random.default_rng(0).permutation(cells.obs[FACTORS[0]][one])
    assert max(abs(spearmanr(gene, shuffled).statistic) for gene in shares[one].T) < 0.2


def test_the_seed_decides() -> None:
    first, again, other = (simulate_factors(n_cells=60, n_genes=50, seed=seed)["rna"].X for seed in (3, 3, 4))
    assert (first != again).nnz == 0
    assert (first != other).nnz > 0


@pytest.mark.parametrize("wrong", [{"n_cells": 49}, {"n_genes": 49}])
def test_too_few_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="too few"):
        simulate_factors(**wrong)

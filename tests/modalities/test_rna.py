"""The negative binomial of RNA against scipy, and its input transform against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import softmax
from scipy.stats import nbinom

from virtualcell.modalities.rna import Rna, negative_binomial


def sample(n: int = 50, features: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(1.0, 4.0, size=(n, features))).astype(np.float32) + np.eye(n, features, dtype=np.float32)


def test_likelihood_is_that_of_scipy() -> None:
    counts = sample()
    rng = np.random.default_rng(1)
    rna = Rna(12, 3)
    output, log_theta = rng.normal(size=(50, 12)), rng.normal(size=12)
    with torch.no_grad():
        rna.log_theta.copy_(torch.from_numpy(log_theta))
        found = rna.log_likelihood(torch.from_numpy(counts), torch.from_numpy(output).float()).numpy()
    mean = counts.sum(1, keepdims=True) * softmax(output, axis=1)
    theta = np.exp(log_theta)
    expected = nbinom.logpmf(counts, theta, theta / (theta + mean)).sum(1)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.parametrize(("mean", "theta"), [(0.2, 0.5), (3.0, 1.0), (10.0, 7.0)])
def test_probabilities_of_all_counts_add_up_to_one_and_have_the_mean(mean: float, theta: float) -> None:
    counts = torch.arange(2000, dtype=torch.float64)[:, None]
    log_p = negative_binomial(counts, torch.full_like(counts, mean), torch.tensor([theta], dtype=torch.float64))
    p = log_p.exp()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-9)
    assert float(p @ counts[:, 0]) == pytest.approx(mean, rel=1e-6)
    variance = float(p @ counts[:, 0] ** 2) - mean**2
    assert variance == pytest.approx(mean + mean**2 / theta, rel=1e-6)


def test_normalisation_is_log_counts_per_ten_thousand() -> None:
    counts = sample()
    found = Rna(12, 3).normalise(torch.from_numpy(counts)).numpy()
    np.testing.assert_allclose(found, np.log1p(counts / counts.sum(1, keepdims=True) * 1e4), rtol=1e-5)


def test_an_empty_cell_is_read_without_a_missing_number() -> None:
    rna = Rna(12, 3)
    rna.fit(sp.csr_matrix(sample()), seed=0)
    assert torch.isfinite(rna.scores(torch.zeros(1, 12))).all()


def test_expectation_is_in_counts_per_ten_thousand() -> None:
    output = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 12))).float()
    found = Rna(12, 3).expectation(output).numpy()
    np.testing.assert_allclose(found.sum(1), 1e4, rtol=1e-5)
    np.testing.assert_allclose(found, 1e4 * softmax(output.numpy(), axis=1), rtol=1e-4)


def test_base_predicts_the_average_cell() -> None:
    counts = sample()
    rna = Rna(12, 3)
    rna.fit(sp.csr_matrix(counts), seed=0)
    share = counts.sum(0) / counts.sum()
    np.testing.assert_allclose(rna.expectation(rna.base[None]).numpy()[0] / 1e4, share, rtol=0.02)

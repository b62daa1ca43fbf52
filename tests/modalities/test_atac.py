"""The Bernoulli of open peaks, written directly, and TF-IDF against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import bernoulli, poisson

from virtualcell.modalities.atac import Atac


def sample(n: int = 60, features: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    opened = rng.random((n, features)) < rng.uniform(0.05, 0.6, features)
    opened[:, 0] |= ~opened.any(1)
    return opened.astype(np.float32)


def test_likelihood_is_bernoulli_with_complementary_log_log() -> None:
    counts = sample()
    output = np.random.default_rng(1).normal(-4, 1, size=counts.shape)
    found = Atac(20, 3).log_likelihood(torch.from_numpy(counts), torch.from_numpy(output).float()).numpy()
    p = 1 - np.exp(-counts.sum(1, keepdims=True) * np.exp(output))
    np.testing.assert_allclose(found, bernoulli.logpmf(counts.astype(int), p).sum(1), rtol=1e-4)


def test_a_peak_is_open_when_a_poisson_number_of_fragments_is_not_zero() -> None:
    # Depth 1 with rates that vanish elsewhere: what is left is one peak, open with probability 1 - Poisson(0).
    output = torch.tensor([[-1.0, -60.0, -60.0, -60.0]])
    opened = Atac(4, 1).log_likelihood(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), output).exp()
    assert float(opened) == pytest.approx(1 - poisson.pmf(0, np.exp(-1.0)), abs=1e-5)


def test_the_likeliest_rate_is_the_one_that_made_the_peaks() -> None:
    rng = np.random.default_rng(3)
    atac = Atac(400, 1)
    depth = 30
    truth = np.log(-np.log1p(-depth / 400) / depth)  # of 400 equal peaks, 30 open
    counts = np.zeros((200, 400), dtype=np.float32)
    for row in counts:
        row[rng.choice(400, depth, replace=False)] = 1
    rates = truth + np.linspace(-1, 1, 41)
    likelihood = [float(atac.log_likelihood(torch.from_numpy(counts), torch.full((200, 400), float(r))).sum()) for r in rates]
    assert rates[int(np.argmax(likelihood))] == pytest.approx(truth, abs=1e-6)


def test_normalisation_is_tf_idf_by_hand() -> None:
    counts = sample()
    atac = Atac(20, 3)
    atac.fit(sp.csr_matrix(counts), seed=0)
    idf = len(counts) / (1 + counts.sum(0))
    expected = np.log1p(1e4 * counts / counts.sum(1, keepdims=True) * idf)
    np.testing.assert_allclose(atac.normalise(torch.from_numpy(counts)).numpy(), expected, rtol=1e-5)


def test_expectation_is_the_probability_at_the_median_depth() -> None:
    counts = sample()
    atac = Atac(20, 3)
    atac.fit(sp.csr_matrix(counts), seed=0)
    output = np.random.default_rng(2).normal(-3, 1, size=(5, 20)).astype(np.float32)
    found = atac.expectation(torch.from_numpy(output)).numpy()
    np.testing.assert_allclose(found, 1 - np.exp(-np.median(counts.sum(1)) * np.exp(output)), rtol=1e-4)
    assert found.min() >= 0
    assert found.max() <= 1


def test_base_predicts_how_often_a_peak_is_open() -> None:
    counts = sample(n=400)
    atac = Atac(20, 3)
    atac.fit(sp.csr_matrix(counts), seed=0)
    np.testing.assert_allclose(atac.expectation(atac.base[None]).numpy()[0], counts.mean(0), atol=0.06)

"""The background and foreground of surface proteins against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp
from scipy.stats import nbinom

from virtualcell.modalities.protein import Protein


def sample(n: int = 60, features: int = 8, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    high = rng.random((n, features)) < 0.4
    return rng.poisson(np.where(high, 80.0, 4.0)).astype(np.float32)


def fitted(counts: np.ndarray) -> Protein:
    protein = Protein(counts.shape[1], 3)
    protein.fit(counts, seed=0)
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for parameter in (protein.log_theta, protein.slope, protein.offset):
            parameter.add_(torch.from_numpy(rng.normal(0, 0.5, parameter.shape)).float())
    return protein


def pieces(protein: Protein, output: np.ndarray) -> tuple[np.ndarray, ...]:
    low = np.exp(protein.log_background.detach().numpy().astype(float))
    high = low * (1 + np.exp(output))
    share = expit(protein.slope.detach().numpy() * (output - protein.base.numpy()) + protein.offset.detach().numpy())
    return low, high, share, np.exp(protein.log_theta.detach().numpy().astype(float))


def test_likelihood_is_the_mixture_of_two_negative_binomials() -> None:
    counts = sample()
    protein = fitted(counts)
    output = np.random.default_rng(1).normal(1, 1, size=counts.shape)
    with torch.no_grad():
        found = protein.log_likelihood(torch.from_numpy(counts), torch.from_numpy(output).float()).numpy()
    low, high, share, theta = pieces(protein, output)
    log_low = np.log1p(-share) + nbinom.logpmf(counts, theta[0], theta[0] / (theta[0] + low))
    log_high = np.log(share) + nbinom.logpmf(counts, theta[1], theta[1] / (theta[1] + high))
    np.testing.assert_allclose(found, logsumexp([log_low, log_high], axis=0).sum(1), rtol=1e-4)


def test_probabilities_add_up_to_one_and_expectation_is_their_mean() -> None:
    protein = fitted(sample(features=4)[:, :4])
    output = torch.tensor([[0.3, 0.0, 0.0, 0.0]])
    only = Protein(1, 1)
    with torch.no_grad():
        for name in ("log_background", "slope", "offset"):
            getattr(only, name).copy_(getattr(protein, name)[:1])
        only.log_theta.copy_(protein.log_theta[:, :1])
        only.base.copy_(protein.base[:1])
        counts = torch.arange(4000, dtype=torch.float32)[:, None]
        p = only.log_likelihood(counts, output[:, :1].expand(len(counts), 1)).double().exp()
        mean = only.expectation(output[:, :1])
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-3)
    assert float(p @ counts[:, 0].double()) == pytest.approx(float(mean), rel=5e-3)


def test_foreground_is_brighter_than_background() -> None:
    protein = fitted(sample())
    low, high, _ = protein.parts(torch.randn(30, 8, generator=torch.Generator().manual_seed(0)) * 5)
    assert (high > low).all()


def test_normalisation_is_the_centred_log_ratio() -> None:
    counts = sample()
    logs = np.log1p(counts)
    found = Protein(8, 3).normalise(torch.from_numpy(counts)).numpy()
    np.testing.assert_allclose(found, logs - logs.mean(1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-4)


def test_two_groups_of_cells_are_found_at_the_start() -> None:
    """Background, brightness and share of a mixture with a known answer, without a step of training."""
    rng = np.random.default_rng(0)
    share = np.array([0.2, 0.5, 0.8])
    high = rng.random((4000, 3)) < share
    counts = rng.poisson(np.where(high, 90.0, 5.0) * rng.gamma(8.0, 1 / 8.0, (4000, 3))).astype(np.float32)
    protein = Protein(3, 1)
    protein.fit(counts, seed=0)
    low, bright, logit = protein.parts(protein.base[None])
    np.testing.assert_allclose(low.detach(), 5.0, rtol=0.1)
    np.testing.assert_allclose(bright.detach()[0], 90.0, rtol=0.1)
    np.testing.assert_allclose(torch.sigmoid(logit).detach()[0], share, atol=0.04)
    np.testing.assert_allclose(protein.expectation(protein.base[None]).detach()[0], counts.mean(0), rtol=0.1)
    np.testing.assert_allclose(protein.log_theta.detach().exp()[1], 8.0, rtol=0.5)

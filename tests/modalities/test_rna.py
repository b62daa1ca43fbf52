"""The negative binomial of RNA against scipy, and its input transform against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import softmax
from scipy.stats import nbinom

from tests.modalities.samples import as_values, make_fitted, make_values
from virtualcell.modalities import MODALITIES, Counts
from virtualcell.modalities.negative_binomial import log_nb
from virtualcell.modalities.rna import Rna


def test_likelihood_is_that_of_scipy() -> None:
    counts = make_values("rna", 50, 12)
    rng = np.random.default_rng(1)
    rna = Rna(12, 3)
    output, log_theta = rng.normal(size=(50, 12)), rng.normal(size=12)
    with torch.no_grad():
        rna.log_theta.copy_(torch.from_numpy(log_theta))
        found = rna.log_likelihood(as_values(rna, counts), torch.from_numpy(output)).numpy()
    mean = counts.sum(1, keepdims=True) * softmax(output, axis=1)
    theta = np.exp(log_theta)
    np.testing.assert_allclose(found, nbinom.logpmf(counts, theta, theta / (theta + mean)).sum(1), rtol=1e-5)


def test_log_prob_takes_the_depth_that_it_is_given() -> None:
    counts = make_values("rna", 5, 12)
    rna = Rna(12, 3)
    output = np.random.default_rng(1).normal(size=(5, 12))
    found = rna.log_prob(torch.from_numpy(counts), torch.from_numpy(output).float(), torch.full((5, 1), 7.0)).detach().numpy()
    theta = np.e
    np.testing.assert_allclose(
        found, nbinom.logpmf(counts, theta, theta / (theta + 7 * softmax(output, axis=1))), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("mean", "theta"), [(0.2, 0.5), (3.0, 1.0), (10.0, 7.0)])
def test_probabilities_of_all_counts_add_up_to_one_and_have_the_mean(mean: float, theta: float) -> None:
    counts = torch.arange(2000, dtype=torch.float64)[:, None]
    p = log_nb(counts, torch.full_like(counts, mean).log(), torch.tensor([theta], dtype=torch.float64).log()).exp()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-9)
    assert float(p.T @ counts) == pytest.approx(mean, rel=1e-6)
    variance = float(p.T @ counts**2) - mean**2
    assert variance == pytest.approx(mean + mean**2 / theta, rel=1e-6)


def test_normalisation_is_log_counts_per_ten_thousand() -> None:
    counts = make_values("rna")
    kind = Rna(15, 3)
    found = kind.normalise(as_values(kind, counts)).numpy()
    np.testing.assert_allclose(found, np.log1p(counts / counts.sum(1, keepdims=True) * 1e4), rtol=1e-5)


@pytest.mark.parametrize("name", ["rna", "rna-zinb", "atac", "atac-poisson"])
def test_an_empty_cell_is_read_without_a_missing_number(name: str) -> None:
    kind = make_fitted(name, make_values(name))
    empty = Counts.of(sp.csr_matrix((1, 15), dtype=np.float32))
    assert torch.isfinite(kind.scores(empty)).all()
    assert torch.isfinite(kind.response(empty)).all()


def test_expectation_is_in_counts_per_ten_thousand() -> None:
    output = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 12))).float()
    found = Rna(12, 3).expectation(output).numpy()
    np.testing.assert_allclose(found.sum(1), 1e4, rtol=1e-5)
    np.testing.assert_allclose(found, 1e4 * softmax(output.numpy(), axis=1), rtol=1e-4)


def test_base_predicts_the_average_cell() -> None:
    counts = make_values("rna", 400)
    rna = make_fitted("rna", counts)
    share = counts.sum(0) / counts.sum()
    np.testing.assert_allclose(rna.expectation(rna.base[None]).numpy()[0] / 1e4, share, rtol=0.02, atol=1e-4)


def test_dispersions_start_from_moments() -> None:
    rng = np.random.default_rng(0)
    theta = np.repeat([0.3, 1.0, 5.0, 20.0], 5)
    depth = rng.lognormal(0, 0.4, (4000, 1))
    mean = depth * rng.uniform(4, 10, 20)
    counts = rng.poisson(mean * rng.gamma(theta, 1 / theta, mean.shape)).astype(np.float32)
    # A feature that takes up noise in the total, so that depth is known nearly as well as in a whole transcriptome.
    counts = np.hstack([counts, rng.poisson(3000 * depth)]).astype(np.float32)
    found = make_fitted("rna", counts, 2).log_theta.detach().exp().numpy()[:20]
    np.testing.assert_allclose(found, theta, rtol=0.35)


def test_zeros_beyond_the_negative_binomial_are_found() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(8.0, (3000, 7)).astype(np.float32)
    counts[:, :3] *= rng.random((3000, 3)) > 0.4
    counts[:, 6] = rng.poisson(1000.0, 3000)  # most of the depth is found elsewhere, as in a whole transcriptome
    kind = make_fitted("rna-zinb", counts, 2)
    optimiser = torch.optim.Adam([start := kind.base.clone().requires_grad_(), kind.log_theta], lr=0.05)
    values = as_values(kind, counts)
    for _ in range(200):
        optimiser.zero_grad()
        (-kind.log_likelihood(values, start.expand(3000, -1)).mean()).backward()
        optimiser.step()
    lost = torch.sigmoid(start[7:]).detach().numpy()
    np.testing.assert_allclose(lost[:3], 0.4, atol=0.05)
    assert (lost[3:] < 0.05).all()
    np.testing.assert_allclose(kind.expectation(start[None]).detach().numpy()[0] / 1e4, counts.sum(0) / counts.sum(), rtol=0.05)


def test_likelihood_with_lost_transcripts_is_that_of_scipy() -> None:
    counts = make_values("rna", 50, 12)
    rng = np.random.default_rng(1)
    kind = MODALITIES["rna-zinb"](12, 3)
    output, lost = rng.normal(size=(50, 12)), rng.normal(size=(50, 12))
    with torch.no_grad():
        found = kind.log_likelihood(as_values(kind, counts), torch.from_numpy(np.hstack([output, lost]))).numpy()
    mean, p, theta = counts.sum(1, keepdims=True) * softmax(output, axis=1), 1 / (1 + np.exp(-lost)), np.e
    drawn = (1 - p) * nbinom.pmf(counts, theta, theta / (theta + mean))
    np.testing.assert_allclose(found, np.log(np.where(counts > 0, drawn, p + drawn)).sum(1), rtol=1e-5)

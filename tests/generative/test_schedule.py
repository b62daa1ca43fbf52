"""Both ways from noise to a sample end at the known distribution, at second order in the number of steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from virtualcell.generative.core import Core
from virtualcell.generative.schedule import PATHS, noise_levels

MEAN, SPREAD = 0.7, 0.5


def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Of a normal distribution: posterior mean under noise."""
    return MEAN + (noisy - MEAN) * SPREAD**2 / (SPREAD**2 + sigma**2)


@pytest.mark.parametrize("kind", sorted(PATHS))
def test_a_gaussian_is_reached_at_second_order(kind: str) -> None:
    start = torch.randn(200, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    errors = []
    for steps in (10, 20, 40):
        found = PATHS[kind](denoise, start, steps)
        # The probability flow of a Gaussian is linear: each start goes to its own quantile.
        errors.append(float((found - (MEAN + SPREAD * start)).abs().mean()))
    assert errors[2] < 0.02
    for coarse, fine in itertools.pairwise(errors):
        assert np.log2(coarse / fine) > 1.6


def test_noise_levels_fall_to_nothing_and_follow_the_power_law() -> None:
    levels = noise_levels(18)
    assert levels[0] == pytest.approx(80, rel=1e-4)
    assert levels[-2] == pytest.approx(0.002, rel=1e-3)
    assert levels[-1] == 0
    np.testing.assert_allclose(
        np.diff(levels[:-1].double().numpy() ** (1 / 7)), (0.002 ** (1 / 7) - 80 ** (1 / 7)) / 17, rtol=1e-2
    )


def test_the_denoiser_of_a_mixture_is_its_posterior_mean() -> None:
    """Against the average over many draws of the mixture, weighted by how well each explains what was seen."""
    rng = np.random.default_rng(0)
    core = Core(2, 2, 2, 1)
    core.means.copy_(torch.tensor([[-1.0, 0.0], [1.5, 0.5]]))
    core.slopes.copy_(torch.tensor([[[0.5, 0.0]], [[-0.5, 1.0]]]))
    core.values.copy_(torch.tensor([[0.3, 0.1], [0.2, 0.4]]))
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    core.vectors.copy_(torch.stack([turn, torch.eye(2)]))
    core.share.copy_(torch.tensor([[0.0, 0.0], [0.4, -0.4]]))
    core.places.copy_(torch.tensor([[0.2], [-0.3]]))
    core.roots.copy_(torch.tensor([[[1.0]], [[1.5]]]))
    c = torch.tensor([[0.6, 1.0]])
    log_weight = np.array([0.4, -0.4]) - 0.5 * np.array([(0.6 - 0.2) ** 2, (1.5 * (0.6 + 0.3)) ** 2])
    part = rng.choice(2, 400_000, p=np.exp(log_weight) / np.exp(log_weight).sum())
    means = np.array([[-1.0 + 0.3, 0.0], [1.5 - 0.3, 0.5 + 0.6]])
    roots = [turn.numpy() * np.sqrt([0.3, 0.1]), np.diag(np.sqrt([0.2, 0.4]))]
    e = rng.standard_normal((len(part), 2))
    u = means[part] + np.where(part[:, None] == 0, e @ roots[0].T, e @ roots[1].T)
    np.testing.assert_allclose(core.mean_of_mixture(c)[0].numpy(), u.mean(0), atol=0.01)
    for noisy, sigma in (([0.2, 0.3], 0.7), ([3.0, -2.0], 2.0)):
        weight = np.exp(-0.5 * ((u - noisy) ** 2).sum(1) / sigma**2)
        wanted = (weight[:, None] * u).sum(0) / weight.sum()
        found = core.denoise(torch.tensor([noisy]), torch.tensor([[sigma]]), core.experts(c))[0].numpy()
        np.testing.assert_allclose(found, wanted, atol=0.02)

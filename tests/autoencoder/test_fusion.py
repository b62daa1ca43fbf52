"""The product of experts against densities multiplied on a grid."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm

from virtualcell.autoencoder.fusion import FUSIONS, product_of_experts


def test_two_experts_and_the_prior_multiply_as_densities_do() -> None:
    grid = np.linspace(-12, 12, 24_001)
    means, logvars = np.array([1.5, -0.7]), np.array([-0.4, 0.9])
    density = norm.pdf(grid) * np.prod([norm.pdf(grid, m, np.exp(0.5 * v)) for m, v in zip(means, logvars, strict=True)], axis=0)
    density /= density.sum()
    mean = (density * grid).sum()
    variance = (density * (grid - mean) ** 2).sum()
    found = product_of_experts(
        torch.from_numpy(means).reshape(2, 1, 1), torch.from_numpy(logvars).reshape(2, 1, 1), torch.tensor([[True, True]])
    )
    np.testing.assert_allclose(float(found[0]), mean, rtol=1e-6)
    np.testing.assert_allclose(float(found[1].exp()), variance, rtol=1e-5)


def test_an_expert_that_may_not_speak_has_no_influence() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, logvar = torch.randn(2, 7, 3, generator=generator), torch.randn(2, 7, 3, generator=generator)
    mask = torch.tensor([[True, False]] * 7)
    other = mean.clone()
    other[1] = 1e3
    for a, b in zip(product_of_experts(mean, logvar, mask), product_of_experts(other, logvar, mask), strict=True):
        assert torch.equal(a, b)


def test_without_experts_the_prior_is_left() -> None:
    mean, logvar = product_of_experts(torch.ones(2, 4, 3), torch.zeros(2, 4, 3), torch.zeros(4, 2, dtype=torch.bool))
    assert torch.equal(mean, torch.zeros(4, 3))
    assert torch.equal(logvar.exp(), torch.ones(4, 3))


def test_the_order_of_experts_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(1)
    mean, logvar = torch.randn(2, 5, 3, generator=generator), torch.randn(2, 5, 3, generator=generator)
    mask = torch.tensor([[True, True], [True, False], [False, True], [True, True], [True, True]])
    for a, b in zip(
        product_of_experts(mean, logvar, mask), product_of_experts(mean.flip(0), logvar.flip(0), mask.flip(1)), strict=True
    ):
        torch.testing.assert_close(a, b)
    assert FUSIONS["product"] is product_of_experts

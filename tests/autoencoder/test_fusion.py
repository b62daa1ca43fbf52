"""The product of experts against densities multiplied on a grid, and the mixture against draws from it."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm

from virtualcell.autoencoder.fusion.mixture import Mixture, draw_stratified
from virtualcell.autoencoder.fusion.product import product_of_experts


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


def random_mixture(seed: int = 0) -> tuple[Mixture, dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    mixture = Mixture({"a": 4, "b": 5, "c": 3}, 2, 8)
    with torch.no_grad():
        for p in mixture.parameters():
            p.add_(0.4 * torch.randn(p.shape))
    return mixture, {"a": torch.randn(6, 4), "b": torch.randn(6, 5), "c": torch.randn(6, 3)}


def test_the_mixture_in_evaluation_has_the_moments_of_its_draws() -> None:
    mixture, scores = random_mixture()
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [0, 0, 1]], dtype=torch.bool)
    repeat = 20_000
    many = {m: x.repeat(repeat, 1) for m, x in scores.items()}
    torch.manual_seed(1)
    with torch.no_grad():
        mean, logvar = mixture.train()(many, mask.repeat(repeat, 1))
        draws = (mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)).reshape(repeat, 6, 2)
        found = mixture.eval()(scores, mask)
    np.testing.assert_allclose(found[0].numpy(), draws.mean(0).numpy(), atol=0.03)
    np.testing.assert_allclose(found[1].exp().numpy(), draws.var(0).numpy(), rtol=0.04)


def test_a_draw_is_one_measured_modality_and_shares_are_even() -> None:
    torch.manual_seed(0)
    mask = torch.rand(3000, 3) < 0.6
    drawn = draw_stratified(mask)
    assert torch.equal(drawn.sum(1) == 1, mask.any(1))
    assert not (drawn & ~mask).any()
    for pattern in mask.unique(dim=0):
        if pattern.any():
            shares = drawn[(mask == pattern).all(1)].sum(0)[pattern]
            assert shares.max() - shares.min() <= 1


def test_a_single_cell_draws_every_modality_sometimes() -> None:
    torch.manual_seed(0)
    mask = torch.ones(1, 3, dtype=torch.bool)
    drawn = torch.cat([draw_stratified(mask) for _ in range(600)]).float().mean(0)
    assert (drawn - 1 / 3).abs().max() < 0.08


def test_draws_within_a_pattern_are_at_random() -> None:
    torch.manual_seed(0)
    mask = torch.ones(8, 2, dtype=torch.bool)
    often = torch.stack([draw_stratified(mask)[:, 0] for _ in range(800)]).float().mean(0)
    assert (often - 0.5).abs().max() < 0.1

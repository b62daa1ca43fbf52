"""The written-out gradient of the potential against automatic differentiation, inside and outside the wall."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.predictor.potential import Potential


def enclosed(d: int = 3, strength: float = 7.0) -> tuple[Potential, torch.Tensor]:
    torch.manual_seed(0)
    z = torch.randn(400, d, dtype=torch.float64) * torch.linspace(0.5, 2.0, d, dtype=torch.float64) + 1.0
    potential = Potential(d, 16).double()
    with torch.no_grad():
        potential.last.mul_(10)  # large enough to matter beside bowl and wall
        potential.slope.normal_(0, 0.3)
        potential.bend.normal_(0, 0.3)  # not symmetric: only its symmetric part is a landscape
    potential.enclose(z, 0.3, strength)
    return potential, z


def points(potential: Potential, low: float, high: float, n: int = 40) -> torch.Tensor:
    """Points whose radius lies between low and high wall radii."""
    generator = torch.Generator().manual_seed(1)
    away = torch.randn(n, len(potential.centre), generator=generator, dtype=torch.float64)
    radius = low + (high - low) * torch.rand(n, 1, generator=generator, dtype=torch.float64)
    return potential.centre + potential.spread * away / away.norm(dim=1, keepdim=True) * radius * potential.wall_radius


REGIONS = [(0.05, 0.98), (1.02, 3.0)]


@pytest.mark.parametrize(("low", "high"), REGIONS)
def test_gradient_is_that_of_automatic_differentiation(low: float, high: float) -> None:
    potential, _ = enclosed()
    z = points(potential, low, high).requires_grad_()
    (expected,) = torch.autograd.grad(potential(z).sum(), z)
    torch.testing.assert_close(potential.gradient(z), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("low", "high"), REGIONS)
def test_hessian_is_that_of_automatic_differentiation_and_symmetric(low: float, high: float) -> None:
    potential, _ = enclosed()
    z = points(potential, low, high, n=10)
    found = potential.hessian(z)
    for i, one in enumerate(z):
        expected = torch.autograd.functional.hessian(lambda x: potential(x[None])[0], one)
        torch.testing.assert_close(found[i], expected, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found, found.mT, rtol=1e-8, atol=1e-8)


def test_gradient_is_that_of_finite_differences() -> None:
    potential, _ = enclosed()
    z = points(potential, 0.1, 2.0, n=20)
    step = 1e-5 * torch.eye(3, dtype=torch.float64)
    with torch.no_grad():
        expected = torch.stack([(potential(z + e) - potential(z - e)) / 2e-5 for e in step], 1)
        torch.testing.assert_close(potential.gradient(z), expected, rtol=1e-5, atol=1e-6)


def test_the_wall_is_zero_inside_and_rises_outside() -> None:
    with_wall, z = enclosed(strength=7.0)
    without, _ = enclosed(strength=0.0)
    with torch.no_grad():
        inside = points(with_wall, 0.0, 1.0)
        assert torch.equal(with_wall(inside), without(inside))
        radius = 1.5
        outside = points(with_wall, radius, radius)
        torch.testing.assert_close(with_wall(outside) - without(outside), torch.full((40,), 7.0 * 0.25, dtype=torch.float64))
        assert float((with_wall(z) == without(z)).double().mean()) > 0.98, "measured cells hardly feel the wall"


def test_far_out_the_drift_points_inward() -> None:
    potential, _ = enclosed()
    z = points(potential, 3.0, 6.0)
    inward = -((z - potential.centre) * -potential.gradient(z)).sum(1)
    assert (inward > 0).all()


def test_the_bowl_holds_the_pooled_gaussian_at_rest() -> None:
    potential, z = enclosed()
    with torch.no_grad():
        for part in (potential.last, potential.slope, potential.bend):
            part.zero_()
    inside = points(potential, 0.1, 0.9)
    score = -(inside - z.mean(0)) / z.var(0)  # grad log density of the Gaussian
    np.testing.assert_allclose(potential.gradient(inside).detach().numpy(), (-0.3 * score).numpy(), rtol=1e-9)


def test_a_plain_valley_needs_no_network() -> None:
    potential, _ = enclosed(strength=0.0)
    with torch.no_grad():
        potential.last.zero_()
        potential.bowl.zero_()
        z = points(potential, 0.1, 0.9)
        x = ((z - potential.centre) / potential.spread).numpy()
        even = 0.5 * (potential.bend + potential.bend.T).numpy()
        height = x @ potential.slope.numpy() + 0.5 * np.einsum("ni,ij,nj->n", x, even, x)
        np.testing.assert_allclose(potential(z).numpy(), height, rtol=1e-9)
        scale = potential.spread.numpy()
        np.testing.assert_allclose(potential.gradient(z).numpy(), (potential.slope.numpy() + x @ even) / scale, rtol=1e-9)
    for found in potential.hessian(z[:3]).detach().numpy():
        np.testing.assert_allclose(found, even / np.outer(scale, scale), rtol=1e-9)


def test_beyond_the_rim_nothing_that_was_learned_goes_on_falling() -> None:
    potential, _ = enclosed()
    with torch.no_grad():
        potential.bowl.zero_()
        potential.wall_strength.zero_()
        rim = points(potential, 1.0, 1.0)
        for times in (1.5, 10.0):
            far = potential.centre + times * (rim - potential.centre)
            torch.testing.assert_close(potential(far), potential(rim), rtol=1e-9, atol=1e-9)
            outward = ((far - potential.centre) * potential.gradient(far)).sum(1)
            torch.testing.assert_close(outward, torch.zeros_like(outward), rtol=0, atol=1e-7)

"""Rollouts of an Ornstein-Uhlenbeck process, whose mean and variance are known at every time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.growth import MAX_RATE, Growth

RATE, DIFFUSION, START = 2.0, 0.4, 1.5


def ornstein_uhlenbeck(euler_steps: int = 50, treatments: tuple[str, ...] = ()) -> Dynamics:
    """dz = -RATE z dt + sqrt(2 DIFFUSION) dW: the network is silenced, the bowl is left."""
    torch.manual_seed(0)
    dynamics = Dynamics(2, 8, DIFFUSION, treatments, euler_steps)
    with torch.no_grad():
        dynamics.potential.last.zero_()
        dynamics.potential.bowl.fill_(RATE)
    return dynamics


def roll(
    dynamics: Dynamics, n: int = 1, seed: int = 0, duration: float = 1.0, **options: object
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        return dynamics.rollout(torch.full((n, 2), START), duration, torch.Generator().manual_seed(seed), **options)


@pytest.mark.parametrize("duration", [0.25, 1.0])
def test_mean_and_variance_are_those_of_the_exact_solution(duration: float) -> None:
    n = 40_000
    end, _ = roll(ornstein_uhlenbeck(200), n, duration=duration)
    mean = START * np.exp(-RATE * duration)
    variance = DIFFUSION / RATE * (1 - np.exp(-2 * RATE * duration))
    np.testing.assert_allclose(end.mean(0).numpy(), mean, atol=5 * np.sqrt(variance / n) + 0.01)
    np.testing.assert_allclose(end.var(0).numpy(), variance, rtol=0.03)
    assert abs(np.corrcoef(end.T.numpy())[0, 1]) < 0.03


def test_halving_the_step_halves_the_error() -> None:
    exact = START * np.exp(-RATE)
    errors = [abs(float(roll(ornstein_uhlenbeck(steps), noise=False)[0][0, 0]) - exact) for steps in (20, 40, 80)]
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2.0, abs=0.15)


def test_without_noise_the_step_is_that_of_euler() -> None:
    end, _ = roll(ornstein_uhlenbeck(24), noise=False)
    assert float(end[0, 0]) == pytest.approx(START * (1 - RATE / 24) ** 24, rel=1e-5)


def test_the_same_seed_gives_the_same_cells_and_another_seed_others() -> None:
    dynamics = ornstein_uhlenbeck()
    assert torch.equal(roll(dynamics, 20, seed=3)[0], roll(dynamics, 20, seed=3)[0])
    assert not torch.equal(roll(dynamics, 20, seed=3)[0], roll(dynamics, 20, seed=4)[0])


def test_frames_begin_with_the_start_and_end_where_the_rollout_ends() -> None:
    dynamics = ornstein_uhlenbeck(24)
    path, weights = roll(dynamics, 5, keep=4)
    assert path.shape == (4, 5, 2)
    assert weights.shape == (4, 5)
    assert torch.equal(path[0], torch.full((5, 2), START))
    frames, _ = roll(dynamics, 20_000, keep=4)
    end, _ = roll(dynamics, 20_000)  # 24 steps either way, read three times or once: the same law
    torch.testing.assert_close(frames[-1].mean(0), end.mean(0), atol=0.02, rtol=0)
    torch.testing.assert_close(frames[-1].std(0), end.std(0), atol=0.02, rtol=0)


def test_a_treatment_is_a_constant_push_and_two_push_together() -> None:
    dynamics = ornstein_uhlenbeck(400, ("A", "B"))
    forces = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    with torch.no_grad():
        dynamics.forces.copy_(forces)
    torch.testing.assert_close(dynamics.force("A+B"), forces.sum(0))
    torch.testing.assert_close(dynamics.force("B+A"), dynamics.force("A+B"))
    for name, force in (("A", forces[0]), ("A+B", forces.sum(0))):
        end, _ = roll(dynamics, treatment=name, noise=False)
        exact = START * np.exp(-RATE) + force / RATE * (1 - np.exp(-RATE))
        torch.testing.assert_close(end[0], exact.float(), rtol=0, atol=0.01)
    assert dynamics.force(None) == 0.0
    torch.testing.assert_close(dynamics.drift(torch.ones(1, 2), "A"), torch.tensor([[1.0 - RATE, -2.0 - RATE]]))


@pytest.mark.parametrize("name", ["C", "A+C"])
def test_a_treatment_that_was_never_measured_is_an_error(name: str) -> None:
    with pytest.raises(KeyError, match="'C' was not measured; known: A, B"):
        ornstein_uhlenbeck(treatments=("A", "B")).force(name)


def test_growth_starts_at_zero_and_stays_within_bounds() -> None:
    torch.manual_seed(0)
    growth, z = Growth(2), 100 * torch.randn(50, 2)
    assert torch.equal(growth(z), torch.zeros(50))
    with torch.no_grad():
        growth.last.weight.normal_(0, 100)
        found = growth(z)
    assert float(found.abs().max()) <= MAX_RATE
    assert float(found.max()) > 0.99 * MAX_RATE
    assert float(found.min()) < -0.99 * MAX_RATE


def test_weights_are_the_integral_of_growth_along_the_path() -> None:
    dynamics = ornstein_uhlenbeck()
    with torch.no_grad():
        dynamics.growth.last.bias.fill_(0.3)  # the same rate everywhere
    rate = MAX_RATE * np.tanh(0.3 / MAX_RATE)
    _, log_weight = roll(dynamics, 4, duration=0.5)
    np.testing.assert_allclose(log_weight.numpy(), 0.5 * rate, rtol=1e-4)

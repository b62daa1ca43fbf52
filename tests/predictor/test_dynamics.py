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


def test_at_a_coarse_step_the_population_at_rest_is_as_wide_as_it_should_be() -> None:
    dynamics = ornstein_uhlenbeck(4)  # a step of half the time in which the well is reached
    rest = (DIFFUSION / RATE) ** 0.5 * torch.randn(40_000, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        path, _ = dynamics.rollout(rest, 3.0, torch.Generator().manual_seed(2), keep=4)
    # Plain Euler-Maruyama: D / (k (1 - k dt / 2)), a third too wide.
    for frame in path:
        np.testing.assert_allclose(frame.var(0).numpy(), DIFFUSION / RATE, rtol=0.03)


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


def test_what_is_read_is_blurred_by_a_quarter_of_a_step_and_the_course_is_not() -> None:
    """In free diffusion the variance is 2 D t; what a reading adds must not stay in the cells, whatever is read on the way."""
    dynamics = ornstein_uhlenbeck(5)
    with torch.no_grad():
        dynamics.potential.bowl.zero_()
    path, _ = roll(dynamics, 20_000, duration=2.0, keep=11)
    times = np.linspace(0, 2, 11)[1:]
    expected = 2 * DIFFUSION * (times + 0.2 / 4)
    np.testing.assert_allclose(path[1:].var(1).numpy(), np.stack([expected, expected], 1), rtol=0.04)
    assert not path[0].var(0).any()


def test_frames_lie_on_the_course_and_one_frame_is_the_start() -> None:
    dynamics = ornstein_uhlenbeck(200)
    path, _ = roll(dynamics, 2, duration=1.5, keep=7, noise=False)
    for time, frame in zip(np.linspace(0, 1.5, 7), path, strict=True):
        np.testing.assert_allclose(frame.numpy(), START * np.exp(-RATE * time), atol=0.01)
    only, weights = roll(dynamics, 2, keep=1)
    assert torch.equal(only, torch.full((1, 2, 2), START))
    assert not weights.any()


def test_so_many_steps_a_span_as_training_counted() -> None:
    end, _ = roll(ornstein_uhlenbeck(100), noise=False, duration=0.5)
    assert float(end[0, 0]) == pytest.approx(START * (1 - RATE / 100) ** 50, rel=1e-5)


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


def test_rates_that_are_known_to_be_higher_have_a_higher_bound() -> None:
    torch.manual_seed(0)
    growth, z = Growth(2), 100 * torch.randn(50, 2)
    with torch.no_grad():
        growth.last.weight.normal_(0, 100)
        growth.max_rate.fill_(7.0)
        found = growth(z)
    assert 6.9 < float(found.abs().max()) <= 7.0
    again = Growth(2)
    again.load_state_dict(growth.state_dict())
    torch.testing.assert_close(again(z), found)


def test_where_cells_are_not_to_grow_their_weights_stay() -> None:
    dynamics = ornstein_uhlenbeck()
    with torch.no_grad():
        dynamics.growth.last.bias.fill_(0.3)
        z, weight = torch.ones(4, 2), torch.zeros(4)
        assert not dynamics.step(z, weight, 0.1, 0.0, None, grow=False)[1].any()
        assert dynamics.step(z, weight, 0.1, 0.0, None)[1].all()


def test_weights_are_the_integral_of_growth_along_the_path() -> None:
    dynamics = ornstein_uhlenbeck()
    with torch.no_grad():
        dynamics.growth.last.bias.fill_(0.3)  # the same rate everywhere
    rate = MAX_RATE * np.tanh(0.3 / MAX_RATE)
    _, log_weight = roll(dynamics, 4, duration=0.5)
    np.testing.assert_allclose(log_weight.numpy(), 0.5 * rate, rtol=1e-4)


def test_noise_twice_as_strong_spreads_cells_fourfold() -> None:
    once, twice = (roll(ornstein_uhlenbeck(), 20_000, noise=noise)[0].var(0) for noise in (1.0, 2.0))
    torch.testing.assert_close(twice, 4 * once, rtol=1e-4, atol=0)


def test_what_two_treatments_do_beyond_their_sum_is_added_in_either_order() -> None:
    dynamics = ornstein_uhlenbeck(treatments=("A", "B", "C", "A+B"))
    assert not dynamics.forces.any(), "forces and interactions start at zero"
    with torch.no_grad():
        dynamics.forces.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [5.0, 5.0], [0.5, -0.5]]))
    for name in ("A+B", "B+A"):
        torch.testing.assert_close(dynamics.force(name), torch.tensor([1.5, 1.5]))
    torch.testing.assert_close(dynamics.force("A+C"), torch.tensor([6.0, 5.0]))


def test_a_push_is_a_tilt_of_the_landscape() -> None:
    dynamics = ornstein_uhlenbeck(treatments=("A",))
    with torch.no_grad():
        dynamics.forces[0] = torch.tensor([1.0, -2.0])
        dynamics.potential.enclose(torch.randn(200, 2), DIFFUSION, 5.0)
        dynamics.potential.log_scale.fill_(0.4)
        dynamics.potential.last.normal_()
    z = 0.5 * torch.randn(50, 2)
    tilted = dynamics.tilted("A", 1.5)
    torch.testing.assert_close(tilted.own_drift(z), dynamics.own_drift(z) + 1.5 * dynamics.force("A"), rtol=1e-4, atol=1e-4)
    apart = tilted.potential(z) - dynamics.potential(z) + 1.5 * z @ dynamics.force("A")
    torch.testing.assert_close(apart, apart[:1].expand(50), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(dynamics.tilted(None).own_drift(z), dynamics.own_drift(z))


@pytest.mark.parametrize("frames", [2, 4])
def test_a_push_of_a_dose_that_is_taken_away_is_that_of_the_exact_solution(frames: int) -> None:
    dynamics = ornstein_uhlenbeck(400, treatments=("A",))
    force, dose, until = torch.tensor([1.0, -2.0]), 2.0, 0.37
    with torch.no_grad():
        dynamics.forces[0] = force
    path, _ = roll(dynamics, treatment="A", noise=0.0, dose=dose, release=until, keep=frames)
    pushed = START * np.exp(-RATE * until) + dose * force / RATE * (1 - np.exp(-RATE * until))
    torch.testing.assert_close(path[-1, 0], pushed * np.exp(-RATE * (1 - until)), atol=0.01, rtol=0.0)
    never, _ = roll(dynamics, treatment="A", noise=0.0, dose=dose, release=0.0)
    free, _ = roll(dynamics, noise=0.0)
    torch.testing.assert_close(never, free)

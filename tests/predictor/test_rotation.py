"""The part of the drift that turns: spirals in closed form, and how much of a drift it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.rotation import Rotation, share_of

RATE, TURN = 1.3, 2.0
J = torch.tensor([[0.0, -1.0], [1.0, 0.0]])


def spiral(euler_steps: int = 400) -> Dynamics:
    """dz = (-RATE z + TURN J z) dt + sqrt(2 D) dW, D = 0.2: a bowl, round which cells go."""
    torch.manual_seed(0)
    dynamics = Dynamics(2, 8, 0.2, euler_steps=euler_steps, rotation=True)
    with torch.no_grad():
        dynamics.potential.last.zero_()
        dynamics.potential.bowl.fill_(RATE)
        dynamics.rotation.linear.weight.copy_(TURN * J)
    return dynamics


def test_it_is_zero_at_the_start_and_can_learn() -> None:
    torch.manual_seed(0)
    rotation, x = Rotation(3), torch.randn(20, 3)
    assert not rotation(x).any()
    (rotation(x) - x).square().mean().backward()
    assert rotation.linear.weight.grad.any()
    assert rotation.last.weight.grad.any()


def test_what_turns_is_a_plain_rotation_and_what_the_network_adds() -> None:
    torch.manual_seed(1)
    rotation, x = Rotation(2), torch.randn(20, 2)
    with torch.no_grad():
        rotation.linear.weight.copy_(J)
        rotation.last.weight.normal_()
        torch.testing.assert_close(rotation(x), x @ J.T + rotation.curved(x))
        assert rotation.curved(x).abs().max() > 0.1


def test_cells_spiral_down_the_bowl_as_the_closed_form_says() -> None:
    with torch.no_grad():
        start = torch.tensor([[1.0, 0.0], [0.3, -0.7]])
        end, _ = spiral().rollout(start, 0.8, torch.Generator(), noise=False)
    angle = TURN * 0.8
    turned = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).float()
    torch.testing.assert_close(end, np.exp(-RATE * 0.8) * start @ turned.T, rtol=0, atol=5e-3)


def test_turning_does_not_change_the_population_at_rest() -> None:
    generator = torch.Generator().manual_seed(0)
    dynamics = spiral(euler_steps=100)
    rest = (0.2 / RATE) ** 0.5 * torch.randn(20_000, 2, generator=generator)
    with torch.no_grad():
        end, _ = dynamics.rollout(rest, 1.0, generator)
    np.testing.assert_allclose(np.cov(end.T.numpy()), 0.2 / RATE * np.eye(2), atol=0.03 * 0.2 / RATE)


def test_the_drift_is_slope_and_turning_together() -> None:
    dynamics, z = spiral(), torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(dynamics.turning(z), TURN * z @ J.T)
        torch.testing.assert_close(dynamics.drift(z), -dynamics.potential.gradient(z) + dynamics.turning(z))
        plain = Dynamics(2, 8, 0.2)
        assert not plain.turning(z).any()
        assert plain.rotation_share(z) == 0
        torch.testing.assert_close(plain.drift(z), -plain.potential.gradient(z))


def test_beyond_the_measured_cells_it_stays_what_it_is_on_their_rim() -> None:
    dynamics = spiral()
    potential = dynamics.potential
    with torch.no_grad():
        potential.enclose(torch.randn(300, 2, generator=torch.Generator().manual_seed(1)) * 2 + 1, 0.2, 5.0)
        away = potential.spread * torch.tensor([[0.6, 0.8], [-1.0, 0.0]]) * potential.wall_radius
        rim, far = (dynamics.turning(potential.centre + times * away) for times in (1.0, 4.0))
    torch.testing.assert_close(far, rim, rtol=1e-4, atol=1e-5)
    assert rim.abs().max() > 1


@given(st.floats(0.01, 50), st.floats(-50, 50), st.floats(0.1, 10))
def test_share_of_a_linear_drift_in_closed_form(rate: float, turn: float, size: float) -> None:
    z = size * torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = share_of(rate * z, turn * z @ J.double().T)
    assert found == pytest.approx(turn**2 / (turn**2 + rate**2), rel=1e-9)


def test_where_nothing_moves_nothing_turns() -> None:
    assert share_of(torch.zeros(5, 2), torch.zeros(5, 2)) == 0
    assert spiral().rotation_share(torch.randn(50, 2)) == pytest.approx(TURN**2 / (TURN**2 + RATE**2), rel=1e-4)

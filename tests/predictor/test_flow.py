"""The time-dependent field and how cells are carried by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.predictor.flow import LARGEST_RATE, Flow


class Spiral(Flow):
    """A field whose flow is known: turning at rate (1 + t), growth 0.5 t."""

    def forward(self, z: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        turned = torch.stack([-z[..., 1], z[..., 0]], -1)
        return (1 + t) * turned, 0.5 * t[..., 0]


def test_cells_follow_the_known_flow() -> None:
    start = np.random.default_rng(0).normal(size=(30, 2))
    ends = [0.5, 1.0, 2.0]
    states, log_weights = Spiral(3, 2).rollout(start, 0.0, ends, steps=100)
    assert states.shape == (3, 3, 30, 2)
    for k, t in enumerate(ends):
        angle = t + t**2 / 2
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        np.testing.assert_allclose(states[k, 1], start @ turn.T, atol=2e-3)
        np.testing.assert_allclose(log_weights[k, 2], t**2 / 4, atol=1e-4)


def test_after_the_latest_time_the_field_stays() -> None:
    _, log_weights = Spiral(1, 2).rollout(np.zeros((4, 2)), 0.0, [1.0, 3.0], steps=100, latest=1.0)
    np.testing.assert_allclose(log_weights[1] - log_weights[0], 2 * 0.5, atol=1e-4)


def test_growth_is_cut() -> None:
    class Explosive(Spiral):
        def forward(self, z: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros_like(z), torch.full(z.shape[:2], 100.0)

    _, log_weights = Explosive(1, 2).rollout(np.zeros((4, 2)), 0.0, [1.0])
    np.testing.assert_allclose(log_weights, LARGEST_RATE, rtol=1e-5)


def test_members_share_nothing() -> None:
    torch.manual_seed(0)
    flow = Flow(2, 3, width=8)
    z, t = torch.randn(2, 5, 3), torch.rand(2, 5, 1)
    flow(z, t)[0][0].sum().backward()
    assert all(p.grad[0].any() and not p.grad[1].any() for p in flow.parameters() if p.grad is not None)
    velocity, growth = flow(z, t)
    assert velocity.shape == (2, 5, 3)
    assert growth.shape == (2, 5)
    assert not torch.allclose(flow(z[:1].expand(2, -1, -1), t[:1].expand(2, -1, -1))[0][0], velocity[1])


def test_the_field_is_the_same_for_a_seed() -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(Flow(1, 2).rollout(np.ones((4, 2)), 0.0, [1.0])[0])
    np.testing.assert_array_equal(*made)
    assert np.isfinite(made[0]).all()


def test_back_in_time_cells_return_to_where_they_were() -> None:
    start = np.random.default_rng(0).normal(size=(20, 2))
    ahead, grown = Spiral(1, 2).rollout(start, 0.0, [1.0], steps=100)
    back, shrunk = Spiral(1, 2).rollout(ahead[0, 0], 1.0, [0.5, 0.0], steps=100)
    np.testing.assert_allclose(back[1, 0], start, atol=2e-3)
    np.testing.assert_allclose(shrunk[1], -grown[0], atol=1e-4)
    with pytest.raises(ValueError, match="all rise, or all fall"):
        Spiral(1, 2).rollout(start, 0.0, [1.0, 0.5])

"""Minima that noise does not see are no valleys."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.landscape.samples import AXES, ORIGIN, Flat, Wells, around_both_wells
from virtualcell.landscape.attractors import find_attractors
from virtualcell.landscape.puddles import NOWHERE, SHALLOW, drained

WELLS = Wells(3, tilt=0.3)
LEFT, RIDGE, RIGHT = WELLS.at_rest()
SHALLOWER = float(WELLS.along(RIDGE) - WELLS.along(RIGHT))
"""Climb out of the right well, the shallower one of the two."""


@pytest.mark.parametrize(("factor", "valleys"), [(0.8, 1), (1.2, 2)])
def test_a_well_less_deep_than_noise_sees_belongs_to_the_one_it_runs_out_into(factor: float, valleys: int) -> None:
    states, side = around_both_wells()
    diffusion = SHALLOWER / (factor * SHALLOW)
    found, basin = find_attractors(WELLS, diffusion, states, side, AXES, ORIGIN)
    assert len(found) == valleys
    np.testing.assert_allclose(sorted(a.state[0] for a in found), [LEFT, RIGHT][:valleys], atol=2e-3)
    assert sum(a.n_cells for a in found) == len(states)
    for index, a in enumerate(found):
        assert (basin == index).sum() == a.n_cells
        assert valleys == 1 or a.n_cells == (side == a.name).sum()


SLOPE = 0.1


class Steps(Flat):
    """U = deep sin^2(pi x) - SLOPE x + y^2 / 2: minima near every whole x; deep is 1 below x = 2 and 20 beyond."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.deep(z) * torch.sin(torch.pi * z[:, 0]) ** 2 - SLOPE * z[:, 0] + 0.5 * z[:, 1] ** 2

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        along = self.deep(z) * torch.pi * torch.sin(2 * torch.pi * z[:, 0]) - SLOPE
        return torch.stack([along, z[:, 1]], 1)

    def deep(self, z: torch.Tensor) -> torch.Tensor:
        return torch.where(z[:, 0] > 2, 20.0, 1.0)


def test_puddles_run_into_the_next_until_a_valley_holds_them() -> None:
    places = np.array([[x, 0.0] for x in (0.0, 1.0, 2.0, 3.0)])
    # Each step climbs less than 1: shallow in units of 10. The last pass climbs 20, two units.
    assert drained(Steps(2, 2), 10.0, places, places).tolist() == [2, 2, 2, 3]
    assert drained(Steps(2, 2), 1.0, places, places).tolist() == [0, 1, 2, 3]


class Ripples(Flat):
    """U = 0.1 ripples along x on a floor that falls beyond x = 12, over a ridge, to a deep valley at 14."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = z[:, 0]
        ripple = 0.05 * (1 - torch.cos(2 * torch.pi * x))
        return ripple + 0.15 * torch.exp(-8 * (x - 12.5) ** 2) - 5 * torch.exp(-2 * (x - 14) ** 2) + 0.5 * z[:, 1] ** 2

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            at = z if z.requires_grad else z.detach().requires_grad_()
            return torch.autograd.grad(self.forward(at).sum(), at, create_graph=True)[0]


def test_a_cluster_of_more_puddles_than_have_ways_of_their_own_runs_into_one_valley() -> None:
    places = np.array([[float(x), 0.0] for x in range(12)] + [[14.0, 0.0]])
    assert drained(Ripples(2, 2), 1.0, places, places).tolist() == [12] * 13


def test_a_puddle_on_a_ridge_between_two_valleys_belongs_to_neither() -> None:
    places = np.array([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    assert drained(Dimple(2, 2), 1.0, places, places).tolist() == [0, NOWHERE, 2]
    states = np.column_stack([np.linspace(-2.2, 2.2, 200), np.zeros(200)]).astype(np.float32)
    side = np.where(np.abs(states[:, 0]) < 0.3, "ridge", np.where(states[:, 0] < 0, "left", "right"))
    found, basin = find_attractors(Dimple(2, 2), 1.0, states, side, AXES[:, :2], ORIGIN[:2])
    assert {a.name for a in found} == {"left", "right"}
    assert (basin[np.abs(states[:, 0]) < 0.1] == -1).all()


class Dimple(Flat):
    """U of two wells 4 deep at x = -2 and 2, and on the ridge between them a dimple 0.2 deep."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = z[:, 0]
        return 4 * torch.sin(torch.pi * x / 4 + torch.pi / 2) ** 2 - 0.8 * torch.exp(-8 * x**2) + 2 * z[:, 1] ** 2

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            at = z if z.requires_grad else z.detach().requires_grad_()
            return torch.autograd.grad(self.forward(at).sum(), at, create_graph=True)[0]


def test_one_minimum_or_none_stays_what_it_is() -> None:
    assert drained(WELLS, 1.0, np.array([[RIGHT, 0.0, 0.0]]), np.zeros((0, 3))).tolist() == [0]
    assert drained(WELLS, 1.0, np.zeros((0, 3)), np.zeros((0, 3))).tolist() == []

"""Minima that noise does not see are no valleys."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.landscape.samples import AXES, ORIGIN, Flat, Wells, around_both_wells
from virtualcell.landscape.attractors import find_attractors
from virtualcell.landscape.puddles import SHALLOW, drained

WELLS = Wells(3, tilt=0.3)
LEFT, RIDGE, RIGHT = WELLS.at_rest()
SHALLOWER = float(WELLS.along(RIDGE) - WELLS.along(RIGHT))
"""Climb out of the right well, the shallower one of the two."""


@pytest.mark.parametrize(("factor", "valleys"), [(0.8, 1), (1.2, 2)])
def test_a_well_less_deep_than_noise_sees_belongs_to_the_one_it_runs_out_into(factor: float, valleys: int) -> None:
    states, side = around_both_wells()
    diffusion = SHALLOWER / (factor * SHALLOW)
    found, basin = find_attractors(WELLS, diffusion, states, side, AXES, ORIGIN, floor=0.0)
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


def test_one_minimum_or_none_stays_what_it_is() -> None:
    assert drained(WELLS, 1.0, np.array([[RIGHT, 0.0, 0.0]]), np.zeros((0, 3))).tolist() == [0]
    assert drained(WELLS, 1.0, np.zeros((0, 3)), np.zeros((0, 3))).tolist() == []

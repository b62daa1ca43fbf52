"""The way of least energy on landscapes whose passes are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.landscape.samples import Flat, ThreeWells, Wells
from virtualcell.data import three_wells
from virtualcell.landscape.path import IMAGES, least_energy_path
from virtualcell.schema import EnergyPath

WELLS = {well.name: well for well in three_wells.wells()}


def between(start: str, end: str, cells: np.ndarray | None = None) -> EnergyPath:
    return least_energy_path(ThreeWells(), three_wells.DIFFUSION, WELLS[start].xy, WELLS[end].xy, cells)


@pytest.mark.parametrize("saddle", three_wells.saddles(), ids=lambda s: " to ".join(s.between))
def test_barrier_and_saddle_are_those_of_the_closed_form(saddle: three_wells.Saddle) -> None:
    # The straight line between the fates leads over their own pass: the way over the progenitor is another one.
    start, end = saddle.between
    path = between(start, end)
    for found, well in ((path.barrier, WELLS[start]), (path.reverse_barrier, WELLS[end])):
        assert found == pytest.approx((saddle.energy - well.energy) / three_wells.DIFFUSION, rel=0.01)
    np.testing.assert_allclose(path.states[path.saddle], saddle.xy, atol=0.01)
    np.testing.assert_allclose(path.states[[0, -1]], [WELLS[start].xy, WELLS[end].xy], atol=1e-6)
    assert path.energy[0] == 0
    assert path.energy[-1] == pytest.approx((WELLS[end].energy - WELLS[start].energy) / three_wells.DIFFUSION, abs=1e-4)


@pytest.mark.parametrize("saddle", three_wells.saddles(), ids=lambda s: " to ".join(s.between))
def test_everywhere_on_the_way_the_slope_points_along_it(saddle: three_wells.Saddle) -> None:
    path = between(*saddle.between)
    along = np.gradient(path.states, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    slope = three_wells.gradient(path.states)
    across = slope - (slope * along).sum(1, keepdims=True) * along
    assert np.linalg.norm(across[1:-1], axis=1).max() < 0.05 * np.linalg.norm(slope, axis=1).max()
    steps = np.linalg.norm(np.diff(path.states, axis=0), axis=1)
    # The climbing image leaves its place by less than the distance to the next.
    assert steps.max() < 1.6 * np.median(steps)
    assert len(path.states) == IMAGES


def test_the_way_there_is_the_way_back() -> None:
    there, back = between("Progenitor", "Fate A"), between("Fate A", "Progenitor")
    assert there.barrier == pytest.approx(back.reverse_barrier, rel=1e-3)
    np.testing.assert_allclose(there.states, back.states[::-1], atol=0.05)


def test_over_a_flat_land_the_way_is_straight() -> None:
    start, end = np.array([0.0, 1.0, 2.0]), np.array([3.0, -1.0, 0.0])
    path = least_energy_path(Flat(3, 2), 0.5, start, end)
    np.testing.assert_allclose(path.states, np.linspace(start, end, IMAGES), atol=1e-5)
    assert not path.energy.any()
    assert path.barrier == path.reverse_barrier == 0


class Ring(Flat):
    """A ring-shaped valley round a hill, with a rise of 1.5 where it is lowest on the page. The line from left to right lies on
    the lower side of the hill's top."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return 16 * ((z[:, 0] ** 2 + (z[:, 1] - 0.1) ** 2) - 1) ** 2 + self._rise(z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        away = z - torch.tensor([0.0, 0.1])
        low = z - torch.tensor([0.0, -0.9])
        return 64 * ((away**2).sum(1, keepdim=True) - 1) * away - self._rise(z)[:, None] * low / 0.04

    def _rise(self, z: torch.Tensor) -> torch.Tensor:
        return 1.5 * torch.exp(-((z - torch.tensor([0.0, -0.9])) ** 2).sum(1) / 0.08)


def test_measured_cells_show_the_way_round_a_hill() -> None:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 300)
    cells = np.stack([np.cos(angle), 0.1 + np.sin(angle)], 1) + 0.03 * rng.normal(size=(300, 2))
    ends = np.array([-0.995, 0.0]), np.array([0.995, 0.0])
    alone, shown = (least_energy_path(Ring(2, 2), 1.0, *ends, given) for given in (None, cells))
    assert alone.barrier == pytest.approx(1.5, rel=0.02)
    assert alone.states[:, 1].min() < -0.8
    assert shown.barrier < 0.02
    assert shown.states[:, 1].max() > 1.0


@given(st.floats(0.3, 3.0), st.floats(-0.3, 0.3), st.floats(0.1, 2.0), st.integers(1, 6))
@settings(max_examples=12)
def test_double_wells_of_any_height_and_dimension(height: float, tilt: float, diffusion: float, d: int) -> None:
    wells = Wells(d, height, tilt * height)
    left, pass_, right = wells.at_rest()
    start, end = np.zeros(d), np.zeros(d)
    start[0], end[0] = left, right
    path = least_energy_path(wells, diffusion, start, end)
    assert path.barrier == pytest.approx((wells.along(pass_) - wells.along(left)) / diffusion, rel=0.01)
    assert path.reverse_barrier == pytest.approx((wells.along(pass_) - wells.along(right)) / diffusion, rel=0.01)
    assert path.states[path.saddle, 0] == pytest.approx(pass_, abs=0.01)


def test_downhill_the_start_is_the_pass() -> None:
    wells = Wells(2)
    path = least_energy_path(wells, 1.0, np.array([0.05, 0.0]), np.array([1.0, 0.0]))
    assert path.saddle == 0
    assert path.barrier == 0
    assert path.reverse_barrier == pytest.approx(float(wells.along(np.array(0.05))), rel=1e-3)


def test_from_a_state_to_itself_is_no_way() -> None:
    place = np.array([1.0, 0.0])
    path = least_energy_path(Wells(2), 1.0, place, place)
    np.testing.assert_allclose(path.states, np.tile(place, (IMAGES, 1)), atol=1e-6)
    assert path.barrier == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_states_that_are_no_numbers_are_refused(bad: float) -> None:
    good, other = np.array([1.0, 0.0]), np.array([bad, 0.0])
    for start, end in ((good, other), (other, good)):
        with pytest.raises(ValueError, match="finite states to start and end"):
            least_energy_path(Wells(2), 1.0, start, end)

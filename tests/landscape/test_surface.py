"""The surface over a plane, against minima in closed form, and what stands in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.landscape.samples import AXES, ORIGIN, Flat, Quadratic, Wells, around_both_wells, moving
from virtualcell.landscape.surface import make_landscape
from virtualcell.schema import DataError


def test_the_surface_is_the_minimum_over_what_is_not_drawn() -> None:
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(5, 5))
    matrix = factor @ factor.T / 5 + np.eye(5)
    centre = rng.normal(0, 0.3, size=5).astype(np.float32)
    states = (centre + rng.normal(size=(300, 5)) * 0.7).astype(np.float32)
    plane = np.linalg.qr(rng.normal(size=(5, 2)))[0].T.astype(np.float32)
    origin, diffusion = states.mean(0), 0.4
    found = make_landscape(
        moving(Quadratic(matrix, centre), diffusion),
        states,
        np.array(["only"] * 300),
        plane,
        origin,
        ("a", "b"),
        resolution=16,
        steps=2000,
    )
    # Over the hidden coordinates of a quadratic, the minimum is a quadratic with the inverse of the drawn block of the inverse.
    drawn = np.linalg.inv(plane @ np.linalg.inv(matrix) @ plane.T)
    grid = np.stack(np.meshgrid(found.x, found.y), -1) - (centre - origin) @ plane.T
    expected = 0.5 * np.einsum("yxi,ij,yxj->yx", grid, drawn, grid) / diffusion
    # 0 is the lowest point: the minimum itself, which lies between grid points.
    np.testing.assert_allclose(found.energy, expected, atol=5e-3 * expected.max())
    (only,) = found.attractors
    assert only.energy == pytest.approx(0, abs=1e-3)
    assert only.name == "only"
    np.testing.assert_allclose(only.state, centre, atol=1e-3)
    assert only.n_cells == 300
    assert "minimised" in found.method


def test_only_points_near_cells_are_supported() -> None:
    rng = np.random.default_rng(4)
    wells = np.array([[-1.0, 0, 0], [1.0, 0, 0]])
    states = (np.repeat(wells, 200, axis=0) + rng.normal(0, 0.08, (400, 3))).astype(np.float32)
    side = np.repeat(["left", "right"], 200)
    found = make_landscape(moving(Wells(3), 1.0), states, side, AXES, ORIGIN, ("a", "b"), resolution=30, steps=50)
    assert {a.name for a in found.attractors} == {"left", "right"}
    grid = np.stack(np.meshgrid(found.x, found.y), -1)
    gap = np.linalg.norm(grid[:, :, None] - found.cell_xy, axis=-1).min(-1)
    assert found.supported.any()
    assert gap[found.supported].max() < gap.max() / 3
    assert not found.supported[np.abs(grid[..., 0]) < 0.5].any(), "the middle, where no cell was measured"


def test_only_the_cells_named_descend_and_are_counted() -> None:
    states, side = around_both_wells()
    found = make_landscape(
        moving(Wells(3, tilt=0.3), 0.25),
        states,
        side,
        AXES,
        ORIGIN,
        ("a", "b"),
        resolution=12,
        follow=np.flatnonzero(side == "left"),
    )
    assert [(a.name, a.n_cells) for a in found.attractors] == [("left", (side == "left").sum())]
    assert found.cell_xy.shape == (200, 2)


def test_passes_stand_in_the_landscape_with_the_attractors_names() -> None:
    states, side = around_both_wells()
    time = np.where(np.arange(200) % 2, 1.0, 0.0)
    potential, diffusion = Wells(3, tilt=0.3), 0.25
    dynamics = moving(potential, diffusion)
    one = make_landscape(dynamics, states, side, AXES, ORIGIN, ("a", "b"), resolution=12, steps=50, time=time)
    energy = {a.name: a.energy for a in one.attractors}
    assert {(b.start, b.end) for b in one.barriers} == {("left", "right"), ("right", "left")}
    heights = {b.start: b.height for b in one.barriers}
    left, top, right = ((x**2 - 1) ** 2 + 0.3 * x for x in Wells(3, tilt=0.3).at_rest())
    assert heights["left"] == pytest.approx((top - left) / diffusion, rel=0.01)
    assert heights["right"] == pytest.approx((top - right) / diffusion, rel=0.01)
    # The pass is as high from the one side as from the other.
    assert heights["left"] + energy["left"] == pytest.approx(heights["right"] + energy["right"], abs=1e-3)
    assert not any(b.identifiable for b in one.barriers), "as many cells left and right at both times"
    assert one.density is not None
    np.testing.assert_array_equal(np.isnan(one.density), ~one.supported)


def test_what_a_treatment_pushed_over_a_pass_has_not_crossed_it() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal([[-1.0, 0.0, 0.0]], 0.1, (900, 3)).astype(np.float32)
    states[[*range(10), *range(300, 310), *range(600, 900)], 0] += 2.0
    time = np.repeat([0.0, 1.0, 1.0], 300)
    side = np.where(states[:, 0] < 0, "left", "right")

    def passes(follow: np.ndarray | None) -> dict[str, bool]:
        found = make_landscape(
            moving(Wells(3), 0.25), states, side, AXES, ORIGIN, ("a", "b"), resolution=12, steps=20, time=time, follow=follow
        )
        return {way.start: way.identifiable for way in found.barriers}

    assert passes(None) == {"left": True, "right": False}, "if nobody had treated them, half of them would have crossed"
    assert passes(np.arange(600)) == {"left": False, "right": False}


def test_without_times_or_with_one_valley_there_is_no_pass() -> None:
    states, side = around_both_wells()
    wells, bowl = moving(Wells(3, tilt=0.3), 0.25), moving(Quadratic(np.eye(3), np.zeros(3)), 0.25)
    still = make_landscape(wells, states, side, AXES, ORIGIN, ("a", "b"), resolution=12, steps=20)
    assert len(still.attractors) == 2
    assert still.barriers == ()
    time = np.arange(200) % 2.0
    one = make_landscape(bowl, states, side, AXES, ORIGIN, ("a", "b"), resolution=12, steps=20, time=time)
    assert len(one.attractors) == 1
    assert one.barriers == ()


class HoleByTheWall(Flat):
    """U = |z|^2 / 2 with a hole 90 deep at (0, 0, 5), where the wall begins and one stray cell leans on it."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.wall_radius.fill_(5.0)
        self.hole = torch.tensor([0.0, 0.0, 5.0])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return 0.5 * (z**2).sum(1) - 90 * torch.exp(-2 * ((z - self.hole) ** 2).sum(1))

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        away = z - self.hole
        return z + 360 * away * torch.exp(-2 * (away**2).sum(1, keepdim=True))


def test_what_leans_on_the_wall_is_no_floor_of_the_surface_and_no_valley() -> None:
    rng = np.random.default_rng(0)
    states = np.concatenate([rng.normal(size=(200, 3)), np.tile([[0.0, 0.0, 5.2]], (9, 1))]).astype(np.float32)
    found = make_landscape(
        moving(HoleByTheWall(), 1.0), states, np.repeat("a", 209), AXES, ORIGIN, ("a", "b"), resolution=20, steps=100
    )
    assert [(a.name, a.n_cells) for a in found.attractors] == [("a", 200)]
    assert found.attractors[0].energy == pytest.approx(0, abs=0.1)
    near = found.supported & (np.hypot(*np.meshgrid(found.x, found.y)) < 1)
    assert found.energy[near].max() < 0.7
    assert found.valley_of(0) == "a"
    assert found.valley_of(205) == ""


def test_cells_in_one_place_are_no_landscape() -> None:
    states = np.zeros((40, 3), dtype=np.float32)
    with pytest.raises(DataError, match="one place"):
        make_landscape(moving(Wells(3), 1.0), states, np.repeat("a", 40), AXES, ORIGIN, ("a", "b"), resolution=8, steps=5)

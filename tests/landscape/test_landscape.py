"""Landscapes of potentials whose minima, basins and heights are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from virtualcell.landscape.attractors import descend, find_attractors
from virtualcell.landscape.plane import choose_plane
from virtualcell.landscape.surface import make_landscape
from virtualcell.predictor.potential import Potential


class Quadratic(Potential):
    """U = (z - centre)' A (z - centre) / 2."""

    def __init__(self, matrix: np.ndarray, centre: np.ndarray):
        super().__init__(len(centre), 4)
        self.matrix = torch.from_numpy(matrix).float()
        self.centre.copy_(torch.from_numpy(centre))

    def forward(self, z: Tensor) -> Tensor:
        away = z - self.centre
        return 0.5 * (away @ self.matrix * away).sum(1)

    def gradient(self, z: Tensor) -> Tensor:
        return (z - self.centre) @ self.matrix


class DoubleWell(Potential):
    """U = (x^2 - 1)^2 + tilt x + |the others|^2: wells near x = -1 and x = +1."""

    def __init__(self, d: int, tilt: float):
        super().__init__(d, 4)
        self.tilt = tilt

    def forward(self, z: Tensor) -> Tensor:
        return (z[:, 0] ** 2 - 1) ** 2 + self.tilt * z[:, 0] + (z[:, 1:] ** 2).sum(1)

    def gradient(self, z: Tensor) -> Tensor:
        first = 4 * z[:, 0] * (z[:, 0] ** 2 - 1) + self.tilt
        return torch.cat([first[:, None], 2 * z[:, 1:]], 1)


def stationary(tilt: float) -> np.ndarray:
    """x of the left well, the saddle and the right well."""
    return np.sort(np.roots([4, 0, -4, tilt]).real)


def around_both_wells(d: int = 3, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    states = rng.uniform(-1.6, 1.6, size=(n, d)).astype(np.float32)
    return states, np.where(states[:, 0] > stationary(0.3)[1], "right", "left")


AXES = np.eye(2, 3, dtype=np.float32)
ORIGIN = np.zeros(3, dtype=np.float32)


def test_both_wells_are_found_where_they_are_with_their_basins() -> None:
    states, side = around_both_wells()
    diffusion = 0.25
    found, basin = find_attractors(DoubleWell(3, 0.3), diffusion, states, side, AXES, ORIGIN, floor=0.0)
    left, _, right = stationary(0.3)
    assert {a.name for a in found} == {"left", "right"}
    for a in found:
        x = {"left": left, "right": right}[a.name]
        np.testing.assert_allclose(a.state, [x, 0, 0], atol=2e-3)
        np.testing.assert_allclose(a.xy, [x, 0], atol=2e-3)
        assert a.energy == pytest.approx(((x**2 - 1) ** 2 + 0.3 * x) / diffusion, abs=1e-3)
        assert a.min_curvature == pytest.approx(min(12 * x**2 - 4, 2.0), rel=1e-2)
        assert a.n_cells == (side == a.name).sum()
        assert a.purity == 1.0
    # Every cell belongs to the well on its side of the saddle.
    for index, a in enumerate(found):
        np.testing.assert_array_equal(basin == index, side == a.name)


def test_a_saddle_is_no_attractor() -> None:
    # Cells on the ridge of an even double well rest exactly at the saddle.
    states = np.zeros((40, 3), dtype=np.float32)
    states[:, 1] = np.linspace(-1, 1, 40)
    found, basin = find_attractors(DoubleWell(3, 0.0), 1.0, states, np.array(["a"] * 40), AXES, ORIGIN, floor=0.0)
    assert found == ()
    assert (basin == -1).all()


def test_descent_never_rises_and_ends_at_rest() -> None:
    states, _ = around_both_wells()
    potential, z = DoubleWell(3, 0.3), torch.from_numpy(states)
    ends = descend(potential, z)
    assert (potential(ends) <= potential(z) + 1e-6).all()
    assert float(potential.gradient(ends).norm(dim=1).max()) < 1e-3


def test_in_a_plane_descent_leaves_the_drawn_coordinates() -> None:
    states, _ = around_both_wells()
    plane = torch.linalg.qr(torch.randn(3, 2, generator=torch.Generator().manual_seed(0)))[0].T
    z = torch.from_numpy(states)
    ends = descend(Quadratic(np.diag([1.0, 2.0, 3.0]), np.zeros(3)), z, plane=plane, steps=250)
    # Single precision: rounding adds up over the steps.
    torch.testing.assert_close(ends @ plane.T, z @ plane.T, atol=1e-3, rtol=0)
    assert float((ends - z).norm(dim=1).max()) > 0.5


def test_the_surface_is_the_minimum_over_what_is_not_drawn() -> None:
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(5, 5))
    matrix = factor @ factor.T / 5 + np.eye(5)
    centre = rng.normal(0, 0.3, size=5).astype(np.float32)
    states = (centre + rng.normal(size=(300, 5)) * 0.7).astype(np.float32)
    plane = np.linalg.qr(rng.normal(size=(5, 2)))[0].T.astype(np.float32)
    origin, diffusion = states.mean(0), 0.4
    found = make_landscape(
        Quadratic(matrix, centre),
        diffusion,
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
    found = make_landscape(DoubleWell(3, 0.0), 1.0, states, side, AXES, ORIGIN, ("a", "b"), resolution=30, steps=50)
    assert {a.name for a in found.attractors} == {"left", "right"}
    grid = np.stack(np.meshgrid(found.x, found.y), -1)
    gap = np.linalg.norm(grid[:, :, None] - found.cell_xy, axis=-1).min(-1)
    assert found.supported.any()
    assert gap[found.supported].max() < gap.max() / 3
    assert not found.supported[np.abs(grid[..., 0]) < 0.5].any(), "the middle, where no cell was measured"


def test_only_the_cells_named_descend_and_are_counted() -> None:
    states, side = around_both_wells()
    found = make_landscape(
        DoubleWell(3, 0.3), 0.25, states, side, AXES, ORIGIN, ("a", "b"), resolution=12, follow=np.flatnonzero(side == "left")
    )
    assert [(a.name, a.n_cells) for a in found.attractors] == [("left", (side == "left").sum())]
    assert found.cell_xy.shape == (200, 2)


def test_a_minimum_between_many_kinds_of_cells_is_called_mixed() -> None:
    states, _ = around_both_wells()
    kinds = np.array(list("abcdefgh"))[np.arange(200) % 8]
    found, _ = find_attractors(DoubleWell(3, 0.3), 0.25, states, kinds, AXES, ORIGIN, floor=0.0)
    assert [a.name for a in found] == ["mixed", "mixed (2)"]
    assert all(a.purity < 0.5 for a in found)


def test_the_plane_is_orthonormal_and_time_runs_to_the_right() -> None:
    rng = np.random.default_rng(5)
    time = np.repeat([0.0, 1.0, 2.0], 60)
    z = rng.normal(size=(180, 6)) + time[:, None] * [-1.0, 0.5, 0, 0, 0, 0]
    groups = np.array([f"g{i % 5}" for i in range(180)])
    for labels in (None, groups):
        for t in (None, time):
            plane, origin, names = choose_plane(z, t, labels)
            np.testing.assert_allclose(plane @ plane.T, np.eye(2), atol=1e-6)
            np.testing.assert_allclose(origin, z.mean(0), rtol=1e-5, atol=1e-6)
            assert len(names) == 2
    plane, origin, _ = choose_plane(z, time, None)
    expected = z[time == 2].mean(0) - z[time == 0].mean(0)
    np.testing.assert_allclose(plane[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert np.corrcoef((z - origin) @ plane[0], time)[0, 1] > 0.5


def test_with_groups_the_plane_holds_what_tells_them_apart() -> None:
    rng = np.random.default_rng(6)
    corners = np.array([[4.0, 4, 0], [4, -4, 0], [-4, 4, 0], [-4, -4, 0]])
    z = np.repeat(corners, 50, axis=0) + rng.normal(0, 1, (200, 3)) * [
        0.5,
        0.5,
        6.0,
    ]  # most spread lies where groups do not differ
    plane, _, names = choose_plane(z, None, np.repeat(list("abcd"), 50))
    np.testing.assert_allclose(np.linalg.norm(plane[:, :2], axis=1), 1, atol=0.05)
    assert "between groups" in names[0]

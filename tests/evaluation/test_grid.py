"""Answers on the grid against closed forms: Gauss, Boltzmann, quadrature, and the passes of three wells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_continuous_lyapunov

from virtualcell.data.known_systems import KNOWN_SYSTEMS
from virtualcell.data.three_wells import potential, saddles, wells
from virtualcell.evaluation.grid import Drift, Grid


def linear(matrix: np.ndarray) -> Drift:
    return lambda xy: -xy @ matrix.T


def covariance(grid: Grid, density: np.ndarray) -> np.ndarray:
    return np.cov(grid.points.T, aweights=density.ravel(), bias=True)


@pytest.mark.parametrize("matrix", [[[0.6, 0.3], [0.3, 1.5]], [[0.8, 0.6], [-0.6, 0.8]], [[1.5, 0.9], [-0.2, 0.5]]])
def test_a_linear_drift_settles_to_its_gaussian(matrix: list[list[float]]) -> None:
    a = np.array(matrix)
    expected = solve_continuous_lyapunov(a, 2 * 0.2 * np.eye(2))
    reach = 6 * np.sqrt(expected.diagonal().max())
    grid = Grid.over((-reach, reach, -reach, reach), 161)
    density = grid.stationary(linear(a), 0.2)
    np.testing.assert_allclose(covariance(grid, density), expected, rtol=0.01, atol=0.01 * expected.max())


def test_a_density_keeps_its_mass_and_stays_positive() -> None:
    """Also where the drift is far stronger than diffusion can smooth over one step of the grid."""
    grid = Grid.over((-1, 1, -1, 1), 21)
    rates = grid.rates(lambda xy: 60 * np.stack([-xy[:, 1] - xy[:, 0], xy[:, 0] - xy[:, 1]], axis=1), 0.05)
    np.testing.assert_allclose(rates.sum(axis=1), 0, atol=1e-9)
    off = rates.tolil()
    off.setdiag(0)
    assert off.tocsr().data.min() >= 0


@pytest.mark.parametrize("name", ["three wells", "double well", "binary choice"])
def test_a_gradient_settles_to_boltzmann(name: str) -> None:
    system = KNOWN_SYSTEMS[name]
    grid = Grid.over(system.box, 161)
    density = grid.stationary(system.drift, system.diffusion)
    assert system.potential is not None
    true = np.exp(-system.potential(grid.points) / system.diffusion)
    step_x, step_y = grid.steps
    assert density.sum() * step_x * step_y == pytest.approx(1)
    distance = 0.5 * np.abs(density.ravel() * step_x * step_y - true / true.sum()).sum()  # total variation
    assert distance < 0.02


def test_the_committor_of_a_well_along_one_axis_is_a_quadrature() -> None:
    """q(x) = int exp(U / D) from a to x over that from a to b, whatever happens along y: here discs become strips."""
    system, radius = KNOWN_SYSTEMS["double well"], 0.25
    (left, right), d = system.places, system.diffusion
    grid = Grid.over(system.box, 241)

    def along(x: float) -> float:
        assert system.potential is not None
        return float(np.exp(system.potential(np.array([x, 0.0])) / d))

    # Narrow along y, so that the discs span the whole rectangle and nothing but x is left.
    thin = Grid(grid.x, np.linspace(-0.02, 0.02, 5))
    found = thin.committor(system.drift, d, left, right, radius)[2]
    # A cell is set free one step before or after the rim of a disc: where exactly is known to a step of the grid.
    a = thin.x[np.abs(thin.x - left[0]) <= radius].max()
    b = thin.x[np.abs(thin.x - right[0]) <= radius].min()
    whole = quad(along, a, b)[0]
    between = (thin.x >= a) & (thin.x <= b)
    expected = [quad(along, a, x)[0] / whole for x in thin.x[between]]
    np.testing.assert_allclose(found[between], expected, atol=0.003)
    np.testing.assert_allclose(found[thin.x < a], 0, atol=1e-12)
    # In the full plane the two directions do not mix either: on the axis it is nearly the same.
    plane = grid.at(grid.committor(system.drift, d, left, right, radius), np.array([[-0.4, 0.0], [0.0, 0.0], [0.4, 0.0]]))
    strips = np.interp([-0.4, 0.0, 0.4], thin.x, found)
    np.testing.assert_allclose(plane, strips, atol=0.05)


def test_the_committor_is_how_often_simulated_cells_arrive() -> None:
    system, n = KNOWN_SYSTEMS["toggle switch"], 1500
    a, b = system.places
    grid = Grid.over(system.box, 201)
    place = np.array([1.0, 1.0])
    expected = float(grid.at(grid.committor(system.drift, system.diffusion, a, b, 0.4), place[None])[0])
    rng, xy = np.random.default_rng(0), np.repeat(place[None], n, axis=0)
    done = np.zeros(n, dtype=int)
    for _ in range(4000):
        free = done == 0
        if not free.any():
            break
        xy[free] = system.move(xy[free], 0.01, rng).xy
        done[free & (np.linalg.norm(xy - a, axis=1) < 0.4)] = -1
        done[free & (np.linalg.norm(xy - b, axis=1) < 0.4)] = 1
    assert (done != 0).all()
    assert (done == 1).mean() == pytest.approx(expected, abs=0.05)


def test_the_passes_of_three_wells_are_its_saddles() -> None:
    system = KNOWN_SYSTEMS["three wells"]
    grid = Grid.over(system.box, 241)
    energy = potential(grid.points).reshape(241, 241)
    bottom = {well.name: well for well in wells()}
    for saddle in saddles():
        for start, end in (saddle.between, saddle.between[::-1]):
            found = grid.lowest_pass(energy, bottom[start].xy, bottom[end].xy, 0.3)
            assert found.height == pytest.approx(saddle.energy - bottom[start].energy, abs=0.002)
            assert np.linalg.norm(found.xy - saddle.xy) < 0.05


def test_there_is_a_basin_for_every_well_and_no_other() -> None:
    system = KNOWN_SYSTEMS["three wells"]
    grid = Grid.over(system.box, 121)
    basins = grid.basins(potential(grid.points).reshape(121, 121))
    bottoms = grid.points[np.unique(basins)]
    distance = np.linalg.norm(bottoms[:, None] - system.places, axis=2)
    assert len(bottoms) == 3
    assert distance.min(axis=0).max() < 0.05
    own = grid.at(basins.astype(float), system.places + 0.1)
    assert len(set(own)) == 3


def test_basins_that_do_not_touch_have_no_pass() -> None:
    grid = Grid.over((-2, 2, -1, 1), 41)
    x = grid.points[:, 0].reshape(41, 41)
    energy = np.where(np.abs(x) < 0.3, np.inf, (np.abs(x) - 1) ** 2)
    with pytest.raises(ValueError, match="do not touch"):
        grid.lowest_pass(energy, np.array([-1.0, 0.0]), np.array([1.0, 0.0]), 0.2)
    with pytest.raises(ValueError, match="one basin"):
        grid.lowest_pass(grid.points[:, 0].reshape(41, 41) ** 2, np.array([-0.1, 0.0]), np.array([0.1, 0.0]), 0.5)


@pytest.mark.parametrize(("pull", "turn"), [(0.8, 0.6), (1.0, 0.0), (0.5, 1.0)])
def test_the_share_of_a_rotation_has_a_closed_form(pull: float, turn: float) -> None:
    a = np.array([[pull, turn], [-turn, pull]])
    reach = 6 * np.sqrt(0.2 / pull)
    grid = Grid.over((-reach, reach, -reach, reach), 161)
    cells = np.random.default_rng(0).normal(scale=reach / 6, size=(500, 2))
    share = grid.non_gradient_share(linear(a), 0.2, cells)
    assert share == pytest.approx(turn**2 / (turn**2 + pull**2), abs=0.01)


def test_the_share_leaves_out_cells_of_which_nothing_is_known() -> None:
    a = np.array([[0.8, 0.6], [-0.6, 0.8]])
    grid = Grid.over((-3, 3, -3, 3), 81)
    cells = np.random.default_rng(0).normal(scale=0.5, size=(100, 2))
    share = grid.non_gradient_share(linear(a), 0.2, cells)
    assert grid.non_gradient_share(linear(a), 0.2, np.concatenate([cells, [[9.0, 9.0]]])) == share
    with pytest.raises(ValueError, match="no cell"):
        grid.non_gradient_share(linear(a), 0.2, np.array([[9.0, 9.0]]))


def test_discs_must_hold_a_centre_and_not_overlap() -> None:
    grid = Grid.over((-1, 1, -1, 1), 11)
    with pytest.raises(ValueError, match="not overlap"):
        grid.committor(linear(np.eye(2)), 0.2, np.zeros(2), np.full(2, 0.1), 0.3)
    with pytest.raises(ValueError, match="hold a centre"):
        grid.committor(linear(np.eye(2)), 0.2, np.full(2, 0.1), np.full(2, 0.7), 0.05)

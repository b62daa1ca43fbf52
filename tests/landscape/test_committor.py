"""The committor by simulated futures against the same chance solved on a grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import beta, chi2

from tests.landscape.samples import Flat, Wells, moving
from virtualcell.data.known.double_well import DOUBLE_WELL, HEIGHT, STIFFNESS, TILT
from virtualcell.evaluation.grid import Grid
from virtualcell.landscape import committor as module
from virtualcell.landscape.committor import committor, core

D = DOUBLE_WELL.diffusion
LEFT, RIGHT = DOUBLE_WELL.attractors["Left"], DOUBLE_WELL.attractors["Right"]
RADIUS = 0.3
COPIES = 400


@pytest.fixture(scope="module")
def chances() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, their committor and its standard error, with steps so short that hardly a visit is missed between two."""
    rng = np.random.default_rng(0)
    states = np.stack([rng.uniform(-0.9, 0.9, 40), 0.35 * rng.normal(size=40)], 1)
    dynamics = moving(Wells(2, HEIGHT, TILT, STIFFNESS), D, euler_steps=200)
    return states, *committor(dynamics, states, LEFT, RIGHT, (RADIUS, RADIUS), COPIES, seed=1)


def test_it_is_that_of_the_grid_within_its_standard_error(chances: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    states, found, error = chances
    grid = Grid.over(DOUBLE_WELL.box, 161)
    truth = grid.at(grid.committor(DOUBLE_WELL.drift, D, LEFT, RIGHT, RADIUS), states)
    inside = (truth > 0.02) & (truth < 0.98)
    assert inside.sum() > 20
    off = ((found - truth) / error)[inside]
    assert (off**2).sum() < chi2.ppf(0.999, inside.sum()), "together as near as the errors say"
    assert np.abs(off).max() < 4
    assert (off**2).sum() > chi2.ppf(0.001, inside.sum()), "and the errors are no larger than they need to be"
    assert np.abs(found - truth).mean() < 0.02


def test_the_standard_error_is_that_of_a_share(chances: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, found, error = chances
    # Bayes with an even prior: Beta(k + 1, n - k + 1), which is not zero even where all copies agree.
    k = found * COPIES
    np.testing.assert_allclose(error, beta(k + 1, COPIES - k + 1).std(), rtol=1e-4)
    assert (error > 0).all()


def test_within_the_discs_it_is_certain_and_exchanged_ends_give_the_rest() -> None:
    dynamics = moving(Wells(2, HEIGHT, TILT, STIFFNESS), D)
    states = np.stack([LEFT, RIGHT, [0.0, 0.0]])
    found, _ = committor(dynamics, states, LEFT, RIGHT, (RADIUS, RADIUS), 300, seed=2)
    assert found[0] == 0
    assert found[1] == 1
    back, error = committor(dynamics, states, RIGHT, LEFT, (RADIUS, RADIUS), 300, seed=3)
    assert found[2] + back[2] == pytest.approx(1, abs=5 * float(error[2]))


def test_the_seed_decides() -> None:
    dynamics = moving(Wells(2, HEIGHT, TILT, STIFFNESS), D)
    states = np.zeros((3, 2))
    a, b, c = (committor(dynamics, states, LEFT, RIGHT, copies=50, seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_growth_is_left_out() -> None:
    dynamics = moving(Wells(2, HEIGHT, TILT, STIFFNESS), D)
    before, _ = committor(dynamics, np.zeros((1, 2)), LEFT, RIGHT, copies=200)
    with torch.no_grad():
        dynamics.growth.last.bias.fill_(2.0)
        dynamics.growth.last.weight.fill_(3.0)
    np.testing.assert_array_equal(committor(dynamics, np.zeros((1, 2)), LEFT, RIGHT, copies=200)[0], before)


def test_where_nothing_arrives_it_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.5)
    dynamics, ends = moving(Flat(2, 2), 1e-6), (np.array([-1.0, 0.0]), np.array([1.0, 0.0]))
    found, error = committor(dynamics, np.array([[0.0, 0.0], [1.0, 0.05]]), *ends, (0.1, 0.1), 10)
    np.testing.assert_array_equal(found, [np.nan, 1.0])
    np.testing.assert_array_equal(np.isnan(error), [True, False])
    none, _ = committor(dynamics, np.array([[0.0, 0.0], [5.0, 5.0]]), *ends, (0.1, 0.1), 10)
    assert np.isnan(none).all()


def test_a_core_is_as_wide_as_cells_at_rest_and_never_reaches_the_other() -> None:
    wells = Wells(2, HEIGHT, TILT, STIFFNESS)
    x = wells.at_rest()[2]
    curvatures = np.array([HEIGHT * (12 * x**2 - 4), STIFFNESS])
    cold = moving(wells, 0.02)
    assert core(cold, np.array([x, 0]), LEFT) == pytest.approx(np.sqrt((0.02 / curvatures).sum()), rel=1e-3)
    hot = moving(wells, 50.0)
    assert core(hot, RIGHT, LEFT) == pytest.approx(0.45 * np.linalg.norm(RIGHT - LEFT), rel=1e-6)

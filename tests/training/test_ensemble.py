"""Flows between measured times, on populations whose way is known."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.evaluation.metrics import energy_distance
from virtualcell.predictor.population import Population
from virtualcell.training.ensemble import FlowMatching, blurred, calibrate


def moving(t: float, n: int = 300, seed: int = 0) -> np.ndarray:
    """A cluster on a parabola: its middle at (t, t^2 / 2)."""
    return np.random.default_rng((seed, int(10 * t))).normal(size=(n, 2)) * 0.3 + np.array([2 * t, t**2])


@pytest.fixture(scope="module")
def fitted() -> FlowMatching:
    return FlowMatching((3.0, 0.5), steps=300).fit({t: moving(t) for t in (0.0, 1.0, 3.0, 4.0)}, seed=0)


def test_a_missing_time_is_met_on_the_curve(fitted: FlowMatching) -> None:
    true = moving(2.0, seed=1)
    given = fitted.carry(moving(1.0), 1.0, 2.0)
    straight = 0.5 * (moving(1.0) + moving(3.0))
    assert energy_distance(given.states, true, given.weights) < 0.5 * energy_distance(straight, true)
    assert np.linalg.norm(given.mean - true.mean(0)) < 0.75
    assert given.weights.sum() == pytest.approx(1.0)


def test_a_fit_is_the_same_for_a_seed_and_another_for_another() -> None:
    cells = {t: moving(t, 60) for t in (0.0, 1.0)}
    ends = [FlowMatching((1.0,), steps=20).fit(cells, seed).carry(cells[0.0], 0.0, 1.0).states for seed in (0, 0, 1)]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert not np.allclose(ends[0], ends[2])


def test_units_of_time_and_state_do_not_matter() -> None:
    cells = {t: moving(t, 60) for t in (0.0, 1.0, 2.0)}
    plain = FlowMatching((1.0,), steps=20).fit(cells).carry(cells[0.0], 0.0, 1.5)
    other = FlowMatching((1.0,), steps=20).fit({24 * t + 5: 10 * x - 3 for t, x in cells.items()})
    scaled = other.carry(10 * cells[0.0] - 3, 5.0, 41.0)
    np.testing.assert_allclose((scaled.states + 3) / 10, plain.states, atol=1e-3)
    np.testing.assert_allclose(scaled.weights, plain.weights, atol=1e-4)


def test_mass_follows_growth_where_growth_is_free() -> None:
    """Two resting clusters whose sizes swap: the flow that may grow keeps cells in place and reweights them."""
    rng = np.random.default_rng(0)

    def clusters(left: int) -> np.ndarray:
        return np.r_[rng.normal(0, 0.2, (left, 2)), rng.normal(6, 0.2, (200 - left, 2))]

    start, end = clusters(160), clusters(40)
    fit = FlowMatching((0.05,), curvature=0.0, steps=400).fit({0.0: start, 1.0: end})
    given = fit.carry(start, 0.0, 1.0)
    right = given.states[:, 0] > 3
    assert right.mean() < 0.35, "cells crossed although growth was free"
    assert given.weights[right].sum() == pytest.approx(0.8, abs=0.12)


def test_pilot_cells_set_the_clock_right(fitted: FlowMatching) -> None:
    """The cells of "time 2" are in truth those of time 1.3: thirty of them say so."""
    true = moving(1.3, seed=2)
    pilot, rest = true[:30], true[30:]
    blind = fitted.carry(moving(1.0), 1.0, 2.0)
    given, found = calibrate(fitted, pilot, moving(1.0), 1.0, 2.0)
    assert energy_distance(given.states, rest, given.weights) < 0.3 * energy_distance(blind.states, rest, blind.weights)
    assert found.shares.sum() == pytest.approx(1.0)
    assert found.shares.shape == (len(found.times), 2)
    assert found.shares.sum(1) @ found.times < 1.7
    assert found.n_pilot == 30
    with pytest.raises(ValueError, match="10 or more"):
        calibrate(fitted, pilot[:9], moving(1.0), 1.0, 2.0)


def test_blurred_cells_keep_mean_and_add_little_spread() -> None:
    cells = np.random.default_rng(0).normal(size=(200, 3)) * (1.0, 2.0, 5.0)
    given = blurred(cells)
    assert isinstance(given, Population)
    np.testing.assert_allclose(given.mean, cells.mean(0), atol=0.1)
    np.testing.assert_allclose(given.states.std(0) / cells.std(0), 1.0, atol=0.1)


def test_one_time_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two times"):
        FlowMatching().fit({0.0: moving(0.0)})


def test_bad_input_is_refused(fitted: FlowMatching) -> None:
    with pytest.raises(ValueError, match="not known"):
        FlowMatching("ot")
    with pytest.raises(ValueError, match="not known"):
        FlowMatching(())
    with pytest.raises(ValueError, match="finite"):
        FlowMatching().fit({0.0: np.full((5, 2), np.nan), 1.0: moving(1.0)})
    with pytest.raises(ValueError, match="rise"):
        fitted.carry(moving(1.0), 1.0, 0.5)
    with pytest.raises(ValueError, match="after"):
        calibrate(fitted, moving(1.0)[:20], moving(1.0), 1.0, 1.0)

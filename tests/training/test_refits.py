"""The smallest dynamics that do the job, their refits, and how much of the drift turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import DataError, PredictorSettings
from virtualcell.training.refits import DynamicsFit, _resampled, fit_dynamics

QUICK = PredictorSettings(width=8, steps=4, warm_steps=10, rollouts=30, euler_steps=8, refits=2, diffusion=0.3)
TIME = np.repeat([0.0, 0.5, 1.0], 80)


def parting() -> np.ndarray:
    """Cells that part into two valleys and stay there, which no straight slope does."""
    rng = np.random.default_rng(0)
    side = np.where(TIME > 0, rng.choice([-2.0, 2.0], 240), 0.0)
    return (0.3 * rng.normal(size=(240, 2)) + np.stack([side, 0 * side], 1)).astype(np.float32)


def spiral(rate: float, turn: float, diffusion: float = 0.15) -> np.ndarray:
    """Cells that go round a bowl, from a heap to the right of it, carried exactly."""
    rng = np.random.default_rng(1)
    found = []
    for t in (0.0, 0.5, 1.0):
        c, s = np.exp(-rate * t) * np.array([np.cos(turn * t), np.sin(turn * t)])
        start = np.array([2.0, 0.0]) + 0.3 * rng.normal(size=(800, 2))
        noise = np.sqrt(diffusion / rate * (1 - np.exp(-2 * rate * t))) * rng.normal(size=(800, 2))
        found.append(start @ np.array([[c, s], [-s, c]]) + noise)
    return np.concatenate(found).astype(np.float32)


@pytest.fixture(scope="module")
def fitted() -> DynamicsFit:
    return fit_dynamics(parting(), QUICK, time=TIME)


def places(model: Dynamics) -> np.ndarray:
    with torch.no_grad():
        return model.potential.gradient(torch.linspace(-2, 2, 20)[:, None].repeat(1, 2)).numpy()


def test_refits_differ_from_the_fit_and_from_each_other(fitted: DynamicsFit) -> None:
    assert not fitted.linear
    assert fitted.linear_p is not None
    assert fitted.linear_p < 0.01
    assert len(fitted.refits) == 2
    slopes = [places(m) for m in (fitted.dynamics, *fitted.refits)]
    for i, one in enumerate(slopes):
        for other in slopes[:i]:
            assert np.abs(one - other).max() > 1e-4
    # They go on from the fit: nearer to it than to where a fit starts.
    assert max(np.abs(s - slopes[0]).max() for s in slopes[1:]) < np.abs(slopes[0]).max()


def test_the_seed_decides_over_all_of_it(fitted: DynamicsFit) -> None:
    again = fit_dynamics(parting(), QUICK, time=TIME)
    for a, b in zip((again.dynamics, *again.refits), (fitted.dynamics, *fitted.refits), strict=True):
        np.testing.assert_array_equal(places(a), places(b))
    assert again.rotation_share == fitted.rotation_share
    other = fit_dynamics(parting(), replace(QUICK, refits=1, turning=False), time=TIME, seed=1)
    assert np.abs(places(other.refits[0]) - places(fitted.refits[0])).max() > 1e-4
    assert other.rotation_share is None, "not asked for"


def test_the_share_that_turns_is_said_beside_dynamics_that_do_not(fitted: DynamicsFit) -> None:
    assert fitted.rotation_share is not None
    assert 0 <= fitted.rotation_share <= 1
    assert fitted.dynamics.rotation is None
    assert all(refit.rotation is None for refit in fitted.refits)


@pytest.mark.parametrize("turn", [0.0, 2.0])
def test_one_valley_is_a_linear_law_with_the_share_of_the_closed_form(turn: float) -> None:
    found = fit_dynamics(spiral(1.3, turn), replace(QUICK, diffusion=1.0), time=np.repeat([0.0, 0.5, 1.0], 800))
    assert found.linear
    assert found.linear_p is not None
    assert found.linear_p >= 0.01
    assert found.refits == ()
    assert found.rotation_share == pytest.approx(turn**2 / (turn**2 + 1.3**2), abs=0.1)


def test_with_barcodes_or_known_growth_no_linear_law_is_tried() -> None:
    cells, time = spiral(1.3, 0.0)[::10], np.repeat([0.0, 0.5, 1.0], 80)
    barcodes = csr_matrix(np.eye(80)[np.tile(np.arange(80), 3)])
    for told in ({"clones": barcodes}, {"growth": "given", "growth_rates": np.ones(240)}):
        found = fit_dynamics(cells, replace(QUICK, refits=1, turning=False), time=time, **told)
        assert not found.linear
        assert found.linear_p is None
        assert len(found.refits) == 1


def test_without_times_there_is_one_fit_and_nothing_beside_it() -> None:
    names = np.where(TIME > 0, "drug", "control")
    found = fit_dynamics(parting(), QUICK, time=None, treatment=names)
    assert found.refits == ()
    assert found.rotation_share is None
    assert found.linear_p is None
    assert found.dynamics.treatments == ("drug",)


def test_nothing_is_fitted_again_where_no_pass_was_crossed() -> None:
    seen = []

    def never(dynamics: Dynamics, states: np.ndarray, time: np.ndarray, growth_known: bool) -> bool:
        seen.append((dynamics, states, time, growth_known))
        return False

    names = np.where(np.arange(240) % 3 == 2, "drug", "control")
    quick = replace(QUICK, turning=False)
    told = {"time": TIME, "treatment": names, "growth": "given", "growth_rates": np.ones(240)}  # for which no linear law is tried
    found = fit_dynamics(parting(), quick, **told, crossed=never)
    assert found.refits == ()
    ((dynamics, states, time, growth_known),) = seen
    np.testing.assert_array_equal(states, parting()[names == "control"])
    np.testing.assert_array_equal(time, TIME[names == "control"])
    assert growth_known
    np.testing.assert_array_equal(places(dynamics), places(found.dynamics))
    again = fit_dynamics(parting(), quick, **told, crossed=lambda *_: True)
    np.testing.assert_array_equal(places(again.dynamics), places(found.dynamics))
    assert len(again.refits) == 2


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.booleans(), st.integers(0, 1000))
def test_every_population_is_drawn_from_itself_in_its_size(sizes: list[int], treated: bool, seed: int) -> None:
    time = np.repeat(np.arange(len(sizes), dtype=float), sizes)
    names = np.where(np.arange(len(time)) % 3 == 0, "drug", "control") if treated else None
    draws = list(_resampled(time, names, 2, seed))
    for rows in draws:
        assert (np.diff(rows) >= 0).all()
        np.testing.assert_array_equal(time[rows], time)
        if names is not None:
            for t in np.unique(time):
                assert sorted(names[rows][time == t]) == sorted(names[time == t])
    if max(sizes) > 10:
        assert (draws[0] != draws[1]).any()
        assert len(np.unique(draws[0])) < len(time), "some more than once"


def test_what_does_not_fit_together_is_refused_before_a_law_is_tried() -> None:
    cells = spiral(1.0, 0.5)[::10]
    with pytest.raises(DataError, match="Sizes belong to growth='sizes'"):
        fit_dynamics(cells, QUICK, time=TIME, population_sizes={0.0: 1.0, 1.0: 50.0})
    with pytest.raises(DataError, match="'far' is not known"):
        fit_dynamics(cells, replace(QUICK, distance="far"), time=TIME)

"""Populations between two measured ones, from both sides."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.test_ensemble import moving
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.predictor.population import mixture
from virtualcell.training.both_sides import BothSides, SomeGrowth
from virtualcell.training.ensemble import FlowMatching


@pytest.fixture(scope="module")
def fitted() -> BothSides:
    return BothSides((3.0, 0.5), steps=300).fit({t: moving(t, 300 if t < 3 else 200) for t in (0.0, 1.0, 3.0, 4.0)}, seed=0)


def test_both_measured_populations_reach_the_missing_time(fitted: BothSides) -> None:
    true = moving(2.0, seed=1)
    given = fitted.carry(moving(1.0), 1.0, 2.0)
    assert len(given.states) == 2 * (300 + 200)
    assert given.weights[:600].sum() == pytest.approx(0.5)
    back = mixture(fitted.members(moving(3.0, 200), 3.0, [2.0])[0])
    np.testing.assert_allclose(given.states[600:], back.states)
    assert energy_distance(given.states, true, given.weights) < 0.3
    straight = 0.5 * (moving(1.0) + moving(3.0))
    assert energy_distance(given.states, true, given.weights) < 0.5 * energy_distance(straight, true)


def test_the_nearer_side_weighs_more(fitted: BothSides) -> None:
    given = fitted.carry(moving(1.0), 1.0, 1.5)
    assert given.weights[:600].sum() == pytest.approx(0.75)


def test_where_there_is_one_side_only_it_is_the_flow_forward(fitted: BothSides) -> None:
    forward = FlowMatching((3.0, 0.5), steps=300).fit({t: moving(t, 300 if t < 3 else 200) for t in (0.0, 1.0, 3.0, 4.0)}, seed=0)
    for start, t0, t1 in ((moving(4.0, 200), 4.0, 4.5), (moving(0.0), 0.0, 2.0), (moving(1.0), 1.0, 3.0)):
        np.testing.assert_array_equal(fitted.carry(start, t0, t1).states, forward.carry(start, t0, t1).states)
    with pytest.raises(ValueError, match="use FlowMatching"):
        fitted.carry(moving(1.0)[:20], 1.0, 2.0)
    with pytest.raises(ValueError, match="rise"):
        fitted.carry(moving(1.0), 1.0, 0.5)


def test_large_populations_are_thinned_evenly(fitted: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted.carry(moving(1.0), 1.0, 2.0)
    monkeypatch.setattr("virtualcell.training.both_sides.LARGEST", 250)
    given = fitted.carry(moving(1.0), 1.0, 2.0, seed=3)
    assert given.states.shape == (250, 2)
    np.testing.assert_array_equal(given.states, whole.even(250, 3))
    np.testing.assert_allclose(given.mean, whole.mean, atol=0.05)


def test_some_growths_are_members_of_the_same_fit() -> None:
    cells = {t: moving(t, 60) for t in (0.0, 1.0, 2.0)}
    every = BothSides((3.0, 0.5), steps=20)
    much = SomeGrowth(every, (0.5,), "much growth").fit(cells, seed=1)
    fitted_flow = every.flow
    assert SomeGrowth(every, (3.0,), "little growth").fit(cells, seed=1).flows.flow is fitted_flow, "one fit serves all"
    given = much.carry(cells[0.0], 0.0, 0.5)
    np.testing.assert_allclose(given.states[:60], every.members(cells[0.0], 0.0, [0.5])[0][1].states)
    assert len(given.states) == 120
    much.fit(cells, seed=2)
    assert every.flow is not fitted_flow, "another seed is another fit"
    again = every.flow
    much.fit(dict(cells), seed=2)
    assert every.flow is not again, "other snapshots are another fit"
    with pytest.raises(ValueError, match="not among"):
        SomeGrowth(every, (1.0,), "other")

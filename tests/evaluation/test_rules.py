"""Simple rules with the predictors' interface."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.evaluation.rules import NoiseOnly, UnbalancedCurve, rules

RNG = np.random.default_rng(0)
CELLS = {t: RNG.normal(size=(80, 3)) + np.array([t, t**2, 0.0]) for t in (0.0, 1.0, 3.0, 4.0)}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_every_rule_gives_a_population(rule) -> None:
    given = rule.fit(CELLS, 0).carry(CELLS[1.0], 1.0, 2.0, seed=0)
    assert given.states.shape[1] == 3
    assert np.isfinite(given.states).all()
    assert given.weights.sum() == pytest.approx(1.0)


def test_rules_between_and_beyond_measured_times() -> None:
    by_name = {rule.name: rule.fit(CELLS, 0) for rule in rules()}
    middle = (CELLS[1.0].mean(0) + CELLS[3.0].mean(0)) / 2
    for name in ("mean shift", "linear transport (McCann)", "union of neighbours"):
        np.testing.assert_allclose(by_name[name].carry(CELLS[1.0], 1.0, 2.0).mean, middle, atol=1e-9, err_msg=name)
    np.testing.assert_array_equal(by_name["no change"].carry(CELLS[1.0], 1.0, 2.0).states, CELLS[1.0])
    np.testing.assert_array_equal(by_name["no change"].carry(CELLS[4.0], 4.0, 5.0).states, CELLS[4.0])
    # Beyond the last time the last interval goes on: from 3 to 4 the mean moved by one step, so to 5 by another.
    ahead = 2 * CELLS[4.0].mean(0) - CELLS[3.0].mean(0)
    for name in ("mean shift", "linear transport (McCann)"):
        np.testing.assert_allclose(by_name[name].carry(CELLS[4.0], 4.0, 5.0).mean, ahead, atol=1e-9, err_msg=name)


def test_the_curve_bends_towards_the_parabola() -> None:
    straight = UnbalancedCurve(curvature=0.0).fit(CELLS).carry(CELLS[1.0], 1.0, 2.0).mean
    bent = UnbalancedCurve(curvature=1.0).fit(CELLS).carry(CELLS[1.0], 1.0, 2.0).mean
    assert straight[1] == pytest.approx(5.0, abs=0.4)
    assert bent[1] == pytest.approx(4.0, abs=0.4)
    with pytest.raises(ValueError, match="measured"):
        UnbalancedCurve().fit(CELLS).carry(CELLS[4.0], 4.0, 5.0)
    with pytest.raises(ValueError, match="measured"):
        UnbalancedCurve().fit(CELLS).carry(CELLS[1.0][:5], 1.0, 2.0)


def test_noise_alone_spreads_as_the_populations_do() -> None:
    growing = {t: RNG.normal(size=(4000, 2)) * np.sqrt(1 + t) for t in (0.0, 1.0, 2.0)}
    given = NoiseOnly().fit(growing).carry(growing[2.0], 2.0, 4.0, seed=0)
    assert given.states.var(0).mean() == pytest.approx(5.0, rel=0.05)
    np.testing.assert_allclose(given.mean, growing[2.0].mean(0), atol=0.1)

"""The landscape's dynamics with the interface of every other predictor."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.data.known_systems import KNOWN_SYSTEMS
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.schema import PredictorSettings
from virtualcell.training.on_landscape import OnLandscape

SYSTEM = KNOWN_SYSTEMS["quadratic well"]
CELLS = SYSTEM.snapshots(0, 300)
SEEN = {float(t): CELLS.xy[CELLS.time == t] for t in np.unique(CELLS.time)}


def test_a_hidden_population_of_a_linear_law_is_met_within_its_noise() -> None:
    *_, before, hidden, _ = sorted(SEEN)[:4]
    predictor = OnLandscape().fit({t: x for t, x in SEEN.items() if t != hidden}, seed=0)
    given = predictor.carry(SEEN[before], before, hidden, seed=1)
    assert given.weights.sum() == pytest.approx(1)
    reached = energy_distance(given.states, SEEN[hidden], given.weights)
    assert reached < 0.1 * energy_distance(SEEN[before], SEEN[hidden])
    again = predictor.carry(SEEN[before], before, hidden, seed=1)
    np.testing.assert_array_equal(again.states, given.states)


def test_refits_and_turning_are_never_asked_for() -> None:
    settings = OnLandscape(PredictorSettings(steps=7, refits=9)).settings
    assert (settings.steps, settings.refits, settings.turning) == (7, 0, False)


def test_bad_times_are_refused() -> None:
    with pytest.raises(ValueError, match="two times"):
        OnLandscape().fit({0.0: SEEN[0.0]})
    fitted = OnLandscape().fit(SEEN)
    with pytest.raises(ValueError, match="not after"):
        fitted.carry(SEEN[0.0], 2.0, 2.0)

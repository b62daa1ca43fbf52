"""How far beyond the last measured time a prediction may be drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from virtualcell.evaluation.horizon import Horizon, Step, last_times
from virtualcell.evaluation.metrics import energy_distance, wasserstein1
from virtualcell.evaluation.rules import rules
from virtualcell.predictor.population import Population


def step(time: float, seed: int, energy: float = 0.1, w1: float = 0.5, last: float = 2.0) -> Step:
    return Step("ours", last, time, seed, energy, 0.2, w1, 0.6)


def test_it_ends_before_the_first_time_that_failed_in_any_seed() -> None:
    good = [step(t, seed) for t in (3.0, 4.0, 6.0) for seed in range(3)]
    assert Horizon.of(good, "h").beyond_last == 4.0
    worse = [*good[:5], step(4.0, 2, energy=0.25), *good[6:]]
    assert Horizon.of(worse, "h").beyond_last == 1.0, "a later success does not make up for it"
    assert Horizon.of([step(3.0, 0, w1=0.7), *good[1:]], "h").beyond_last == 0.0, "by both distances"
    assert Horizon.of([step(3.0, seed, energy=0.2) for seed in range(3)], "h").beyond_last == 0.0, "as good is not better"


def test_the_same_time_beyond_must_hold_from_every_last_time() -> None:
    steps = [step(3.0, seed) for seed in range(3)] + [step(5.0, seed, last=4.0, energy=0.3) for seed in range(3)]
    assert Horizon.of(steps, "d").beyond_last == 0.0
    tenths = [step(0.3, seed, last=0.2) for seed in range(3)] + [step(0.2, seed, last=0.1, energy=0.3) for seed in range(3)]
    assert Horizon.of(tenths, "d").beyond_last == 0.0, "the same time beyond, though not the same float"


def test_it_says_what_it_rests_on() -> None:
    found = json.loads(json.dumps(Horizon.of([step(3.0, seed) for seed in range(3)], "h").to_dict()))
    assert found.keys() == {"beyond_last", "unit", "evidence"}
    assert (found["beyond_last"], found["unit"]) == (1.0, "h")
    assert [row["seed"] for row in found["evidence"]] == [0, 1, 2]
    assert all(row["beats"] and row["beyond"] == 1.0 for row in found["evidence"])
    with pytest.raises(ValueError, match="fewer than 3 seeds"):
        Horizon.of([step(3.0, 0), step(3.0, 1)], "h")
    with pytest.raises(ValueError, match="one method"):
        Horizon.of([], "h")


def test_a_steady_motion_is_foreseen_and_a_reversal_is_not() -> None:
    rng = np.random.default_rng(0)

    def course(*places: float) -> dict[float, np.ndarray]:
        return {float(t): rng.normal(size=(120, 2)) * 0.3 + np.array([x, 0.0]) for t, x in enumerate(places)}

    shift = next(rule for rule in rules() if rule.name == "mean shift")
    steps = last_times(shift, course(0, 1, 2, 3))
    assert {(s.last, s.time) for s in steps} == {(2.0, 3.0), (1.0, 2.0), (1.0, 3.0)}
    assert Horizon.of(steps, "h").beyond_last == 2.0
    assert Horizon.of(last_times(shift, course(0, 1, 2, 0.9)), "h").beyond_last == 0.0
    with pytest.raises(ValueError, match="none to hide"):
        last_times(shift, course(0, 1))


def test_a_step_is_measured_from_its_cells() -> None:
    rng = np.random.default_rng(1)
    start, true = rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 2
    predicted = Population.of(start + 1, rng.uniform(0.5, 1, 60))
    found = Step.of("ours", 1.0, 3.0, 0, predicted, start, true)
    assert found.energy == pytest.approx(energy_distance(predicted.states, true, predicted.weights))
    assert found.energy_no_change == pytest.approx(energy_distance(start, true))
    assert found.w1 == pytest.approx(wasserstein1(predicted.even(40, 0), true))
    assert found.beats
    assert found.beyond == 2.0

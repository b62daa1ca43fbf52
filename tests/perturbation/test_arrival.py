"""How many arrive: shares that follow from the overlap of two normal populations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from virtualcell.perturbation.arrival import INSIDE, Arrival, Share
from virtualcell.perturbation.inverse import rank_treatments
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import Screen

D, GENES = 2.0, 4


def two(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, GENES)), rng.normal(size=(n, GENES)) + D * np.eye(GENES)[0]


def both(shift: float, n: int = 400_000) -> float:
    """By brute force: beyond half way, and within the radius that holds 95 % of the goal."""
    at = np.random.default_rng(9).normal(size=(n, GENES))
    at[:, 0] += shift - D
    return float(((at[:, 0] > -D / 2) & ((at**2).sum(1) < chi2.ppf(INSIDE, GENES))).mean())


def test_shares_are_those_of_two_normal_populations() -> None:
    start, goal = two(4000)
    arrival = Arrival(start, goal)
    assert arrival.without_push.value == pytest.approx(both(0.0), abs=0.02)
    assert arrival.of_goal.value == pytest.approx(both(D), abs=0.02)
    half = arrival.of(start + D / 2 * np.eye(GENES)[0])
    assert half.value == pytest.approx(both(D / 2), abs=0.02)
    assert half.low < half.value < half.high
    assert half.high - half.low == pytest.approx(2 * 1.96 * np.sqrt(half.value * (1 - half.value) / 4000), rel=0.02)
    assert norm.cdf(-D / 2) > arrival.without_push.value  # some of those on the goal's side lie too far off


def test_the_right_push_brings_as_many_as_the_goal_has_and_one_too_strong_brings_none() -> None:
    start, goal = two(4000, seed=1)
    arrival = Arrival(start, goal)
    assert arrival.of(start + D * np.eye(GENES)[0]).value == pytest.approx(arrival.of_goal.value, abs=0.02)
    assert arrival.of(start + 10 * D * np.eye(GENES)[0]).value < 0.01
    assert arrival.of(start - D * np.eye(GENES)[0]).value < arrival.without_push.value


def test_a_goal_that_is_the_start_is_reached_by_half_at_best_and_few_cells_do_not_fool_it() -> None:
    """With 30 cells of 30 genes a rule that had seen them would tell all of them apart."""
    rng = np.random.default_rng(2)
    found = [Arrival(*rng.normal(size=(2, 30, 30)), seed=seed) for seed in range(20)]
    assert np.mean([arrival.without_push.value for arrival in found]) == pytest.approx(
        np.mean([arrival.of_goal.value for arrival in found]), abs=0.08
    )


def test_too_few_cells_and_other_cells_are_refused() -> None:
    start, goal = two(40)
    with pytest.raises(ValueError, match="Ten cells or more"):
        Arrival(start[:9], goal)
    with pytest.raises(ValueError, match="39 cells were pushed of 40"):
        Arrival(start, goal).of(start[:39])
    assert Share.of(np.zeros(20, dtype=bool)).high > 0.1  # none of twenty is not none at all


def test_the_ranking_says_how_many_arrive() -> None:
    rng = np.random.default_rng(3)
    effects = {"control": np.zeros(20)} | {f"t{i}": 6 * np.eye(20)[i] for i in range(4)}
    table = np.concatenate([effect + rng.normal(size=(50, 20)) for effect in effects.values()])
    model = Response().fit(Screen.of(table, np.repeat(list(effects), 50)))
    goal = effects["t2"] + rng.normal(size=(50, 20))
    ranked = rank_treatments(model, table[:50], goal, list(effects)[1:]).set_index("treatment")
    assert ranked.loc["t2", "arriving"] > 0.7
    assert (ranked.drop("t2")["arriving"] < 0.1).all()
    assert ranked["arriving_untreated"].nunique() == 1
    assert ranked["arriving_untreated"].iloc[0] < 0.1
    assert ranked["arriving_goal"].iloc[0] > 0.6
    assert ((ranked["low"] <= ranked["arriving"]) & (ranked["arriving"] <= ranked["high"])).all()
    few = rank_treatments(model, table[:50], goal[:5], ["t2"])
    assert few[["arriving", "low", "high", "arriving_goal"]].isna().all(axis=None)

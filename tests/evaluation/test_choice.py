"""Choosing a predictor by hidden times, on candidates whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.evaluation.choice import choose
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.predictor.population import Population


def cells_at(t: float, n: int = 200) -> np.ndarray:
    return np.random.default_rng((7, int(t))).normal(size=(n, 2)) + np.array([3 * t, 0.0])


CELLS = {float(t): cells_at(t) for t in range(5)}


class Off:
    """Knows where cells go, and misses by a given distance at each time; remembers what it was shown."""

    def __init__(self, name: str, miss: dict[float, float]):
        self.name, self.miss, self.shown = name, miss, []

    def fit(self, snapshots, seed: int = 0):
        self.shown.append(tuple(sorted(snapshots)))
        return self

    def carry(self, start, t0, t1, seed: int = 0) -> Population:
        return Population.of(cells_at(t1) + np.array([0.0, self.miss[t1]]))


def off(name: str, *miss: float) -> Off:
    return Off(name, dict(zip((1.0, 2.0, 3.0), miss, strict=True)))


def test_what_is_better_at_every_hidden_time_is_chosen_with_its_evidence() -> None:
    usual, better = off("usual", 1.0, 1.0, 1.0), off("better", 0.5, 0.4, 0.5)
    found = choose([usual, better], CELLS, default="usual", seeds=(0, 1))
    assert found.name == "better"
    assert "better was closer than usual every time" in found.reason
    assert len(found.trials) == 2 * 3 * 2
    table = found.table()
    assert [row["candidate"] for row in table] == ["better", "usual"]
    assert [row["chosen"] for row in table] == [True, False]
    assert table[1]["gain"] == 0.0

    def distance(t: float, miss: float) -> float:
        return energy_distance(cells_at(t) + np.array([0.0, miss]), CELLS[t])

    expected = [1 - distance(t, better.miss[t]) / distance(t, 1.0) for t in (1.0, 2.0, 3.0)]
    assert table[0]["gain"] == pytest.approx(np.mean(expected))
    assert table[0]["spread"] == pytest.approx(np.std(expected, ddof=1))


def test_no_candidate_sees_the_hidden_time() -> None:
    usual = off("usual", 1.0, 1.0, 1.0)
    choose([usual], CELLS, default="usual")
    assert usual.shown == [(0.0, 2.0, 3.0, 4.0), (0.0, 1.0, 3.0, 4.0), (0.0, 1.0, 2.0, 4.0)]


@pytest.mark.parametrize(
    "miss",
    [
        (0.1, 0.1, 1.2),  # much better on average, worse once
        (0.0, 0.98, 0.98),  # better every time, but by less than the spread
    ],
)
def test_chance_does_not_choose(miss: tuple[float, float, float]) -> None:
    found = choose([off("usual", 1.0, 1.0, 1.0), off("lucky", *miss)], CELLS, default="usual")
    assert found.table()[0]["candidate"] == "lucky"
    assert found.name == "usual"
    assert "nothing was closer" in found.reason


def test_distances_that_are_noise_make_no_gain() -> None:
    """Both are the measured cells themselves but for a hair: a share of nothing is not a gain."""
    found = choose([off("usual", 1e-3, 1e-3, 1e-3), off("hair", 0.0, 0.0, 0.0)], CELLS, default="usual")
    assert all(abs(trial.gain) < 0.1 for trial in found.trials)


@pytest.mark.parametrize(("times", "said"), [((0.0, 1.0), "leave none to hide"), ((0.0, 1.0, 2.0), "leave 1 to hide")])
def test_too_few_times_leave_the_default_by_principle(times: tuple[float, ...], said: str) -> None:
    found = choose([off("usual", 1.0, 1.0, 1.0), off("better", 0.1, 0.1, 0.1)], {t: CELLS[t] for t in times}, default="usual")
    assert found.name == "usual"
    assert "as settled beforehand" in found.reason
    assert said in found.reason
    assert len(found.trials) == 2 * (len(times) - 2)
    assert all(row["spread"] is None for row in found.table())


def test_names_must_tell_candidates_apart() -> None:
    with pytest.raises(ValueError, match="names of their own"):
        choose([off("a", 1, 1, 1), off("a", 1, 1, 1)], CELLS, default="a")
    with pytest.raises(ValueError, match="names of their own"):
        choose([off("a", 1, 1, 1)], CELLS, default="b")

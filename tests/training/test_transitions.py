"""Which population becomes which, for every kind of experiment."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.schema import DataError
from virtualcell.training.transitions import Transition, make_transitions


def rows(t: Transition) -> tuple[list[int], list[int]]:
    return t.source.tolist(), t.target.tolist()


def test_time_alone_joins_every_earlier_to_every_later_population() -> None:
    time = np.array([0.0, 0.0, 0.25, 0.25, 1.0, 1.0])
    *moves, stays = make_transitions(time, None, "control", 0.7)
    found = {(tuple(t.source), tuple(t.target)): (t.duration, t.weight) for t in moves}
    assert found == {
        ((0, 1), (2, 3)): (0.25, 1.0),
        ((2, 3), (4, 5)): (0.75, 1.0),
        ((0, 1), (4, 5)): (1.0, 0.5),
    }
    assert all(t.treatment is None and not t.stationary for t in moves)
    assert rows(stays) == ([4, 5], [4, 5])
    assert stays.stationary
    assert stays.weight == 0.7


def test_without_the_prior_nothing_is_said_to_stay() -> None:
    found = make_transitions(np.array([0.0, 0.0, 1.0, 1.0]), None, "control", 0.0)
    assert [t.stationary for t in found] == [False]


def test_treatment_alone_pushes_the_untreated_in_one_span() -> None:
    names = np.array(["none", "A", "none", "A+B", "A", "A+B"])
    *moves, stays = make_transitions(None, names, "none", 1.0)
    assert [(t.treatment, *rows(t), t.duration) for t in moves] == [("A", [0, 2], [1, 4], 1.0), ("A+B", [0, 2], [3, 5], 1.0)]
    assert rows(stays) == ([0, 2], [0, 2])
    assert stays.treatment is None


def test_time_and_treatment_start_the_treated_from_the_last_untreated_before() -> None:
    time = np.repeat([0.0, 0.5, 0.5, 1.0, 1.0], 2)
    names = np.repeat(["control", "control", "drug", "drug", "control"], 2)
    found = make_transitions(time, names, "control", 1.0)
    pairs = {(tuple(t.source), tuple(t.target), t.treatment, t.duration) for t in found if not t.stationary}
    assert pairs == {
        ((0, 1), (2, 3), None, 0.5),
        ((0, 1), (8, 9), None, 1.0),
        ((2, 3), (8, 9), None, 0.5),
        ((0, 1), (4, 5), "drug", 0.5),  # not the control cells of the same moment
        ((4, 5), (6, 7), "drug", 0.5),
    }
    (stays,) = [t for t in found if t.stationary]
    assert rows(stays) == ([8, 9], [8, 9])


def test_one_cell_is_no_population_to_be_matched() -> None:
    assert [t.treatment for t in make_transitions(None, np.array(["none", "none", "A", "B", "B"]), "none", 1.0)] == ["B", None]
    found = make_transitions(np.array([0.0, 0.0, 0.5, 1.0, 1.0]), None, "control", 1.0)
    assert all(len(t.target) > 1 for t in found)
    assert {t.duration for t in found if not t.stationary} == {0.5, 1.0}


def test_without_untreated_cells_there_is_nothing_to_start_from() -> None:
    drugs = np.array(["a", "a", "b", "b"])
    for time in (None, np.array([0.0, 1.0, 0.0, 1.0])):
        with pytest.raises(DataError, match="None of the cells is called 'DMSO'"):
            make_transitions(time, drugs, "DMSO", 1.0)


def test_one_population_has_nowhere_to_go() -> None:
    assert make_transitions(np.zeros(3), None, "control", 0.0) == []
    assert all(t.stationary for t in make_transitions(None, np.array(["control"] * 3), "control", 1.0))

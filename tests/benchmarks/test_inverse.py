"""The comparison of heads: none sees a cell that judges it, and figures are what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from benchmarks.perturbation import inverse
from benchmarks.perturbation.heads import Bayes
from benchmarks.perturbation.inverse import AMONG, CALIBRATION, CHANCE, ENERGY, FIRST, LOSS, OURS, WHOLE_FIRST
from virtualcell.perturbation.screen import Screen

GENES, CELLS = 40, 40


def planted() -> Screen:
    rng = np.random.default_rng(0)
    names = ["control", *(f"g{i}" for i in range(7)), "g0+g1"]
    effect = {name: sum(1.5 * np.eye(GENES)[int(part[1:])] for part in name.split("+")) for name in names[1:]}
    cells = [effect.get(name, np.zeros(GENES)) + 0.7 * rng.normal(size=(CELLS, GENES)) for name in names]
    return Screen.of(np.concatenate(cells), np.repeat(names, CELLS))


def test_no_cell_that_judges_was_learned_from_and_a_planted_effect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, trained, judged = planted(), [], []
    fit, cells = Bayes.fit, Bayes.cells

    def watched_fit(head: Bayes, training: Screen, names: list[str], seed: int) -> None:
        trained.append(training.expression)
        fit(head, training, names, seed)

    def watched_cells(head: Bayes, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        judged.extend([start, goal])
        return cells(head, start, goal)

    monkeypatch.setattr(Bayes, "fit", watched_fit)
    monkeypatch.setattr(Bayes, "cells", watched_cells)
    of_cells, whole, arriving = inverse.norman(screen, seed=0)
    seen = {row.tobytes() for row in trained[0]}
    asked = {row.tobytes() for table in judged for row in table}
    assert len(asked) == (1 + 8) * CELLS // 2
    assert not seen & asked
    assert of_cells[OURS][FIRST] > 0.6 > of_cells[CHANCE][FIRST] == 1 / 8
    assert whole[OURS][WHOLE_FIRST] == 1.0
    assert set(whole) - {ENERGY} == set(of_cells)
    assert arriving["pushed by its own treatment"] > 2 * arriving["without any push"]


def test_figures_of_cells_are_those_of_the_definitions() -> None:
    log = np.log([[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    found = inverse.of_cells(log, np.array([0, 1, 0]), stated=True)
    assert found[FIRST] == pytest.approx(1 / 3)
    assert found[AMONG] == pytest.approx(2 / 3)
    assert found[LOSS] == pytest.approx(-np.log([0.7, 0.3, 0.1]).mean())
    # Bins: .7 (right: 1), .4 and .4 (right: 0).
    assert found[CALIBRATION] == pytest.approx((0.3 + 0.8) / 3)
    assert LOSS not in inverse.of_cells(log, np.array([0, 1, 0]), stated=False)


def test_probabilities_that_come_true_have_no_calibration_error() -> None:
    rng = np.random.default_rng(1)
    log = log_softmax(rng.normal(size=(40_000, 5)), axis=1)
    drawn = (np.exp(log).cumsum(1) < rng.random((len(log), 1))).sum(1)
    assert inverse.of_cells(log, drawn, stated=True)[CALIBRATION] < 0.01
    assert inverse.of_cells(log_softmax(4 * log, axis=1), drawn, stated=True)[CALIBRATION] > 0.2

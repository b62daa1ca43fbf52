"""Sums of effects: every pair once, as large as the two together."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.additive import additive_pairs
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import Screen


def test_pairs_are_as_large_as_their_sum_and_told_alike_or_opposed() -> None:
    rng = np.random.default_rng(0)
    up = np.r_[np.full(5, 2.0), np.zeros(25)]
    effects = {"control": 0 * up, "a": up, "b": up, "c": -up, "a+b": 2 * up}
    cells = np.concatenate([3 + x + 0.2 * rng.normal(size=(60, 30)) for x in effects.values()])
    screen = Screen.of(cells, np.repeat(list(effects), 60))
    table = additive_pairs(Response().fit(screen), screen.untreated())
    assert list(zip(table["first"], table["second"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    both = table.iloc[0]
    assert both["size"] == pytest.approx(4 * np.sqrt(5 / 30), rel=0.05)
    assert both["alike"] > 0.95
    assert table.iloc[1]["size"] < 0.1
    assert table.iloc[1]["alike"] < -0.95

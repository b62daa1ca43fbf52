"""Fate fractions with known shares, weights and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.landscape.fates import assign, fate_fractions

CENTRES = {"blood": (-5.0, 0.0), "bone": (5.0, 0.0), "brain": (0.0, 50.0)}


def reference(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.normal(c, 0.3, size=(n, 2)) for c in CENTRES.values()])
    return places, np.repeat(list(CENTRES), n)


def ends(names: list[str]) -> np.ndarray:
    return np.array([CENTRES[name] for name in names])


def fractions(
    names: list[str], log_weights: np.ndarray, start: np.ndarray, **options: int
) -> dict[str, tuple[float, float, float]]:
    table = fate_fractions(np.array(names), list(CENTRES), log_weights, start, **options)
    return {row.fate: (row.fraction, row.low, row.high) for row in table.itertuples()}


def test_an_end_is_named_by_the_measured_cells_around_it() -> None:
    assert assign(ends(["bone", "blood", "brain"]), *reference()).tolist() == ["bone", "blood", "brain"]


def test_shares_are_counted_and_ordered() -> None:
    names = ["bone"] * 6 + ["blood"] * 4
    table = fate_fractions(np.array(names), list(CENTRES), np.zeros(10), np.arange(10))
    assert table["fate"].tolist()[:2] == ["bone", "blood"]
    assert table["fraction"].tolist() == pytest.approx([0.6, 0.4, 0.0])
    assert (table["low"] <= table["fraction"]).all()
    assert (table["fraction"] <= table["high"]).all()


def test_a_cell_with_more_descendants_counts_more() -> None:
    found = fractions(["bone", "blood"], np.log([3.0, 1.0]), np.arange(2))
    assert found["bone"][0] == pytest.approx(0.75)
    # Only ratios count.
    assert fractions(["bone", "blood"], np.log([3.0, 1.0]) + 700, np.arange(2))["bone"][0] == pytest.approx(0.75)


def test_copies_of_one_cell_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(1)
    cell_fate = rng.choice(["bone", "blood"], 40)
    few = fractions(list(cell_fate), np.zeros(40), np.arange(40))
    many = fractions(list(np.repeat(cell_fate, 25)), np.zeros(1000), np.repeat(np.arange(40), 25))
    assert many["bone"][0] == pytest.approx(few["bone"][0])
    assert many["bone"][2] - many["bone"][1] == pytest.approx(few["bone"][2] - few["bone"][1], rel=0.1)


def test_the_interval_covers_the_true_share_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for i in range(100):
        names = list(np.where(rng.random(60) < 0.3, "bone", "blood"))
        _, low, high = fractions(names, np.zeros(60), np.arange(60), seed=i)["bone"]
        covered += low <= 0.3 <= high
    assert 86 <= covered <= 100  # 95 less what a percentile interval of 60 cells loses, three standard errors of 100 draws


def test_the_same_seed_gives_the_same_interval() -> None:
    names = ["bone"] * 7 + ["blood"] * 9
    first, second = (fractions(names, np.zeros(16), np.arange(16), seed=5) for _ in range(2))
    assert first == second

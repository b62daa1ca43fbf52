"""Pairs: planted synergy, buffering and new genes are found, effects that add raise no alarm at the stated rate, and few
control cells are no interaction."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.interaction import ADDITIVE, BUFFERING, OTHER, SYNERGY, interactions
from virtualcell.perturbation.screen import Screen

GENES, CELLS = 60, 80


def screen(
    seed: int,
    scale: float = 1.0,
    *,
    new: float = 0.0,
    control: int = 50,
    size: float = 0.5,
    shares: tuple[float, float] = (1, 1),
) -> Screen:
    """Two single treatments and both together: scale (c1 a + c2 b), and ``new`` in ten genes that neither changes. Genes are
    correlated."""
    rng = np.random.default_rng(seed)
    a, b, other = np.zeros(GENES), np.zeros(GENES), np.zeros(GENES)
    a[:12], b[8:20], other[40:50] = size * rng.normal(size=12), size * rng.normal(size=12), new
    effects = {"control": 0 * a, "a": a, "b": b, "a+b": scale * (shares[0] * a + shares[1] * b) + other}
    loading = 0.2 * rng.normal(size=(3, GENES))
    sizes = {name: control if name == "control" else CELLS for name in effects}
    cells = [
        2 + change + rng.normal(size=(sizes[name], 3)) @ loading + 0.4 * rng.normal(size=(sizes[name], GENES))
        for name, change in effects.items()
    ]
    return Screen.of(np.concatenate(cells), np.repeat(list(effects), list(sizes.values())))


def judged(*args, **others):
    table = interactions(screen(*args, **others), n_boot=400)
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("size", [0.0, 0.15, 0.5])
def test_effects_that_add_raise_alarm_no_more_often_than_stated(size: float) -> None:
    """Also with 50 control cells, whose error all three changes share, and where single effects are weak or none."""
    found = [judged(seed, size=size) for seed in range(150)]
    assert np.mean([row["p"] < 0.05 for row in found]) < 0.09  # 0.05 + 2.2 standard errors
    assert np.mean([row["p"] < 0.5 for row in found]) > 0.2  # and is not merely never alarmed


def test_the_interval_of_scale_holds_the_truth() -> None:
    for scale in (1.0, 0.6, 1.5):
        held = [row["scale_low"] <= scale <= row["scale_high"] for row in (judged(seed, scale) for seed in range(80))]
        assert 0.88 < np.mean(held) <= 1.0


@pytest.mark.parametrize(("scale", "kind"), [(1.6, SYNERGY), (0.4, BUFFERING)])
def test_planted_synergy_and_buffering_are_found(scale: float, kind: str) -> None:
    found = [judged(seed, scale) for seed in range(12)]
    assert sum(row["kind"] == kind for row in found) >= 11
    assert np.nanmedian([row["scale"] for row in found]) == pytest.approx(scale, abs=0.1)
    assert np.nanmedian([row["magnitude"] for row in found]) == pytest.approx(np.sqrt(2) * scale, rel=0.12)


def test_new_genes_are_a_departure_that_is_neither_more_nor_less() -> None:
    found = [judged(seed, new=0.6) for seed in range(8)]
    assert sum(row["kind"] == OTHER for row in found) >= 7
    assert np.nanmedian([row["departure"] for row in found]) == pytest.approx(0.6 * np.sqrt(10 / GENES), rel=0.15)


def test_who_contributes_what_is_told() -> None:
    found = [judged(seed, shares=(1.4, 0.3)) for seed in range(20)]
    assert np.nanmedian([row["first_share"] for row in found]) == pytest.approx(1.4, abs=0.12)
    assert np.nanmedian([row["second_share"] for row in found]) == pytest.approx(0.3, abs=0.12)
    assert np.mean([row["first_low"] <= 1.4 <= row["first_high"] for row in found]) >= 0.8
    assert np.mean([row["second_low"] <= 0.3 <= row["second_high"] for row in found]) >= 0.8


def test_noise_of_few_control_cells_is_not_taken_for_buffering() -> None:
    """Least squares of d on a + b gives what it gives; taking the noise off gives 1."""
    naive, ours = [], []
    for seed in range(60):
        s = screen(seed, control=20, size=0.5)
        a, b, d = (s.change(name, "") for name in ("a", "b", "a+b"))
        naive.append(d @ (a + b) / ((a + b) @ (a + b)))
        ours.append(interactions(s, n_boot=100).iloc[0]["scale"])
    assert np.nanmedian(ours) == pytest.approx(1.0, abs=0.08)
    assert abs(np.nanmedian(ours) - 1) < abs(np.median(naive) - 1)


def test_nothing_is_said_where_single_effects_are_none() -> None:
    rows = [judged(seed, size=0.0) for seed in range(30)]
    assert np.mean([np.isnan(row["scale"]) and np.isnan(row["magnitude"]) for row in rows]) > 0.8


def test_changes_are_taken_within_groups() -> None:
    """A type that lies elsewhere and has other numbers of treated cells is no interaction."""
    one, two = screen(1), screen(2)
    rows = np.flatnonzero((two.treatment != "a+b") | (np.arange(len(two.treatment)) % 4 == 0))
    two = two.take(rows)
    both = Screen.of(
        np.concatenate([one.expression, two.expression + 5.0]),
        np.concatenate([one.treatment, two.treatment]),
        np.repeat(["x", "y"], [len(one.treatment), len(two.treatment)]),
    )
    row = interactions(both).iloc[0]
    assert row["kind"] == ADDITIVE
    assert row["scale_low"] < 1 < row["scale_high"]
    pooled = Screen.of(both.expression, both.treatment)
    assert interactions(pooled).iloc[0]["kind"] != ADDITIVE


def test_pairs_without_both_single_effects_or_with_few_cells_are_left_out() -> None:
    s = screen(0)
    assert interactions(s.take(s.treatment != "b")).empty
    few = np.flatnonzero(s.treatment == "a+b")[9:]
    assert interactions(s.take(np.setdiff1d(np.arange(len(s.treatment)), few))).empty
    assert interactions(s, seed=3).equals(interactions(s, seed=3))

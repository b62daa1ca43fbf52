"""Fates with and without a push: shares are counted, descendants weigh, and the difference is one of the same cells."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.fate_change import fate_change

COPIES = 4


def futures(n: int, before: float, moved: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each cell goes to "a" with its own chance around ``before``; the push turns a share ``moved`` of futures from a to b."""
    rng = np.random.default_rng(seed)
    start = np.repeat(np.arange(n), COPIES)
    chance = (rng.random(n) < before).astype(float)[start]
    without = np.where(rng.random(len(start)) < chance, "a", "b")
    pushed = np.where((without == "a") & (rng.random(len(start)) < moved), "b", without)
    return without, pushed, start


def test_shares_are_counted_and_every_fate_is_named() -> None:
    table = fate_change(["a", "a", "b", "a"], ["a", "b", "b", "b"], ["c", "b", "a"], [0, 0, 1, 1]).set_index("fate")
    assert dict(table["without"]) == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert dict(table["with"]) == {"a": 0.25, "b": 0.75, "c": 0.0}
    assert dict(table["change"]) == {"a": -0.5, "b": 0.5, "c": 0.0}


def test_descendants_weigh() -> None:
    table = fate_change(["a", "b"], ["a", "b"], ["a", "b"], [0, 1], (np.log([3.0, 1.0]), np.log([1.0, 1.0]))).set_index("fate")
    assert table.loc["a", "without"] == pytest.approx(0.75)
    assert table.loc["a", "with"] == pytest.approx(0.5)


def test_the_interval_of_the_difference_holds_the_truth_and_is_narrower_than_of_other_cells() -> None:
    held, widths = [], []
    for seed in range(200):
        row = fate_change(*futures(80, 0.6, 0.25, seed)[:2], ["a", "b"], np.repeat(np.arange(80), COPIES), seed=seed)
        row = row.set_index("fate").loc["a"]
        held.append(row["low"] <= -0.6 * 0.25 <= row["high"])
        widths.append(
            (row["high"] - row["low"]) / np.hypot(row["without_high"] - row["without_low"], row["with_high"] - row["with_low"])
        )
    assert np.mean(held) > 0.9
    assert np.mean(widths) < 0.6


def test_no_push_is_no_change_with_no_width() -> None:
    without, _, start = futures(50, 0.5, 0.0)
    table = fate_change(without, without, ["a", "b"], start)
    assert (table[["change", "low", "high"]].to_numpy() == 0).all()


def test_ends_without_a_name_and_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="an end among the 1 names"):
        fate_change(["a", "b"], ["a", "a"], ["a"], [0, 1])
    with pytest.raises(ValueError, match="each of the 2 futures"):
        fate_change(["a"], ["a"], ["a"], [0, 1])

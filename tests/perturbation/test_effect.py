"""Fold changes with intervals over cells."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.effect import fold_changes

GENES = ["rises", "falls", "stays", "noisy"]


def cells(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = rng.gamma(4.0, [5.0, 10.0, 5.0, 0.1], size=(n, 4))
    after = before * [4.0, 0.5, 1.0, 1.0]
    after[:, 3] = rng.permutation(before[:, 3])
    return before, after


def test_ratio_is_that_of_the_means() -> None:
    before, after = cells()
    table = fold_changes(before, after, GENES).set_index("gene")
    for i, gene in enumerate(GENES):
        expected = np.log2((after[:, i].mean() + 0.5) / (before[:, i].mean() + 0.5))
        assert table.loc[gene, "log2_fold_change"] == pytest.approx(expected)
        assert table.loc[gene, "before"] == pytest.approx(before[:, i].mean())
        assert table.loc[gene, "after"] == pytest.approx(after[:, i].mean())


def test_certain_changes_come_first_and_none_is_claimed_where_there_is_none() -> None:
    table = fold_changes(*cells(), GENES)
    assert table["gene"].tolist()[:2] == ["rises", "falls"]
    noisy = table.set_index("gene").loc["noisy"]
    assert noisy["low"] <= 0 <= noisy["high"]
    assert (table["low"] <= table["log2_fold_change"]).all()
    assert (table["log2_fold_change"] <= table["high"]).all()


def test_the_interval_has_the_width_that_theory_gives() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.gamma(25.0, 4.0, size=(400, 1)), rng.gamma(25.0, 8.0, size=(400, 1))
    table = fold_changes(before, after, ["g"], n_boot=2000)
    # Delta method: the relative standard error of each mean is 1 / sqrt(25 n), and the two samples are independent.
    width = 2 * 1.96 * np.sqrt(2 / (25 * 400)) / np.log(2)
    assert float(table["high"][0] - table["low"][0]) == pytest.approx(width, rel=0.1)


def test_the_same_seed_gives_the_same_table() -> None:
    assert fold_changes(*cells(), GENES, seed=1).equals(fold_changes(*cells(), GENES, seed=1))

"""Sets of genes: planted ones are found, chance and genes that merely vary together raise no alarm more often than stated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, rankdata

from virtualcell.data.gene_sets import GeneSet
from virtualcell.perturbation.evidence import evidence, standard_errors
from virtualcell.perturbation.set_change import correlation, rank_test, set_changes

GENES, CELLS = 200, 60
NAMES = [f"G{i}" for i in range(GENES)]
BLOCK = GeneSet("block", "here", tuple(NAMES[:20]))
SPREAD = GeneSet("spread", "here", tuple(NAMES[40::8]))


def table(change: np.ndarray, error: np.ndarray) -> pd.DataFrame:
    found = pd.DataFrame({"gene": NAMES, "log2_fold_change": change, "low": change - 1.96 * error, "high": change + 1.96 * error})
    return found.sample(frac=1, random_state=0)


def experiment(seed: int, planted: float = 0.0, together: float = 0.3) -> tuple[pd.DataFrame, np.ndarray]:
    """Two populations of cells in which the first 20 genes vary together: their changes, and cells around their means."""
    rng = np.random.default_rng(seed)
    cells = []
    for _ in range(2):
        x = rng.normal(size=(CELLS, GENES))
        x[:, :20] = np.sqrt(1 - together) * x[:, :20] + np.sqrt(together) * rng.normal(size=(CELLS, 1))
        cells.append(x)
    cells[1][:, :20] += planted
    error = np.sqrt(sum(x.var(0, ddof=1) / CELLS for x in cells))
    change = cells[1].mean(0) - cells[0].mean(0)
    return table(change, error), np.concatenate([x - x.mean(0) for x in cells])


def test_without_correlation_it_is_the_rank_sum_test() -> None:
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=80), 1)  # with ties
    x[:15] += 0.5
    known = mannwhitneyu(x[:15], x[15:], method="asymptotic").pvalue
    assert rank_test(rankdata(x), np.arange(15), 0.0, 10**7) == pytest.approx(known, rel=1e-5)


def test_correlated_genes_raise_no_alarm_more_often_than_stated() -> None:
    found, blind = [], []
    for seed in range(300):
        genes, noise = experiment(seed)
        rows = set_changes(genes, [BLOCK, SPREAD], noise, NAMES).set_index("set")
        found.append(rows["p"] < 0.05)
        z = genes.set_index("gene")["log2_fold_change"][NAMES].to_numpy()
        blind.append(mannwhitneyu(z[:20], z[20:]).pvalue < 0.05)
    rate = pd.DataFrame(found).mean()
    assert rate["block"] < 0.08
    assert rate["spread"] < 0.08
    assert rate.min() > 0.01
    assert np.mean(blind) > 0.25, "a test that takes genes for independent must fail here, or this proves nothing"


def test_a_planted_set_is_found_with_its_size_and_genes() -> None:
    held, sure = [], []
    for seed in range(60):
        genes, noise = experiment(seed, planted=0.8)
        rows = set_changes(genes, [SPREAD, BLOCK], noise, NAMES)
        first = rows.iloc[0]
        sure.append(first["set"] == "block" and first["q"] < 0.05)
        mine = rows.set_index("set").loc["block"]
        held.append(mine["low"] <= 0.8 <= mine["high"])
        assert set(mine["leading"].split(", ")) <= set(BLOCK.genes)
    assert np.mean(sure) > 0.9
    assert np.mean(held) > 0.87, "0.95 less 2.9 standard errors"


def test_all_genes_changing_alike_is_no_change_of_a_set() -> None:
    genes, noise = experiment(3, together=0.0)
    for column in ("log2_fold_change", "low", "high"):
        genes[column] += 3.0
    row = set_changes(genes, [SPREAD], noise, NAMES).iloc[0]
    assert row["p"] > 0.05
    assert row["change"] == pytest.approx(row["others"], abs=0.2)


def test_correlation_is_the_mean_over_pairs() -> None:
    x = np.random.default_rng(0).normal(size=(500, 6))
    x[:, :3] += x[:, [5]]
    x -= x.mean(0)
    pairs = np.corrcoef(x[:, :4], rowvar=False)
    assert correlation(x[:, :4]) == pytest.approx((pairs.sum() - 4) / 12, abs=1e-9)
    assert correlation(np.c_[x[:, :1], -x[:, :1]]) == 0.0
    assert correlation(np.zeros((5, 3))) == 0.0


def test_small_sets_are_left_out_and_no_change_at_all_is_no_evidence() -> None:
    genes, noise = experiment(0)
    small = GeneSet("small", "", ("G1", "G2", "elsewhere"))
    assert set_changes(genes, [small, GeneSet("all", "", tuple(NAMES))], noise, NAMES).empty
    still = table(np.zeros(GENES), np.zeros(GENES))
    assert set_changes(still, [BLOCK], noise, NAMES).iloc[0]["p"] == 1.0
    with pytest.raises(ValueError, match="must have a column"):
        set_changes(genes, [BLOCK], noise[:, :5], NAMES)


def test_an_interval_that_just_reaches_no_change_is_1_96_errors() -> None:
    genes = pd.DataFrame({"log2_fold_change": [1.0, -2.0, 0.0, 3.0], "low": [0.0, -9.0, 0.0, 3.0], "high": [4.0, 0.0, 0.0, 3.0]})
    np.testing.assert_allclose(evidence(genes), [1.96, 1.96, 0.0, np.inf])
    np.testing.assert_allclose(standard_errors(genes), [1 / 1.96, 2 / 1.96, 0, 0])

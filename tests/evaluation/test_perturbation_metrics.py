"""Measures of predicted effects: equal to cell-eval's where it has them, and right where the answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.cell_eval_figures import NAMES, differences, screen
from virtualcell.evaluation.metrics import pearson_delta
from virtualcell.evaluation.perturbation import (
    Differential,
    changed_weight,
    differential,
    direction,
    discrimination_score,
    overlap,
    overlap_by_size,
    variance_ratio,
    weighted_mse,
)

SAID = json.loads(Path(__file__).with_name("cell_eval.json").read_text())
TREATED = NAMES[1:]


def changes() -> tuple[np.ndarray, np.ndarray]:
    """Predicted and measured changes (treatments, genes), each from its own control, as cell-eval takes them."""
    cells = screen(0)
    table = [
        np.array([cells[f"{kind} {name}"].mean(0) - cells[f"{kind} control"].mean(0) for name in TREATED])
        for kind in ("pred", "real")
    ]
    return table[0], table[1]


def test_changes_are_judged_as_cell_eval_does() -> None:
    predicted, measured = changes()
    none = np.zeros(predicted.shape[1])
    for i, name in enumerate(TREATED):
        assert pearson_delta(predicted[i], measured[i], none) == pytest.approx(SAID["pearson_delta"][name], abs=1e-6)
        even = weighted_mse(predicted[i], measured[i], np.ones_like(none))
        assert even == pytest.approx(SAID["mse_delta"][name], abs=1e-6)
    # Treatment gi acts on gene gi, which is known beforehand and left out.
    scores = discrimination_score(predicted, measured, np.arange(len(TREATED)))
    assert scores.tolist() == pytest.approx([SAID["discrimination_score"][name] for name in TREATED], abs=1e-6)
    assert scores.min() < 1, "a score that is always 1 would compare nothing"


def test_changed_genes_are_judged_as_cell_eval_does() -> None:
    given = differences(1)
    for i, name in enumerate(TREATED):
        measured, predicted = (Differential(given[f"{kind} fold"][i], given[f"{kind} fdr"][i]) for kind in ("real", "pred"))
        assert overlap(predicted, measured) == pytest.approx(SAID["overlap_at_N"][name], abs=1e-6)
        assert overlap(predicted, measured, 5) == pytest.approx(SAID["overlap_at_5"][name], abs=1e-6)
        assert direction(predicted.fold, measured) == pytest.approx(SAID["de_direction_match"][name], abs=1e-6)


def test_the_gene_that_is_acted_on_does_not_count() -> None:
    measured = np.array([[9.0, 0.0, 1.0], [0.0, 9.0, 0.0]])
    predicted = np.array([[0.0, 4.8, 1.0], [4.8, 0.0, 0.0]])
    assert discrimination_score(predicted, measured, np.array([0, 1])).tolist() == [1.0, 1.0]
    assert discrimination_score(predicted, measured).tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="alike"):
        discrimination_score(predicted[:1], measured)


def test_changed_genes_are_found_and_weigh_more() -> None:
    rng = np.random.default_rng(0)
    untreated, treated = np.log1p(rng.poisson(5, (2, 80, 40)).astype(float))
    treated[:, :5] = np.log1p(rng.poisson(15, (80, 5)))
    found = differential(treated, untreated)
    assert found.changed[:5].all()
    assert found.changed[5:].mean() < 0.1
    assert found.fold[:5] == pytest.approx(np.log2(3), abs=0.3)
    weight = changed_weight(treated, untreated)
    assert weight[:5].min() > 0.3 > weight[5:].max()
    measured = treated.mean(0) - untreated.mean(0)
    assert weighted_mse(np.zeros(40), measured, weight) > 3 * weighted_mse(np.zeros(40), measured, np.ones(40))
    with pytest.raises(ValueError, match="weights"):
        weighted_mse(measured, measured, np.zeros(40))


def test_a_gene_that_no_cell_shows_is_not_changed() -> None:
    found = differential(np.zeros((5, 2)), np.zeros((6, 2)))
    assert not found.changed.any()
    assert not found.fold.any()
    assert overlap(found, found) == 0.0
    assert np.isnan(direction(np.ones(2), found))


def test_largest_changes_are_held_against_changed_genes() -> None:
    measured = Differential(np.array([2.0, -1.0, 0.1, 0.0]), np.array([0.01, 0.01, 0.5, 0.9]))
    assert overlap_by_size(np.array([-3.0, 1.0, 0.5, 0.0]), measured) == 1.0
    assert overlap_by_size(np.array([0.1, 1.0, 5.0, 0.0]), measured) == 0.5
    assert overlap_by_size(np.zeros(4), measured) == 0.0, "no change names no gene, not the first ones"
    assert np.isnan(overlap_by_size(np.ones(4), Differential(np.ones(4), np.ones(4))))


def test_a_population_of_one_cell_has_no_variance() -> None:
    cells = np.random.default_rng(0).normal(size=(200, 5))
    assert variance_ratio(np.tile(cells[:1], (50, 1)), cells) == pytest.approx(0.0, abs=1e-12)
    assert variance_ratio(2 * cells, cells) == pytest.approx(4.0)

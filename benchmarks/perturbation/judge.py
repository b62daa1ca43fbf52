"""What a predicted change of cells is judged by, the same for every method."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from virtualcell.evaluation.metrics import energy_distance, mmd, pearson_delta
from virtualcell.evaluation.perturbation import (
    changed_weight,
    differential,
    direction,
    overlap,
    variance_ratio,
    weighted_mse,
)

TOP_CHANGED, TOP = 50, 20

FIGURES = dict[str, float]


def of_cells(predicted: np.ndarray, start: np.ndarray, treated: np.ndarray, untreated: np.ndarray, space: PCA) -> FIGURES:
    """Of predicted cells (n, genes), beside those they started from: populations and means.

    treated (m, genes): measured; untreated (k, genes): the other half of the untreated cells, from which the measured change is
    taken: one control for both would lend its noise to both. space: components of the training cells.
    """
    change, measured = predicted.mean(0) - start.mean(0), treated.mean(0) - untreated.mean(0)
    seen, tested = differential(treated, untreated), differential(predicted, start)
    here, there = space.transform(predicted), space.transform(treated)
    found = of_change(change, measured, changed_weight(treated, untreated))
    found |= {
        "energy distance": energy_distance(here, there),
        "MMD": mmd(here, there),
        "overlap of changed genes": overlap(tested, seen),
        "direction of changed genes": direction(change, seen),
        "variance, share of the measured": variance_ratio(predicted, treated),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def of_change(change: np.ndarray, measured: np.ndarray, weight: np.ndarray) -> FIGURES:
    """Of a predicted change of means, (genes,)."""
    none = np.zeros_like(change)
    return {
        f"Pearson of change, top {TOP_CHANGED}": pearson_delta(change, measured, none, top=TOP_CHANGED),
        f"Pearson of change, top {TOP}": pearson_delta(change, measured, none, top=TOP),
        "Pearson of change": pearson_delta(change, measured, none),
        "L2 of change": float(np.linalg.norm(change - measured)),
        "weighted MSE of change": weighted_mse(change, measured, weight),
    }


def halves(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint random halves of row numbers."""
    mixed = rng.permutation(rows)
    return np.sort(mixed[: len(mixed) // 2]), np.sort(mixed[len(mixed) // 2 :])

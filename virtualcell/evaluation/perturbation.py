"""How far a predicted effect of a treatment is from the measured one; definitions of cell-eval where it has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control, mannwhitneyu

SIGNIFICANT = 0.05
"""False discovery rate below which a gene is called changed."""


def discrimination_score(predicted: np.ndarray, measured: np.ndarray, target: np.ndarray | None = None) -> np.ndarray:
    """How near each prediction is to its own measured effect among all measured ones, (treatments,): 1 the nearest, 1 / n the
    farthest.

    predicted, measured: changes (treatments, genes) in one order; L1 distance. target: the gene that each treatment acts on, by
    number, -1 for none: it is left out, as it is known beforehand. Source: cell-eval's discrimination_score (Arc Institute 2025).
    """
    predicted, measured = np.asarray(predicted, dtype=float), np.asarray(measured, dtype=float)
    if predicted.shape != measured.shape or predicted.ndim != 2:
        raise ValueError(f"predicted {predicted.shape} and measured {measured.shape} must be changes (treatments, genes), alike.")
    scores = np.empty(len(predicted))
    for i, own in enumerate(predicted):
        kept = np.ones(predicted.shape[1], dtype=bool)
        if target is not None and target[i] >= 0:
            kept[target[i]] = False
        far = np.abs(measured[:, kept] - own[kept]).sum(1)
        scores[i] = 1.0 - np.flatnonzero(np.argsort(far) == i)[0] / len(predicted)
    return scores


def weighted_mse(predicted: np.ndarray, measured: np.ndarray, weight: np.ndarray) -> float:
    """Mean squared error of a change over genes (genes,), weighted (>= 0, not all 0); in squared units of the change.

    With the weights of ``changed_weight`` genes that the treatment leaves alone count little: over all genes no change scores
    well. After Mejia et al. 2025, whose weights are of a treatment against all others and not against the control.
    """
    weight = np.asarray(weight, dtype=float)
    if not (weight >= 0).all() or not weight.sum() > 0:
        raise ValueError("weights must be 0 or more, and not all 0.")
    return float(((np.asarray(predicted) - np.asarray(measured)) ** 2 * weight).sum() / weight.sum())


def changed_weight(treated: np.ndarray, untreated: np.ndarray) -> np.ndarray:
    """Weight of each gene, (genes,), by how surely it was changed: |t| of Welch's test, scaled to 0 to 1 over genes, squared."""
    error = np.sqrt(treated.var(0, ddof=1) / len(treated) + untreated.var(0, ddof=1) / len(untreated))
    t = np.abs(treated.mean(0) - untreated.mean(0)) / np.maximum(error, 1e-12)
    t = np.where(error > 0, t, 0.0)
    return ((t - t.min()) / max(float(np.ptp(t)), 1e-12)) ** 2


@dataclass(frozen=True)
class Differential:
    """fold (genes,): log2 fold change of means; fdr (genes,): Benjamini-Hochberg, of a two-sided Wilcoxon rank-sum test."""

    fold: np.ndarray
    fdr: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        return self.fdr < SIGNIFICANT


def differential(treated: np.ndarray, untreated: np.ndarray, pseudo: float = 1e-9) -> Differential:
    """Genes of two populations (cells, genes) of log(1 + counts) that differ; normal approximation with ties."""
    p = mannwhitneyu(treated, untreated, axis=0, method="asymptotic").pvalue
    # A predicted cell may lie below zero.
    means = [np.maximum(np.expm1(cells).mean(0), 0.0) + pseudo for cells in (treated, untreated)]
    fold = np.log2(means[0] / means[1])
    return Differential(fold, false_discovery_control(np.nan_to_num(p, nan=1.0)))


def overlap(predicted: Differential, measured: Differential, k: int | None = None) -> float:
    """Share of the measured changed genes, the k of largest |fold| (all by default), among as many of the predicted ones; 0 where
    there are none. Source: cell-eval's overlap_at_N."""
    ours, theirs = ordered(predicted), ordered(measured)
    n = len(theirs) if k is None else min(k, len(theirs))
    return len(np.intersect1d(ours[:n], theirs[:n])) / n if n else 0.0


def overlap_by_size(predicted: np.ndarray, measured: Differential) -> float:
    """Share of the measured changed genes among as many genes of largest predicted change (genes,), either sign; NaN where none
    changed, 0 for no change at all.

    For predictions that move all cells alike: where most counts are zero, a rank test of moved against unmoved zeros calls every
    gene changed, whatever its size, so that ``overlap`` tells nothing of them.
    """
    n = int(measured.changed.sum())
    if not n:
        return float("nan")
    largest = np.argsort(-np.abs(predicted), kind="stable")[:n]
    return float((measured.changed[largest] & (predicted[largest] != 0)).mean())


def direction(predicted: np.ndarray, measured: Differential) -> float:
    """Share of the measured changed genes whose predicted log fold change (genes,) has the measured sign; NaN where none changed.
    Source: cell-eval's de_direction_match."""
    changed = measured.changed
    return float((np.sign(predicted[changed]) == np.sign(measured.fold[changed])).mean()) if changed.any() else float("nan")


def variance_ratio(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Total variance of predicted cells (n, genes) over that of measured ones: 1 is right, 0 a population of one cell."""
    return float(predicted.var(0, ddof=1).sum() / measured.var(0, ddof=1).sum())


def ordered(tested: Differential) -> np.ndarray:
    """Changed genes by falling |fold|."""
    changed = np.flatnonzero(tested.changed)
    return changed[np.argsort(-np.abs(tested.fold[changed]), kind="stable")]

"""How well a score of early cells tells which of two fates their clone took, by barcodes that no one trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.stats import rankdata

from virtualcell.evaluation.intervals import Interval


@dataclass(frozen=True)
class CloneFates:
    """Early cells, or clones, whose fate is known from the clone.

    cells: (n,) rows of the cells, or the first of each clone; first: (n,) whether the clone has more descendants of the first
    fate than of the second; tied: (n,) whether it has as many of both, which counts as not having more; clone: (n,) of each.
    clone_of: (all cells,) clone of every cell, -1 for none.
    """

    cells: np.ndarray
    first: np.ndarray
    tied: np.ndarray
    clone: np.ndarray
    clone_of: np.ndarray

    def decided(self, scores: np.ndarray) -> tuple[np.ndarray, CloneFates]:
        """Scores (seeds, n) and fates without tied clones."""
        kept = ~self.tied
        return scores[:, kept], CloneFates(self.cells[kept], self.first[kept], self.tied[kept], self.clone[kept], self.clone_of)

    def by_clone(self, scores: np.ndarray) -> tuple[np.ndarray, CloneFates]:
        """The mean of scores (seeds, n) over the cells of each clone, and the fates, one a clone: a clone is one observation."""
        _, at, of = np.unique(self.clone, return_index=True, return_inverse=True)
        means = np.stack([np.bincount(of, row) / np.bincount(of) for row in scores])
        return means, CloneFates(self.cells[at], self.first[at], self.tied[at], self.clone[at], self.clone_of)


def clone_fates(
    clones: sp.spmatrix | np.ndarray, early: np.ndarray, late: np.ndarray, labels: np.ndarray, fates: tuple[str, str]
) -> CloneFates:
    """Truth by majority: cells of ``early`` (boolean, all cells) with late cells of either fate in their clone.

    clones: (cells, clones) indicator, at most one clone a cell (ValueError); late: boolean; labels: names of all cells.
    """
    barcodes = sp.csr_matrix(clones)
    if barcodes.getnnz(1).max(initial=0) > 1:
        raise ValueError("clones: a cell belongs to more than one clone.")
    clone_of = np.where(barcodes.getnnz(1) == 1, np.asarray(barcodes.argmax(1)).ravel(), -1)
    counts = [np.bincount(clone_of[late & (labels == name) & (clone_of >= 0)], minlength=barcodes.shape[1]) for name in fates]
    known = early & (clone_of >= 0)
    cells = np.flatnonzero(known & ((counts[0] + counts[1])[clone_of] > 0))
    majority = (counts[0] - counts[1])[clone_of[cells]]
    return CloneFates(cells, majority > 0, majority == 0, clone_of[cells], clone_of)


def fate_auroc(scores: np.ndarray, first: np.ndarray) -> float:
    """Mean over the rows of scores (seeds, n) or (n,) of the probability that a cell of the first fate scores higher."""
    ranks = rankdata(np.atleast_2d(scores), axis=1)
    n = int(first.sum())
    # Mann & Whitney 1947; ties count half.
    return float(np.mean((ranks[:, first].sum(1) - n * (n + 1) / 2) / (n * (len(first) - n))))


def clone_interval(
    scores: np.ndarray,
    fates: CloneFates,
    against: np.ndarray | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """AUROC of scores (seeds, n), or its gain over those of ``against`` in the same resamples, with a bootstrap over clones.

    Sisters share their fate: whole clones are drawn with replacement, so that the interval is one over new clones (percentile
    bootstrap, Efron & Tibshirani 1993, ch. 13). Resamples in which all cells have one fate are drawn again.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(fates.clone)
    members = [np.flatnonzero(fates.clone == name) for name in names]

    def statistic(rows: np.ndarray) -> float:
        value = fate_auroc(np.atleast_2d(scores)[:, rows], fates.first[rows])
        return value if against is None else value - fate_auroc(np.atleast_2d(against)[:, rows], fates.first[rows])

    draws: list[float] = []
    while len(draws) < n_resamples:
        rows = np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        if 0 < fates.first[rows].sum() < len(rows):
            draws.append(statistic(rows))
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    value = statistic(np.arange(len(fates.cells)))
    return Interval(value, float(low), float(high), level, f"percentile bootstrap over clones, {n_resamples} resamples")

"""Simple predictions of a population between two measured ones, which every learned prediction must stand beside.

All take start (n, d), end (m, d), u = (t - t0) / (t1 - t0), the share of the way to the end, and a seed, and give cells (k, d).
"""

from __future__ import annotations

import numpy as np
import ot
from scipy.spatial.distance import cdist

from virtualcell.evaluation.metrics import MAX_ITERATIONS
from virtualcell.evaluation.populations import as_pair


def no_change(start: np.ndarray, end: np.ndarray, u: float, seed: int = 0) -> np.ndarray:
    """The cells of the start, (n, d), at every u."""
    _share(u)
    return as_pair(start, end, ("start", "end"))[0]


def mean_shift(start: np.ndarray, end: np.ndarray, u: float, seed: int = 0) -> np.ndarray:
    """The cells of the start, each moved by u times the difference of the means, (n, d); u above 1 goes on in the same
    direction."""
    start, end = as_pair(start, end, ("start", "end"))
    return start + _share(u) * (end.mean(0) - start.mean(0))


def mccann(start: np.ndarray, end: np.ndarray, u: float, seed: int = 0) -> np.ndarray:
    """Linear optimal-transport interpolation: each start cell goes u of the straight way to its partner, (n, d).

    Partners come from the exact coupling with squared Euclidean cost. Where the populations differ in size that coupling splits
    cells, and the partner of a cell is drawn from its row of the coupling (seed), so that the prediction has as many cells as the
    start: W1 depends on that number. With equal sizes nothing is drawn. u above 1 goes on along the same lines. Source: McCann
    1997, A convexity principle for interacting gases.
    """
    start, end = as_pair(start, end, ("start", "end"))
    cost = cdist(start, end, "sqeuclidean")
    plan, log = ot.emd(ot.unif(len(start)), ot.unif(len(end)), cost, numItermax=MAX_ITERATIONS, log=True)
    if log.get("warning"):
        raise ArithmeticError(f"The exact transport between {len(start)} and {len(end)} cells was not solved: {log['warning']}")
    level = np.cumsum(plan, axis=1)
    drawn = np.random.default_rng(seed).random(len(start))[:, None] * level[:, -1:]
    partner = (level <= drawn).sum(1).clip(max=len(end) - 1)
    return start + _share(u) * (end[partner] - start)


def union(start: np.ndarray, end: np.ndarray, u: float, seed: int = 0) -> np.ndarray:
    """Measured cells of both populations, a share u of them from the end; u in [0, 1].

    No cell is taken twice: the result is the largest such sample (seed), at u = 1/2 and equal sizes all cells of both.
    """
    start, end = as_pair(start, end, ("start", "end"))
    if _share(u) > 1:
        raise ValueError(f"u = {u} is beyond the end, where a union of the two populations says nothing.")
    total = min(len(start) / (1 - u) if u < 1 else np.inf, len(end) / u if u > 0 else np.inf)
    rng = np.random.default_rng(seed)
    parts = [
        cells[rng.permutation(len(cells))[: min(len(cells), round(total * part))]]
        for cells, part in ((start, 1 - u), (end, u))
        if part
    ]
    return np.concatenate(parts)


def _share(u: float) -> float:
    if not (np.isfinite(u) and u >= 0):
        raise ValueError(f"u is the share of the way from start to end, 0 or more; got {u}.")
    return float(u)

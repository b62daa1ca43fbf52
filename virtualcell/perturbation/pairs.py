"""Where untreated cells would be had they been treated, as far as two populations say: soft partners by optimal transport."""

from __future__ import annotations

import numpy as np
import ot
from scipy.spatial.distance import cdist

MOST = 2000
"""Cells of either population; transport takes a table of one by the other."""

ITERATIONS = 10_000_000


def partners(untreated: np.ndarray, treated: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Soft partners of untreated cells (n, d) among treated ones (m, d) of the same kind: rows (k,) of the untreated, and weights
    (k, m) that sum to one a row.

    Exact transport with squared Euclidean cost, which pairs cells by what they were whatever moved all of them alike. Larger
    populations are thinned at random (seed). Source: Peyre & Cuturi 2019, sec. 2.3; barycentric projection, remark 4.11.
    """
    rng = np.random.default_rng(seed)
    first, second = (_some(len(cells), rng) for cells in (untreated, treated))
    a, b = untreated[first], treated[second]
    cost = cdist(a, b, "sqeuclidean")
    plan, log = ot.emd(ot.unif(len(a)), ot.unif(len(b)), cost, numItermax=ITERATIONS, log=True)
    if log.get("warning"):
        raise ArithmeticError(f"The exact transport between {len(a)} and {len(b)} cells was not solved: {log['warning']}")
    weights = np.zeros((len(first), len(treated)))
    weights[:, second] = plan * len(a)
    return first, weights


def _some(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.arange(n) if n <= MOST else np.sort(rng.choice(n, MOST, replace=False))

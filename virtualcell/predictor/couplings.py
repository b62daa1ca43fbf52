"""Unbalanced optimal transport between two measured populations: which cells must have grown."""

from __future__ import annotations

import numpy as np
import ot

LARGEST_EXPONENT = 500.0
"""exp(-500) is still far from the smallest number that there is, with room for the products that Sinkhorn's iteration makes."""


def growth_targets(
    start: np.ndarray, end: np.ndarray, duration: float, reg_mass: float = 3.0, entropy: float = 0.05
) -> np.ndarray:
    """Log growth rate a span that unbalanced transport asks of each start cell, (n,), relative to the mean cell.

    start (n, d), end (m, d); duration in spans. Squared distances over their median as cost; the row masses of the plan, relative
    to their mean, are how many descendants a cell has (Chizat et al. 2018; the recipe of Schiebinger et al. 2019, sec. "growth").
    """
    cost = ot.dist(start.astype(np.float64), end.astype(np.float64))
    cost /= np.median(cost)
    # Further than this is as far as a cell can be: beyond it exp(-cost / entropy) is zero, and one stray cell with nothing but
    # zeros stops the iteration at its start for all cells.
    cost = np.minimum(cost, LARGEST_EXPONENT * entropy)
    plan = ot.unbalanced.sinkhorn_unbalanced(ot.unif(len(start)), ot.unif(len(end)), cost, entropy, reg_mass, numItermax=2000)
    mass = np.clip(plan.sum(1), 1e-12, None)
    return np.clip(np.log(mass / mass.mean()) / duration, -3.0, 3.0)

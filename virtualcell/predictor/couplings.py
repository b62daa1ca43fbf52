"""Optimal transport between measured populations: which cells became which, and which must have grown."""

from __future__ import annotations

import numpy as np
import ot

LARGEST_EXPONENT = 500.0
"""exp(-500) is still far from the smallest number that there is, with room for the products that Sinkhorn's iteration makes."""

LEAST_MASS = 1e-4
"""Of a cell that left no descendants at all: a logarithm is taken."""


def growth_targets(
    start: np.ndarray, end: np.ndarray, duration: float, reg_mass: float = 3.0, entropy: float = 0.05
) -> np.ndarray:
    """Log growth rate a span that unbalanced transport asks of each start cell, (n,), relative to the mean cell.

    start (n, d), end (m, d); duration in spans. Squared distances over their median as cost; the row masses of the plan, relative
    to their mean, are how many descendants a cell has (Chizat et al. 2018; the recipe of Schiebinger et al. 2019, sec. "growth").
    """
    mass = np.clip(unbalanced_plan(start, end, reg_mass, entropy).sum(1), 1e-12, None)
    return np.clip(np.log(mass / mass.mean()) / duration, -3.0, 3.0)


def unbalanced_plan(start: np.ndarray, end: np.ndarray, reg_mass: float, entropy: float = 0.02) -> np.ndarray:
    """Unbalanced transport plan (n, m), of sum 1 or less: which cells became which, where cells may have divided and died.

    Squared distances over their median as cost; reg_mass: how dear it is that a cell has more or fewer descendants than the mean,
    in units of that median (Chizat et al. 2018, Math. Comp. 87, eq. 2 with Kullback-Leibler penalties).
    """
    cost = ot.dist(start.astype(np.float64), end.astype(np.float64))
    # Further than this is as far as a cell can be: beyond it exp(-cost / entropy) is zero, and one stray cell with nothing but
    # zeros stops the iteration at its start for all cells.
    cost = np.minimum(cost / np.median(cost), LARGEST_EXPONENT * entropy)
    return ot.unbalanced.sinkhorn_unbalanced(ot.unif(len(start)), ot.unif(len(end)), cost, entropy, reg_mass, numItermax=2000)


def exact_plan(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Transport plan (n, m) of sum 1 that is shortest in squared distance."""
    cost = ot.dist(start.astype(np.float64), end.astype(np.float64))
    return ot.emd(ot.unif(len(start)), ot.unif(len(end)), cost, numItermax=10_000_000)


class Chain:
    """Plans between adjacent populations, out of which lines of descent through several times are drawn.

    snapshots[k]: (cells, d), plans[k]: (cells of k, cells of k + 1), of any positive mass.
    """

    def __init__(self, times: list[float], snapshots: list[np.ndarray], plans: list[np.ndarray]):
        self.times, self.snapshots = times, snapshots
        self._joint = [np.cumsum(plan.ravel() / plan.sum()) for plan in plans]
        self._shape = [plan.shape for plan in plans]
        self._later = [_ladder(plan) for plan in plans]
        self._earlier = [_ladder(plan.T) for plan in plans]
        # How many descendants a cell has, and how many ancestors' shares went into one, relative to the mean cell.
        self.log_descendants = [np.log(np.maximum(plan.sum(1) * len(plan) / plan.sum(), LEAST_MASS)) for plan in plans]
        self.log_ancestors = [np.log(np.maximum(plan.sum(0) * plan.shape[1] / plan.sum(), LEAST_MASS)) for plan in plans]

    def draw(self, k: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n pairs (row of k, row of k + 1), each as likely as its mass."""
        at = np.searchsorted(self._joint[k], rng.random(n), side="right").clip(max=len(self._joint[k]) - 1)
        first, second = np.unravel_index(at, self._shape[k])
        return first, second

    def line(
        self, k: int, first: np.ndarray, second: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Times (2 to 4,) and states (n, d) at each of lines of descent through the pairs, one time further either way."""
        times, states = [self.times[k], self.times[k + 1]], [self.snapshots[k][first], self.snapshots[k + 1][second]]
        if k > 0:
            times.insert(0, self.times[k - 1])
            states.insert(0, self.snapshots[k - 1][_partner(self._earlier[k - 1], first, rng)])
        if k + 2 < len(self.times):
            times.append(self.times[k + 2])
            states.append(self.snapshots[k + 2][_partner(self._later[k + 1], second, rng)])
        return np.array(times), states


def curve(times: np.ndarray, states: list[np.ndarray], t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity, both (n, d), at t (n,) of the polynomials through states[i] (n, d) at times[i] (Lagrange)."""
    position, velocity = np.zeros_like(states[0]), np.zeros_like(states[0])
    for i, state in enumerate(states):
        others = np.delete(times, i)
        factors = (t[:, None] - others) / (times[i] - others)
        slope = sum(np.delete(factors, j, 1).prod(1) / (times[i] - other) for j, other in enumerate(others))
        position += factors.prod(1)[:, None] * state
        velocity += np.asarray(slope)[:, None] * state
    return position, velocity


def _ladder(plan: np.ndarray) -> np.ndarray:
    """Cumulative shares of each row of a plan, (n, m), row i between i and i + 1: flat, they rise, and one search finds all."""
    total = plan.sum(1, keepdims=True)
    shares = np.divide(plan, total, out=np.full_like(plan, 1 / plan.shape[1]), where=total > 0)
    return np.arange(len(plan))[:, None] + np.cumsum(shares, 1).clip(max=1.0)


def _partner(ladder: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A column for each of the rows, drawn by its share."""
    at = np.searchsorted(ladder.ravel(), rows + rng.random(len(rows)), side="right")
    return (at - rows * ladder.shape[1]).clip(0, ladder.shape[1] - 1)

"""The simple rules that every learned predictor must stand beside, with the predictors' interface."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Self

import numpy as np

from virtualcell.evaluation.baselines import mccann, mean_shift, no_change, union
from virtualcell.predictor.couplings import Chain, curve, unbalanced_plan
from virtualcell.predictor.population import Population, Predictor, Snapshots, neighbours

BETWEEN_ONLY = ("union of neighbours", "unbalanced transport with a curve")
"""Rules that say nothing beyond the last measured time."""


class Rule:
    """A prediction from the start and the next measured population, or, beyond the last, from the last two."""

    def __init__(self, name: str, between: Callable[[np.ndarray, np.ndarray, float, int], np.ndarray]):
        self.name, self._between = name, between

    def fit(self, snapshots: Snapshots, seed: int = 0) -> Self:
        self.snapshots = {t: np.asarray(snapshots[t], dtype=np.float64) for t in sorted(snapshots)}
        return self

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        times = list(self.snapshots)
        _, after = neighbours(times, t1)
        if self._between is no_change:
            # Beyond the last time too: what stays is the start, not the beginning of the interval that goes on.
            found = np.asarray(start, dtype=np.float64)
        elif after is not None:
            found = self._between(np.asarray(start, dtype=np.float64), self.snapshots[after], (t1 - t0) / (after - t0), seed)
        else:
            before = max((t for t in times if t < t0), default=None)
            if before is None:
                raise ValueError(f"Nothing was measured before {t0:g}: there is no interval that could go on.")
            share = (t1 - before) / (t0 - before)
            found = self._between(self.snapshots[before], np.asarray(start, dtype=np.float64), share, seed)
        return Population.of(found)


class UnbalancedCurve:
    """Unbalanced transport with half of a curve: each drawn pair of cells meets on the way, between the straight line and the
    polynomial through the times before and after. No learning, and nothing beyond the last measured time."""

    def __init__(self, reg_mass: float = 3.0, curvature: float = 0.5, pairs: int = 1600):
        self.name = "unbalanced transport with a curve"
        self.reg_mass, self.curvature, self.pairs = reg_mass, curvature, pairs

    def fit(self, snapshots: Snapshots, seed: int = 0) -> Self:
        self.times = sorted(snapshots)
        cells = [np.asarray(snapshots[t], dtype=np.float64) for t in self.times]
        plans = [unbalanced_plan(a, b, self.reg_mass) for a, b in pairwise(cells)]
        self.chain = Chain(self.times, cells, plans)
        return self

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        """start must be the measured population of t0; ValueError beyond the last measured time."""
        before, after = neighbours(self.times, t1)
        if after is None or before != t0 or len(start) != len(self.chain.snapshots[self.times.index(t0)]):
            raise ValueError("This rule joins two measured populations: the start must be the one measured last before.")
        k, rng = self.times.index(t0), np.random.default_rng(seed)
        first, second = self.chain.draw(k, self.pairs, rng)
        u = (t1 - t0) / (after - t0)
        straight = (1 - u) * self.chain.snapshots[k][first] + u * self.chain.snapshots[k + 1][second]
        bent, _ = curve(*self.chain.line(k, first, second, rng), np.full(self.pairs, t1))
        return Population.of(straight + self.curvature * (bent - straight))


class NoiseOnly:
    """Cells that only diffuse: as much a unit of time as makes the spread of each population that of the next, on average."""

    name = "noise only"

    def fit(self, snapshots: Snapshots, seed: int = 0) -> Self:
        times = sorted(snapshots)
        rates = [(snapshots[b].var(0).mean() - snapshots[a].var(0).mean()) / (b - a) for a, b in pairwise(times)]
        self.variance_rate = max(0.0, float(np.mean(rates)))
        return self

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        noise = np.random.default_rng(seed).normal(size=np.shape(start))
        return Population.of(np.asarray(start) + np.sqrt(self.variance_rate * (t1 - t0)) * noise)


def rules() -> list[Predictor]:
    """One of each, under the names that tables show."""
    return [
        Rule("no change", no_change),
        Rule("union of neighbours", union),
        Rule("mean shift", mean_shift),
        Rule("linear transport (McCann)", mccann),
        UnbalancedCurve(),
        NoiseOnly(),
    ]

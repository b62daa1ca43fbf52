"""Intervals of draws: how often they hold, and at which level they hold what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GRID = 201


def pit(draws: np.ndarray, measured: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Randomised probability integral transform, in [0, 1], of measured (...) under draws (k, ...): uniform where the measured
    are like draws, also for counts, whose ties are broken at random (Czado, Gneiting & Held 2009, sec. 2; k + 1 ranks)."""
    below, same = (draws < measured).sum(0), (draws == measured).sum(0)
    return np.asarray((below + generator.random(measured.shape) * (same + 1)) / (len(draws) + 1))


def summary(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and the bounds of the central ``level`` of draws (k, ...), each (...)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return draws.mean(0), low, high


@dataclass(frozen=True)
class Reliability:
    """level[i]: nominal level of the central interval that held a share i / (GRID - 1) of the measurements of new cells, (GRID,).

    Recalibration of intervals by the cells' own ranks (Kuleshov et al. 2018), all features of a measurement together.
    """

    levels: np.ndarray

    @classmethod
    def trusted(cls) -> Reliability:
        """Intervals taken at their word: no cell was kept aside."""
        return cls(np.linspace(0, 1, GRID))

    @classmethod
    def of(cls, found: Sequence[tuple[np.ndarray, np.ndarray]], seed: int) -> Reliability:
        """found: draws (k, cells, features) and readings (cells, features), in pieces."""
        rng = np.random.default_rng(seed)
        centred = np.concatenate([np.abs(2 * pit(draws, read, rng) - 1).ravel() for draws, read in found])
        return cls(np.quantile(centred, np.linspace(0, 1, GRID)))

    def level(self, coverage: float) -> float:
        """Nominal level of an interval that holds ``coverage`` of new measurements."""
        return float(np.interp(coverage, np.linspace(0, 1, GRID), self.levels))

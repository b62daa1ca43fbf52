"""Intervals around what we report: over cells by resampling, over seeds by Student's t."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds between which the true value lies at the level given, if the method's assumptions hold."""

    value: float
    low: float
    high: float
    level: float
    method: str


def bootstrap_interval(
    statistic: Callable[..., float], *populations: np.ndarray, n_resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile bootstrap over cells: for means, shares and differences of them.

    statistic(*populations) -> number; each population (n_i, ...) is resampled on its own, whole cells at a time. Cells are taken
    as independent: with donors or clones resample those instead. Not for W1 or any distance between clouds of points, which
    repeated cells push up: ``half_sample_interval``. Source: Efron & Tibshirani 1993, ch. 13.
    """
    value, draws = _resample(statistic, populations, n_resamples, level, seed, half=False)
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(value, float(low), float(high), level, f"percentile bootstrap over cells, {n_resamples} resamples")


def half_sample_interval(
    statistic: Callable[..., float], *populations: np.ndarray, n_resamples: int = 50, level: float = 0.95, seed: int = 0
) -> Interval:
    """Value at all cells +- normal quantile x the spread of the value over random halves: for W1 and other distances between
    clouds.

    Halves are drawn without replacement, each population on its own, so no cell is repeated; half of the cells deviate from all
    of them as all of them do from the law, so the spread needs no factor. That spread is taken around its own mean, which leaves
    the bias of W1 at fewer cells out. Source: Shao & Wu 1989 (delete-d jackknife, d = n / 2).
    """
    value, draws = _resample(statistic, populations, n_resamples, level, seed, half=True)
    reach = float(stats.norm.ppf((1 + level) / 2) * draws.std(ddof=1))
    return Interval(value, value - reach, value + reach, level, f"half-samples of cells, {n_resamples} resamples")


def seed_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Mean over two or more seeds (seeds,) with Student's t interval: how far a rerun moves it, not how far new cells would."""
    draws = np.asarray(values, dtype=np.float64)
    if draws.ndim != 1 or len(draws) < 2 or not np.isfinite(draws).all():
        raise ValueError(f"an interval over seeds needs at least two finite values; got {draws.tolist()}.")
    reach = float(stats.t.ppf((1 + level) / 2, len(draws) - 1) * draws.std(ddof=1) / np.sqrt(len(draws)))
    mean = float(draws.mean())
    return Interval(mean, mean - reach, mean + reach, level, f"Student's t over {len(draws)} seeds")


def _resample(
    statistic: Callable[..., float], populations: tuple[np.ndarray, ...], n_resamples: int, level: float, seed: int, *, half: bool
) -> tuple[float, np.ndarray]:
    if not populations or any(len(cells) < 4 for cells in populations):
        raise ValueError("an interval over cells needs at least 4 cells in each population.")
    if n_resamples < 2 or not 0 < level < 1:
        raise ValueError(f"n_resamples = {n_resamples} must be 2 or more and level = {level} between 0 and 1.")
    rng = np.random.default_rng(seed)

    def draw(n: int) -> np.ndarray:
        return rng.permutation(n)[: n // 2] if half else rng.integers(0, n, n)

    draws = [statistic(*(cells[draw(len(cells))] for cells in populations)) for _ in range(n_resamples)]
    return float(statistic(*populations)), np.array(draws, dtype=np.float64)

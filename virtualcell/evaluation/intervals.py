"""Intervals around what we report: over cells by resampling, over seeds by Student's t, of shares by Wilson."""

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


def share_interval(
    count: np.ndarray | float, total: np.ndarray | float, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of counts among totals, any shape, with the bounds of its interval. Source: Wilson 1927, J. Am. Stat. Assoc. 22."""
    count, total = np.asarray(count, float), np.asarray(total, float)
    z = stats.norm.ppf((1 + level) / 2)
    share = count / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    reach = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    # At 0 and at all, rounding must not leave the share outside of its interval.
    return share, np.minimum(middle - reach, share), np.maximum(middle + reach, share)


def difference_interval(first: tuple[int, int], second: tuple[int, int], level: float = 0.95) -> Interval:
    """Difference of two shares, each a count among a total. Source: Newcombe 1998, Stat. Med. 17, 873 (method 10)."""
    (p, p_low, p_high), (q, q_low, q_high) = (map(float, share_interval(*pair, level)) for pair in (first, second))
    apart = p - q
    low, high = apart - np.hypot(p - p_low, q_high - q), apart + np.hypot(p_high - p, q - q_low)
    return Interval(apart, float(low), float(high), level, "Newcombe")


def ratio_interval(first: tuple[float, float], second: tuple[float, float], level: float = 0.95) -> Interval:
    """Ratio of two independent means, each above 0 and given with its standard error: normal on the log scale, where the error is
    the relative one (delta method)."""
    (p, p_error), (q, q_error) = first, second
    reach = stats.norm.ppf((1 + level) / 2) * np.hypot(p_error / p, q_error / q)
    ratio = p / q
    return Interval(ratio, float(ratio * np.exp(-reach)), float(ratio * np.exp(reach)), level, "delta method on the log")


def half_sample_interval(
    statistic: Callable[..., float], *populations: np.ndarray, n_resamples: int = 50, level: float = 0.95, seed: int = 0
) -> Interval:
    """Value at all cells +- normal quantile x the spread of the value over random halves: for W1 and other distances between
    clouds.

    Halves are drawn without replacement, each population on its own, so no cell is repeated; half of the cells deviate from all
    of them as all of them do from the law, so the spread needs no factor. That spread is taken around its own mean, which leaves
    the bias of W1 at fewer cells out. Source: Shao & Wu 1989 (delete-d jackknife, d = n / 2).
    """
    if not populations or any(len(cells) < 4 for cells in populations):
        raise ValueError("an interval over cells needs at least 4 cells in each population.")
    if n_resamples < 2 or not 0 < level < 1:
        raise ValueError(f"n_resamples = {n_resamples} must be 2 or more and level = {level} between 0 and 1.")
    rng = np.random.default_rng(seed)

    def half(cells: np.ndarray) -> np.ndarray:
        return cells[rng.permutation(len(cells))[: len(cells) // 2]]

    draws = [statistic(*(half(cells) for cells in populations)) for _ in range(n_resamples)]
    value, reach = float(statistic(*populations)), float(stats.norm.ppf((1 + level) / 2) * np.std(draws, ddof=1))
    return Interval(value, value - reach, value + reach, level, f"half-samples of cells, {n_resamples} resamples")


def seed_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Mean over two or more seeds (seeds,) with Student's t interval: how far a rerun moves it, not how far new cells would."""
    draws = np.asarray(values, dtype=np.float64)
    if draws.ndim != 1 or len(draws) < 2 or not np.isfinite(draws).all():
        raise ValueError(f"an interval over seeds needs at least two finite values; got {draws.tolist()}.")
    reach = float(stats.t.ppf((1 + level) / 2, len(draws) - 1) * draws.std(ddof=1) / np.sqrt(len(draws)))
    mean = float(draws.mean())
    return Interval(mean, mean - reach, mean + reach, level, f"Student's t over {len(draws)} seeds")

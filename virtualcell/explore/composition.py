"""Which groups cells belong to, time by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from virtualcell.schema import UNKNOWN, DataError


@dataclass(frozen=True, eq=False)
class Composition:
    """times: (t,) in order; groups: names; cells: (t, groups) counts; share, low, high: (t, groups) from 0 to 1, NaN at a time
    without cells; points: time, group's place and share of every replicate, each (m,), None without replicates."""

    times: np.ndarray
    groups: tuple[str, ...]
    cells: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    points: tuple[np.ndarray, np.ndarray, np.ndarray] | None

    def table(self) -> pd.DataFrame:
        """One row a time and group: time, group, cells, of, share, low, high."""
        time, group = (index.ravel() for index in np.indices(self.share.shape))
        of = self.cells.sum(axis=1)
        numbers = {name: getattr(self, name).ravel() for name in ("share", "low", "high")}
        names = np.array(self.groups, dtype=object)
        return pd.DataFrame(
            {"time": self.times[time], "group": names[group], "cells": self.cells.ravel(), "of": of[time]} | numbers
        )


def composition_over_time(
    labels: Any,
    times: Any,
    rows: np.ndarray | None = None,
    *,
    replicates: Any = None,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
) -> Composition:
    """Share of each group among the cells of each time, with its interval.

    labels, times, replicates: (cells,) of all cells. rows: the cells to look at, all without; times and groups stay those of all
    cells, so that a selection can be laid over the whole. groups: their order, by name without. level: of the interval, Wilson's
    for a binomial share: it takes cells as independent draws, which cells of one sample are not, so it is the least that the true
    uncertainty can be. With replicates, ``points`` holds their own shares, whose scatter shows the rest. Raises DataError where
    times are not numbers.

    Source: Wilson 1927.
    """
    names = np.asarray(labels).astype(str)
    try:
        at = np.asarray(times, dtype=float)
    except ValueError as error:
        raise DataError("The times are not numbers.", next_step="name a column of numbers.", field="times") from error
    if at.shape != names.shape or names.ndim != 1:
        raise ValueError(f"labels {names.shape} and times {at.shape} must be one a cell")
    kept = np.arange(len(names)) if rows is None else np.asarray(rows)
    moments = np.unique(at[np.isfinite(at)])
    order = list(groups) if groups is not None else sorted(set(names), key=lambda name: (name in (UNKNOWN, "nan"), name))
    cells = _counts(names[kept], at[kept], order, moments)
    share, low, high = wilson(cells, cells.sum(axis=1, keepdims=True), level)
    points = None
    if replicates is not None:
        own = np.asarray(replicates).astype(str)[kept]
        found = [_counts(names[kept][own == one], at[kept][own == one], order, moments) for one in sorted(set(own))]
        parts = []
        for counts in found:
            there = np.flatnonzero(counts.sum(axis=1))
            time, group = (index.ravel() for index in np.meshgrid(there, np.arange(len(order)), indexing="ij"))
            parts.append((moments[time], group, (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[time, group]))
        if parts:
            time_of, group_of, share_of = zip(*parts, strict=True)
            points = np.concatenate(time_of), np.concatenate(group_of), np.concatenate(share_of)
    return Composition(moments, tuple(order), cells, share, low, high, points)


def wilson(successes: Any, of: Any, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share and the ends of Wilson's interval, of counts among totals of a shape that broadcasts; NaN where the total is 0."""
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(of, float))
    z = norm.isf((1 - level) / 2)
    n = np.where(n > 0, n, np.nan)
    p = k / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return p, np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _counts(names: np.ndarray, at: np.ndarray, groups: list[str], times: np.ndarray) -> np.ndarray:
    """Cells of each time and group, int64 (times, groups)."""
    found = pd.crosstab(pd.Categorical(at, categories=times), pd.Categorical(names, categories=groups), dropna=False)
    return found.reindex(index=times, columns=groups, fill_value=0).to_numpy(dtype=np.int64)

"""What every predictor gives and takes: a population of weighted cell states at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

Snapshots = Mapping[float, np.ndarray]
"""Measured populations: time -> cell states (cells, d), at least two times."""


@dataclass(frozen=True)
class Population:
    """Cell states (n, d) and how many cells each stands for, (n,), of sum 1."""

    states: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, states: np.ndarray, weights: np.ndarray | None = None) -> Population:
        """weights: (n,), 0 or more, by default equal. ValueError where none is above 0 or a number is not finite."""
        given = np.ones(len(states)) if weights is None else np.asarray(weights, dtype=np.float64)
        if not (np.isfinite(states).all() and np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
            raise ValueError("A population needs finite states and weights, and one weight above 0.")
        return cls(np.asarray(states), given / given.sum())

    @property
    def mean(self) -> np.ndarray:
        """(d,)"""
        return self.weights @ self.states

    def draw(self, n: int, seed: int) -> np.ndarray:
        """n cells (n, d), each as likely as its weight; every cell stands in the draw as often as it should, to one."""
        rng = np.random.default_rng(seed)
        # Systematic: one random offset, then even steps through the cumulative weights.
        at = (rng.random() + np.arange(n)) / n
        order = rng.permutation(len(self.states))
        level = np.cumsum(self.weights[order])
        return self.states[order[np.searchsorted(level, at * level[-1], side="right").clip(max=len(order) - 1)]]

    def even(self, n: int, seed: int) -> np.ndarray:
        """n cells (n, d), each as likely as its weight, spread over the population as evenly as its own cells allow.

        Systematic, as ``draw``, along a walk on which neighbours are near, so that every part of the population gets its share
        of cells to about one (Gerber, Chopin & Whiteley 2019, Ann. Stat. 47, there along Hilbert's curve).
        """
        at = (np.random.default_rng(seed).random() + np.arange(n)) / n
        order = _walk(self.states)
        level = np.cumsum(self.weights[order])
        return self.states[order[np.searchsorted(level, at * level[-1], side="right").clip(max=len(order) - 1)]]


def _walk(states: np.ndarray) -> np.ndarray:
    """Rows (n,) in an order in which near cells follow one another: halved across the widest direction, there and back."""
    parts = [(np.arange(len(states)), False)]
    done: list[np.ndarray] = []
    while parts:
        rows, back = parts.pop()
        if len(rows) > 1:
            rows = rows[np.argsort(states[rows, np.argmax(np.var(states[rows], 0))], kind="stable")]
        rows = rows[::-1] if back else rows
        if len(rows) <= 2:
            done.append(rows)
        else:
            # The later half waits below the earlier one.
            parts += [(rows[len(rows) // 2 :], True), (rows[: len(rows) // 2], False)]
    return np.concatenate(done)


def mixture(parts: list[Population], shares: np.ndarray | None = None) -> Population:
    """One population out of several, by shares of sum 1 (default: equal)."""
    given = np.full(len(parts), 1 / len(parts)) if shares is None else shares
    kept = [(part, share) for part, share in zip(parts, given, strict=True) if share > 0]
    return Population.of(
        np.concatenate([part.states for part, _ in kept]), np.concatenate([share * part.weights for part, share in kept])
    )


class Predictor(Protocol):
    """Learns from populations measured at several times, then carries cells from one time to another."""

    name: str

    def fit(self, snapshots: Snapshots, seed: int = 0) -> Self: ...

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        """Cells start (n, d) at t0, in the same states as the snapshots -> their descendants at t1 > t0."""
        ...


def neighbours(times: list[float], t: float) -> tuple[float, float | None]:
    """The last measured time before t, and the first at or after it; None where t is beyond the last."""
    before, after = [s for s in times if s < t], [s for s in times if s >= t]
    if not before:
        raise ValueError(f"Time {t:g} is not after the first measured time {min(times):g}.")
    return max(before), min(after, default=None)

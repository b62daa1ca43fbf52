"""The energy of a pair of cells, E(z, z'; dt, treatment) = -log p(z' | z, dt, treatment)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from virtualcell.predictor.action import least_action
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.futures import Futures
from virtualcell.schema import DataError

ROLLOUTS, AT_ONCE = 256, 500
"""Futures of a cell; pairs that are held in memory at once, in 16 coordinates a quarter of a gigabyte."""


def pair_energy(
    dynamics: Dynamics,
    start: np.ndarray,
    end: np.ndarray,
    duration: float,
    treatment: str | None = None,
    *,
    method: str = "density",
    seed: int = 0,
) -> np.ndarray:
    """Energy in nats of each pair start[i] (n, d) -> end[i] (n, d) in ``duration`` spans, (n,): low where the predictor expects
    it.

    method: "density" (simulated futures, see ``Futures``; follows all ways, weighs them by growth, noisy far from every future)
    or "action" (see ``least_action``; no randomness, one way, no growth). Other coordinates or units shift it by a constant.
    DataError names the field that cannot be used.
    """
    if method not in METHODS:
        raise DataError(f"There is no method {method!r}.", next_step=f"choose one of {', '.join(METHODS)}.", field="method")
    return METHODS[method](dynamics, start, end, duration, treatment, seed)


def _density(
    dynamics: Dynamics, start: np.ndarray, end: np.ndarray, duration: float, treatment: str | None, seed: int
) -> np.ndarray:
    # A pair's energy does not depend on which others are asked with it (shared noise), so that memory need not grow with them.
    a, b = np.asarray(start), np.asarray(end)
    if a.ndim != 2 or len(a) != len(b):
        return Futures.of(dynamics, a, duration, treatment, rollouts=ROLLOUTS, seed=seed).each(b)  # says what is wrong
    pieces = [slice(first, first + AT_ONCE) for first in range(0, max(1, len(a)), AT_ONCE)]
    parts = [Futures.of(dynamics, a[rows], duration, treatment, rollouts=ROLLOUTS, seed=seed).each(b[rows]) for rows in pieces]
    return np.concatenate(parts)


def _action(
    dynamics: Dynamics, start: np.ndarray, end: np.ndarray, duration: float, treatment: str | None, seed: int
) -> np.ndarray:
    return least_action(dynamics, start, end, duration, treatment).energy


METHODS: dict[str, Callable[[Dynamics, np.ndarray, np.ndarray, float, str | None, int], np.ndarray]] = {
    "density": _density,
    "action": _action,
}

"""The energy of a pair of cells, E(z, z'; dt, treatment) = -log p(z' | z, dt, treatment)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from virtualcell.predictor.action import least_action
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.futures import Futures
from virtualcell.schema import DataError


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
    return Futures.of(dynamics, start, duration, treatment, rollouts=256, seed=seed).each(end)


def _action(
    dynamics: Dynamics, start: np.ndarray, end: np.ndarray, duration: float, treatment: str | None, seed: int
) -> np.ndarray:
    return least_action(dynamics, start, end, duration, treatment).energy


METHODS: dict[str, Callable[[Dynamics, np.ndarray, np.ndarray, float, str | None, int], np.ndarray]] = {
    "density": _density,
    "action": _action,
}

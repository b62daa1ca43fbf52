"""Where to measure next: the time at which new cells would take away most of what the snapshots leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from virtualcell.evaluation.metrics import energy_distance
from virtualcell.predictor.population import Snapshots
from virtualcell.training.ensemble import FlowMatching

CELLS = 200
"""Of each prediction that is compared: pairs of predictions are many."""
PER_GAP = 9
"""Times looked at between two measured ones, where none are named."""


@dataclass(frozen=True)
class NextTime:
    """For each time (T,), in the unit of the time column: how much the predictions differ there (energy distance), and how much
    of that, summed over the whole course, cells measured there would take away."""

    times: np.ndarray
    open: np.ndarray
    taken_away: np.ndarray
    middle: float
    """The simple rule beside it: of the times looked at, that nearest to the middle of the longest gap (the earliest such)."""

    @property
    def best(self) -> float:
        """The time to measure next."""
        return float(self.times[np.argmax(self.taken_away)])


def next_time(
    predictor: FlowMatching, snapshots: Snapshots, times: Sequence[float] | None = None, *, clock: bool = True
) -> NextTime:
    """What is open between measured times, and where a new measurement would close most of it.

    Snapshots do not tell how much cells divide and die, nor (clock) whether change between two of them came early, evenly or
    late: predictions at a time differ in the flow's strength of growth and in how far they have come, u of the gap or u^2 or
    1 - (1 - u)^2. What is open is the mean energy distance of their pairs. What is measured at t says of s in the same gap as
    much as a Brownian bridge between the two measured times would, rho^2 = (s - a)(b - t) / ((t - a)(b - s)) for s < t, and of
    other gaps nothing; so what t takes away is the integral of rho^2 times what is open. predictor: fitted to snapshots. times:
    those that could be measured, between the first and the last and measured at none; by default nine in each gap.
    """
    measured = sorted(snapshots)
    if list(predictor.times) != measured:
        raise ValueError("The predictor must have been fitted to these snapshots.")
    asked = None if times is None else sorted(float(t) for t in times)
    if asked is not None and (not asked or any(t in measured or not measured[0] < t < measured[-1] for t in asked)):
        raise ValueError("Times to choose from must lie between measured ones, and be measured at none.")
    found: list[tuple[float, float, float]] = []
    for a, b in pairwise(measured):
        grid = a + (b - a) * np.arange(1, PER_GAP + 1) / (PER_GAP + 1)
        left_open = _open(predictor, snapshots[a], a, b, grid, clock)
        for t in grid if asked is None else [t for t in asked if a < t < b]:
            early, late = np.minimum(grid, t), np.maximum(grid, t)
            told = (early - a) * (b - late) / ((late - a) * (b - early))
            at_t = float(np.interp(t, [a, *grid, b], [0.0, *left_open, 0.0]))
            found.append((float(t), at_t, float((told * left_open).sum() * (b - a) / (PER_GAP + 1))))
    columns = np.array(found).T
    return NextTime(columns[0], columns[1], columns[2], middle_of_longest(measured, columns[0].tolist())[0])


def middle_of_longest(measured: Sequence[float], times: Sequence[float]) -> list[float]:
    """Those of the times that are nearest to the middle of the longest gap between measured times that holds one of them.

    Several where gaps are as long or times as near.
    """
    gaps = [(a, b) for a, b in pairwise(sorted(measured)) if any(a < t < b for t in times)]
    if not gaps:
        raise ValueError("None of the times lies between measured ones.")
    longest = max(b - a for a, b in gaps)
    away = {t: abs(t - (a + b) / 2) for a, b in gaps if np.isclose(b - a, longest, rtol=1e-9) for t in times if a < t < b}
    return [t for t in sorted(away) if away[t] <= min(away.values()) + 1e-9 * longest]


def _open(predictor: FlowMatching, start: np.ndarray, a: float, b: float, grid: np.ndarray, clock: bool) -> np.ndarray:
    """Mean energy distance of pairs of predictions at each time of the grid between a and b."""
    u = (grid - a) / (b - a)
    clocks = [u**2, u, 1 - (1 - u) ** 2] if clock else [u]
    # A time that two clocks share is rolled out once.
    ends, row = np.unique(np.round(np.concatenate(clocks), 12), return_inverse=True)
    at = row.reshape(len(clocks), len(grid))
    rolled = predictor.members(start, a, (a + (b - a) * ends).tolist())
    cells = [[member.even(CELLS, 0) for member in members] for members in rolled]
    differ = []
    for k in range(len(grid)):
        predictions = [member for c in range(len(clocks)) for member in cells[at[c, k]]]
        pairs = [energy_distance(x, y) for i, x in enumerate(predictions) for y in predictions[:i]]
        differ.append(max(0.0, float(np.mean(pairs))))
    return np.array(differ)

"""How far beyond the last measured time a prediction may go: as far as it has beaten no change where the truth was known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from virtualcell.evaluation.metrics import energy_distance, wasserstein1
from virtualcell.predictor.population import Population, Predictor, Snapshots

LEAST_SEEDS = 3
SHORTEST_PAST = 2
"""Measured times that are left to learn from: one says nothing of change."""


@dataclass(frozen=True)
class Step:
    """One prediction from the last time that was not hidden to a later, hidden one, beside no change.

    Distances to the cells measured there; W1 with as many cells as were measured. Times in the unit of the time column.
    """

    method: str
    last: float
    time: float
    seed: int
    energy: float
    energy_no_change: float
    w1: float
    w1_no_change: float

    @classmethod
    def of(
        cls, method: str, last: float, time: float, seed: int, predicted: Population, start: np.ndarray, true: np.ndarray
    ) -> Step:
        """start: the cells measured at ``last``, which are what no change predicts."""
        still = Population.of(start)
        return cls(
            method,
            float(last),
            float(time),
            seed,
            energy_distance(predicted.states, true, predicted.weights),
            energy_distance(start, true),
            wasserstein1(predicted.even(len(true), seed), true),
            wasserstein1(still.even(len(true), seed), true),
        )

    @property
    def beyond(self) -> float:
        return round(self.time - self.last, 9)  # .3 - .2 and .2 - .1 are one gap

    @property
    def beats(self) -> bool:
        """Closer than no change by both distances."""
        return self.energy < self.energy_no_change and self.w1 < self.w1_no_change


@dataclass(frozen=True)
class Horizon:
    """How far beyond the last measured time, in ``unit``, with every step that says so."""

    beyond_last: float
    unit: str
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, steps: Sequence[Step], unit: str) -> Horizon:
        """The longest time beyond the last one at which no change was beaten every time, and at every shorter one too; else 0.

        What was never tried is not granted. ValueError unless all steps are of one method and each time has three seeds.
        """
        if len({step.method for step in steps}) != 1:
            raise ValueError("A horizon is that of one method.")
        reached = 0.0
        tried = {(step.last, step.time) for step in steps}
        for last, time in tried:
            if len({step.seed for step in steps if (step.last, step.time) == (last, time)}) < LEAST_SEEDS:
                raise ValueError(f"From {last:g} to {time:g} there are fewer than {LEAST_SEEDS} seeds to rest on.")
        for beyond in sorted({step.beyond for step in steps}):
            if not all(step.beats for step in steps if step.beyond == beyond):
                break
            reached = beyond
        return cls(reached, unit, tuple(steps))

    def to_dict(self) -> dict[str, Any]:
        """``{"beyond_last": float, "unit": str, "evidence": [one plain row a step]}``."""
        rows = [asdict(step) | {"beyond": step.beyond, "beats": step.beats} for step in self.steps]
        return {"beyond_last": self.beyond_last, "unit": self.unit, "evidence": rows}


def last_times(predictor: Predictor, snapshots: Snapshots, seeds: Sequence[int] = (0, 1, 2)) -> list[Step]:
    """Hides the last measured time, then the last two, and so on while two are left, and predicts them from the last one left.

    The predictor is fitted anew for each number of hidden times and each seed.
    """
    times = sorted(snapshots)
    if len(times) <= SHORTEST_PAST:
        raise ValueError(f"{len(times)} measured times leave none to hide; {SHORTEST_PAST + 1} are needed.")
    steps = []
    for kept in range(len(times) - 1, SHORTEST_PAST - 1, -1):
        seen, last = {t: snapshots[t] for t in times[:kept]}, times[kept - 1]
        for seed in seeds:
            predictor.fit(seen, seed)
            for time in times[kept:]:
                given = predictor.carry(snapshots[last], last, time, seed)
                steps.append(Step.of(predictor.name, last, time, seed, given, snapshots[last], snapshots[time]))
    return steps

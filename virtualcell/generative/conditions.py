"""What a draw is given beside an embedding: time, treatment and label, each of which may be unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from virtualcell.schema import UNKNOWN, DataError

MANY_TIMES = 12
"""Up to so many measured times each has a column of its own; of more, evenly spread quantiles have."""


@dataclass(frozen=True)
class Vocabulary:
    """The measured values of each condition. times: knots of a piecewise linear function, ascending; empty: no such condition."""

    times: tuple[float, ...] = ()
    treatments: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, time: np.ndarray | None, treatment: np.ndarray | None, labels: np.ndarray | None) -> Vocabulary:
        """From the conditions of measured cells, each (cells,) or None; one that never differs says nothing and is left out."""
        knots = np.unique(time[np.isfinite(time)]) if time is not None else np.empty(0)
        if len(knots) > MANY_TIMES:
            knots = np.unique(np.quantile(knots, np.linspace(0, 1, MANY_TIMES)))
        names = [sorted(set(map(str, given)) - {UNKNOWN, ""}) if given is not None else [] for given in (treatment, labels)]
        kept = [tuple(found) if len(found) > 1 else () for found in names]
        return cls(tuple(float(t) for t in knots) if len(knots) > 1 else (), *kept)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Vocabulary:
        return cls(tuple(saved["times"]), tuple(saved["treatments"]), tuple(saved["labels"]))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Columns of time, treatment and label."""
        return len(self.times), len(self.treatments), len(self.labels)

    @property
    def size(self) -> int:
        return sum(self.sizes)

    def encode(
        self,
        n: int,
        time: np.ndarray | float | None = None,
        treatment: np.ndarray | str | None = None,
        labels: np.ndarray | str | None = None,
    ) -> np.ndarray:
        """Columns (n, size) float32 that add up to 1 for each known condition and are 0 where it is unknown (None, NaN, "").

        A time between two knots has a share of both. What was never measured is taken for unknown: ``check`` refuses it.
        """
        parts = [np.zeros((n, 0), dtype=np.float32)]
        if self.times:
            given = np.full(n, np.nan) if time is None else np.broadcast_to(np.asarray(time, dtype=float), (n,))
            basis = np.stack([np.interp(given, self.times, row) for row in np.eye(len(self.times))], 1)
            inside = (given >= self.times[0]) & (given <= self.times[-1])
            parts.append(np.where(inside[:, None], basis, 0.0).astype(np.float32))
        for known, values in ((self.treatments, treatment), (self.labels, labels)):
            if known:
                given = np.broadcast_to(np.asarray("" if values is None else values, dtype=object), (n,))
                parts.append((given[:, None].astype(str) == np.asarray(known)[None]).astype(np.float32))
        return np.concatenate(parts, 1)

    def patterns(self) -> list[np.ndarray]:
        """What may be unknown: masks (size,) of 0 and 1, one for each choice of known conditions, the first with all known."""
        present = [size for size in self.sizes if size]
        masks = [np.repeat(choice, present) for choice in product((1.0, 0.0), repeat=len(present))]
        return [mask.astype(np.float32) for mask in masks]

    def check(self, time: float | None = None, treatment: str | None = None, label: str | None = None) -> None:
        """Raises DataError for a condition that was never measured."""
        for what, value, known in (("treatment", treatment, self.treatments), ("label", label, self.labels)):
            if value is not None and value not in known:
                raise DataError(f"{value!r} was never measured.", next_step=_choose(known), field=what)
        if time is not None and not (self.times and self.times[0] <= time <= self.times[-1]):
            raise DataError(f"Time {time:g} lies outside the measured times.", next_step=_choose(self.times), field="time")


def _choose(known: Sequence[float] | Sequence[str]) -> str:
    if not known:
        return "leave it out: it was measured at one value only, or not at all."
    if isinstance(known[0], float):
        return f"choose a time from {known[0]:g} to {known[-1]:g}."
    listed = ", ".join(str(name) for name in known[:8])
    return f"choose one of {listed}{', ...' if len(known) > 8 else ''}."

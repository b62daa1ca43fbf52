"""Which measured population becomes which: the pairs of populations that a predictor learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from virtualcell.schema import DataError


@dataclass(frozen=True)
class Transition:
    """Cells ``source`` (rows) become cells ``target`` (rows) in ``duration`` spans under ``treatment``."""

    source: np.ndarray
    target: np.ndarray
    duration: float
    treatment: str | None
    weight: float
    stationary: bool = False


def make_transitions(
    time: np.ndarray | None, treatment: np.ndarray | None, control: str, stationary_weight: float
) -> list[Transition]:
    """All transitions that the measurements show.

    time: (cells,) in spans (first 0, last 1) or None; treatment: (cells,) names or None. With time, every earlier population
    becomes every later one of the same treatment (several gaps at once), and treated cells start from the last control cells
    before them; without time, control becomes each treated population in one span and stays itself when untreated. The last
    untreated population stays what it is, as a soft prior. Raises DataError where no cell is untreated.
    """
    n = len(time) if time is not None else len(treatment) if treatment is not None else 0
    names = np.full(n, control, dtype=object) if treatment is None else treatment.astype(object)
    if not (names == control).any():
        raise DataError(
            f"None of the cells is called {control!r}.", next_step="name the untreated cells as control.", field="control"
        )
    found: list[Transition] = []
    if time is None:
        untreated = np.flatnonzero(names == control)
        for name in dict.fromkeys(names):
            if name != control:
                found.append(Transition(untreated, np.flatnonzero(names == name), 1.0, str(name), 1.0))
        found.append(Transition(untreated, untreated, 1.0, None, max(1.0, 0.5 * len(found)), stationary=True))
        return [t for t in found if len(t.target) > 1]
    for name in dict.fromkeys(names):
        own = names == name
        times = np.unique(time[own])
        push = None if name == control else str(name)
        for i, late in enumerate(times):
            for early in times[:i]:
                adjacent = early == times[i - 1]
                found.append(
                    Transition(
                        np.flatnonzero(own & (time == early)),
                        np.flatnonzero(own & (time == late)),
                        float(late - early),
                        push,
                        1.0 if adjacent else 0.5,
                    )
                )
            before = np.unique(time[(names == control) & (time < late)])
            if push is not None and i == 0 and len(before):
                source = np.flatnonzero((names == control) & (time == before[-1]))
                target = np.flatnonzero(own & (time == late))
                found.append(Transition(source, target, float(late - before[-1]), push, 1.0))
    if stationary_weight > 0:
        last = np.flatnonzero((names == control) & (time == time[names == control].max()))
        found.append(Transition(last, last, 1.0, None, stationary_weight, stationary=True))
    # One cell is no population: nothing can be matched to it.
    return [t for t in found if len(t.target) > 1]

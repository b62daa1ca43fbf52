"""How far beyond the last measured time cells are drawn, and the evidence that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from virtualcell.ui import words


@dataclass(frozen=True)
class Limit:
    """latest: the last time that is drawn. beyond: how far after the last measured time that is. short, sentence: why no
    further, in a line and with the figures of the report."""

    latest: float
    beyond: float
    short: str
    sentence: str


def limit(report: dict[str, Any], last: float, unit: str, simulated: bool = False) -> Limit:
    """The latest time that may be drawn, from a report's "horizon"; without one nothing beyond the last measured time is."""
    kind = words.measured(simulated)
    found = report.get("horizon")
    if found is None:
        said = (
            f"Nothing is drawn beyond {last:g} {unit}, the last {kind} time: whether predictions hold there has not been tested."
        )
        return Limit(last, 0.0, said, said)
    beyond, evidence = float(found["beyond_last"]), found["evidence"]
    shown = [_tested(evidence, gap, unit, kind) for gap in _worth_saying(evidence, beyond)]
    if beyond > 0:
        end = f"up to {beyond:g} {unit} beyond the last {kind} time ({last:g} {unit}) are drawn, and no further"
        short = f"With known times hidden, predictions held for {beyond:g} {unit}: {end}."
    else:
        end = f"nothing is drawn beyond {last:g} {unit}, the last {kind} time"
        short = f"With the last time hidden, predictions were no more reliable than taking nothing to change: {end}."
    return Limit(last + beyond, beyond, short, " ".join([*shown, f"So {end}."]))


def _worth_saying(evidence: list[dict[str, Any]], beyond: float) -> list[float]:
    """The longest gap that held and the shortest that did not."""
    gaps = sorted({float(step["beyond"]) for step in evidence})
    held = [gap for gap in gaps if gap <= beyond + 1e-9]
    failed = [gap for gap in gaps if gap > beyond + 1e-9]
    return [*held[-1:], *failed[:1]]


def _tested(evidence: list[dict[str, Any]], gap: float, unit: str, kind: str) -> str:
    steps = [step for step in evidence if abs(float(step["beyond"]) - gap) < 1e-9]
    won = sum(bool(step["beats"]) for step in steps)
    mean = {name: float(np.mean([step[name] for step in steps])) for name in ("energy", "energy_no_change", "w1", "w1_no_change")}
    pairs = sorted({(float(step["last"]), float(step["time"])) for step in steps})
    hidden = " and ".join(f"the cells of {to:g} {unit} were hidden and predicted from those of {at:g} {unit}" for at, to in pairs)
    won_in = f"all {won}" if won == len(steps) else f"{won} of {len(steps)}" if won else f"none of {len(steps)}"
    return (
        f"To test it, {hidden}: the prediction was closer to the {kind} cells than no change at all, by both distances, in "
        f"{won_in} reruns (mean energy distance {mean['energy']:.2g} against {mean['energy_no_change']:.2g} for no change, "
        f"W1 {mean['w1']:.3g} against {mean['w1_no_change']:.3g})."
    )

"""Where to measure next, asked for by a button: it trains flows between the measured times."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.evaluation.next_time import PER_GAP, NextTime, next_time
from virtualcell.figures.trajectory_next import trajectory_next
from virtualcell.predictor.population import Snapshots
from virtualcell.training.both_sides import BothSides
from virtualcell.ui import link, state, words
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

SEED = 0
NO_BETTER = 0.03
"""Share of what is open by which a time must be better than the simple rule's to be named."""


@st.cache_resource
def _answers() -> dict[tuple[str, int], NextTime]:
    # Filled by whoever asks first. No cached function, as those cannot draw the progress of what they compute.
    return {}


def share_taken(found: NextTime, measured: list[float]) -> np.ndarray:
    """Share of all that is open over the whole course which cells measured at each time would take away, (T,)."""
    gaps = np.diff(measured)[np.searchsorted(measured, found.times) - 1]
    whole = float((found.open * gaps / (PER_GAP + 1)).sum())
    return found.taken_away / whole if whole > 0 else np.zeros_like(found.taken_away)


def next_words(found: NextTime, share: np.ndarray, unit: str) -> str:
    """The time named, and the simple rule's, in a sentence."""
    best, middle = found.best, found.middle
    at_best, at_middle = float(share.max()), float(np.interp(middle, found.times, share))
    said = f"Cells at **{best:.3g} {unit}** would settle the most: {100 * at_best:.0f} % of what our models disagree about."
    if abs(best - middle) < 1e-9:
        return f"{said} That is also the middle of the longest gap (the first of them), which a simple rule would name."
    if at_best - at_middle < NO_BETTER:
        return (
            f"No time is clearly better than **{middle:.3g} {unit}**, the middle of the longest gap, which a simple rule would "
            f"name: cells there would settle {100 * at_middle:.0f} % of what our models disagree about."
        )
    return f"{said} The middle of the longest gap, {middle:.3g} {unit}, would settle {100 * at_middle:.0f} %."


def _computed(snapshots: Snapshots) -> NextTime:
    """The answer, with a bar of its progress."""
    said = "Training flows between the times …"
    bar = st.progress(0.0, text=said)

    def progress(stage: str, done: int, total: int, figures: dict[str, Any]) -> None:
        bar.progress(0.9 * done / max(1, total), text=said)

    flows = BothSides().fit(snapshots, SEED, progress)
    bar.progress(0.92, text="Comparing what they say …")
    found = next_time(flows, snapshots)
    bar.empty()
    return found


def where_next(b: Bundle) -> None:
    """A button, and once it was pressed the answer; nothing for fewer than two measured times."""
    column, unit = b.demo.columns.time, b.demo.columns.time_unit
    assert column is not None
    kind = words.measured(b.demo.simulated)
    alone = state.untreated(b)
    time = state.values(b, column)[alone]
    measured = [float(t) for t in np.unique(time)]
    if len(measured) < 2:
        return
    asked = (b.demo.key, state.stamp(b))
    st.markdown("##### Where to measure next?")
    st.markdown(
        f":gray[Between {kind} times nothing says how fast cells divide, nor whether change came early or late. Predictions that "
        f"differ in both, all true to the {kind} times, show where most is open.]"
    )
    # In the link, which then opens with the answer, and kept, as a page may have to run twice before it stands in its frame.
    wanted = state.own(b, "next")
    if link.recall(wanted) is None and asked not in _answers():
        st.button("Compute it (half a minute or less)", key=wanted, on_click=link.remember, args=(wanted, "yes"))
        return
    link.remember(wanted, "yes")
    if asked not in _answers():
        _answers()[asked] = _computed({t: b.state[alone[time == t]] for t in measured})
    found = _answers()[asked]
    share = share_taken(found, measured)
    fig = trajectory_next(
        found.times, found.open, share, measured, middle=found.middle, unit=unit, cells=kind, look=look()
    )  # fmt: skip
    chart(fig, f"next-time-{b.demo.key}", alt="What is left open over time", file=f"{b.demo.key}-next-time")
    st.markdown(next_words(found, share, unit))
    st.caption(
        "Where the line is at 0, our models differ by no more than chance. "
        "Take it as a hint: where known times were hidden to try it (embryoid bodies, docs/trajectories.md), the time named was "
        "worse than the middle of the longest gap where two were hidden, and no better where three were. "
        f"Flows of seed {SEED}; five strengths of growth, three clocks."
    )

"""Which cells a prediction starts from: a group, cells marked on Explore, or cells inside a lasso on this page's own map."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.embedding import embedding
from virtualcell.ui import colours, marks, state, words
from virtualcell.ui.marks import DRAWN, MARKED
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

OUTLINE = "drawn"
"""Name in the link of what is drawn on this page."""
FEW = 20
"""Cells below which a measured time is not the one that is offered first."""


def offered(b: Bundle) -> dict[str, np.ndarray]:
    """What can be chosen by name -> rows; of treated cells only those that the reader marked: they are followed without the
    treatment."""
    alone = state.untreated(b)
    named = {title: np.intersect1d(rows, alone) for title, rows in state.groups(b).items() if not title.startswith("treatment")}
    found = {title: rows for title, rows in named.items() if len(rows)}
    for name, rows in ((DRAWN, marks.drawn(b, OUTLINE)), (MARKED, marks.marked(b))):
        if len(rows):
            found[name] = rows
    return found


def times_to_start(times: np.ndarray, latest: float) -> dict[float, int]:
    """Measured times (n,) of the chosen cells before ``latest``, from which they can be followed -> number of cells."""
    found, counts = np.unique(times[times < latest - 1e-9], return_counts=True)
    return {float(time): int(count) for time, count in zip(found, counts, strict=True)}


def usual_time(counts: dict[float, int]) -> float:
    """The earliest time with enough of the chosen cells; that with most of them where none has enough."""
    enough = [time for time, count in counts.items() if count >= FEW]
    return enough[0] if enough else max(counts, key=lambda time: counts[time])


def lasso(b: Bundle) -> None:
    """The map of all cells on which a drawing becomes the start; a button forgets it."""
    start_key, round_key = state.own(b, "start"), f"lasso-round-{b.demo.key}"
    key = f"lasso-{b.demo.key}-{st.session_state.get(round_key, 0)}"

    def took() -> None:
        found = marks.outlines(st.session_state[key])
        if found:
            marks.keep(b, OUTLINE, found)
            if len(marks.drawn(b, OUTLINE)):
                st.session_state[start_key] = DRAWN

    def forget() -> None:
        marks.keep(b, OUTLINE, [])
        # A drawing lives in the browser's chart; another key is another chart.
        st.session_state[round_key] = st.session_state.get(round_key, 0) + 1
        if st.session_state.get(start_key) == DRAWN:
            st.session_state[start_key] = next(iter(state.groups(b)))

    column = b.demo.columns.state or b.demo.columns.time
    assert column is not None  # the page stops before this where there is no time
    values = state.values(b, column)
    named = column == b.demo.columns.state
    unit = "" if named else b.demo.columns.time_unit
    fig = embedding(b.umap2, values, name="cell state" if named else "time", kind="category" if named else "time", unit=unit,
                    look=look(), height=600)  # fmt: skip
    fig.update_layout(legend={"y": 0.93})  # below the buttons that draw
    chosen = marks.drawn(b, OUTLINE)
    tints = colours.of(b, [str(value) for value in values]) if named else {}
    for trace in fig.data:
        rows = np.asarray(trace.customdata)
        if named:
            trace.marker.color = tints[str(values[rows[0]])]
        if len(chosen):
            trace.selectedpoints = np.flatnonzero(np.isin(rows, chosen))
    chart(fig, key, alt=f"Map of {len(values):,} cells to draw on", file=f"{b.demo.key}-cells", on_select=took,
          selection_mode=("lasso", "box"))  # fmt: skip
    said, clear = st.columns([3, 1], vertical_alignment="center")
    with said:
        if len(chosen):
            at = f"{words.measured(b.demo.simulated).capitalize()} at"
            st.markdown(f"**{len(chosen):,} cells drawn.** Those of the time under “{at}” are followed: see “Watch them move”.")
        else:
            st.markdown("Draw around cells with the lasso or the box (buttons above the map): they become the start.")
    with clear:
        st.button("Clear the drawing", on_click=forget, disabled=not len(chosen), key=f"clear-{b.demo.key}", width="stretch")

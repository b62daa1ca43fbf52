"""From which cells to which cells a push is asked for: named groups, cells marked on Explore, or two lassos on a map here."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.embedding import embedding
from virtualcell.ui import colours, marks, state
from virtualcell.ui.marks import DRAWN, MARKED
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

FEWEST = 10
"""Cells of the start, and of the half of the goal that is asked for: of fewer nobody can say how many arrive."""

START, GOAL = "start", "goal"

TREATMENT, STATE, BATCH = "treatment: ", "cell state: ", "batch: "
"""How ``state.groups`` begins their names."""

MOST_NAMED = 14
"""Groups that have colours of their own."""

UNTREATED = "all untreated cells"


def widget(b: Bundle, role: str) -> str:
    """Key of the choice of start or goal."""
    return state.own(b, f"{role}-of-push")


def drawn(b: Bundle, role: str) -> np.ndarray:
    """Rows inside the lasso that the reader drew for the start or the goal; empty where none."""
    return marks.drawn(b, f"push-{role}")


def starts(b: Bundle) -> dict[str, np.ndarray]:
    """What can be the start by name -> untreated cells of it: changes were measured on those, and a treated cell has its own
    already."""
    untreated = state.untreated(b)
    named = {DRAWN: drawn(b, START), MARKED: marks.marked(b)} | _named(b, STATE, BATCH)
    found = {title: np.intersect1d(rows, untreated) for title, rows in named.items()}
    return {UNTREATED: untreated} | {title: rows for title, rows in found.items() if len(rows) >= FEWEST}


def goals(b: Bundle, start: np.ndarray) -> dict[str, np.ndarray]:
    """What can be the goal by name -> rows; cells of the start are none of the goal's."""
    named = {DRAWN: drawn(b, GOAL), MARKED: marks.marked(b)} | _named(b, TREATMENT) | _named(b, STATE)
    return {title: rows for title, rows in named.items() if (~np.isin(rows, start)).sum() >= 2 * FEWEST}


def _named(b: Bundle, *kinds: str) -> dict[str, np.ndarray]:
    return {title: rows for title, rows in state.groups(b).items() if title.startswith(kinds)}


def lassos(b: Bundle) -> None:
    """The map of all cells on which one drawing becomes the start and another the goal; a button forgets both."""
    round_key = f"push-round-{b.demo.key}"
    key = f"push-lasso-{b.demo.key}-{st.session_state.get(round_key, 0)}"
    role = st.segmented_control(
        "A drawing becomes the", [START, GOAL], default=START, required=True, key=state.own(b, "draws"), bind="query-params"
    )

    def took() -> None:
        found = marks.outlines(st.session_state[key])
        role = st.session_state.get(state.own(b, "draws"), START)
        if found:
            marks.keep(b, f"push-{role}", found)
            rows = drawn(b, role)
            untreated = state.untreated(b)
            enough = len(np.intersect1d(rows, untreated)) if role == START else len(np.setdiff1d(rows, drawn(b, START))) // 2
            if enough >= FEWEST:
                st.session_state[widget(b, role)] = DRAWN
            # A drawing lives in the browser's chart; another key is another chart, on which the next one is drawn.
            st.session_state[round_key] = st.session_state.get(round_key, 0) + 1

    def forget() -> None:
        for name in (START, GOAL):
            marks.keep(b, f"push-{name}", [])
            if st.session_state.get(widget(b, name)) == DRAWN:
                st.session_state.pop(widget(b, name))

    column = b.demo.columns.state or b.demo.columns.perturbation
    assert column is not None  # the panel is not drawn where nothing was given
    values = state.values(b, column)
    many = len(np.unique(values)) > MOST_NAMED
    kinds = np.where(values == b.demo.columns.control, "untreated", "treated") if many else values
    fig = embedding(b.umap2, kinds, name="treatment" if many else "cell state", kind="category", unit="", look=look(), height=480)
    chosen = np.concatenate([drawn(b, START), drawn(b, GOAL)])
    tints = {} if many else colours.of(b, [str(value) for value in values])
    for trace in fig.data:
        rows = np.asarray(trace.customdata)
        trace.marker.color = tints.get(str(kinds[rows[0]]), trace.marker.color)
        if len(chosen):
            trace.selectedpoints = np.flatnonzero(np.isin(rows, chosen))
    fig.update_layout(legend={"y": 0.93})  # below the buttons that draw
    alt = f"Map of {len(values):,} cells on which start and goal are drawn"
    chart(fig, key, alt=alt, file=f"{b.demo.key}-cells", on_select=took, selection_mode=("lasso", "box"))
    said, clear = st.columns([3, 1], vertical_alignment="center")
    with said:
        free = len(np.intersect1d(drawn(b, START), state.untreated(b)))
        st.markdown(
            f"Draw around cells with the lasso or the box (buttons above the map): they become the {role}. "
            f"Start: {len(drawn(b, START)):,} cells, {free:,} of them untreated. Goal: {len(drawn(b, GOAL)):,} cells."
        )
        if len(drawn(b, START)) > 0 and free < FEWEST:
            st.info(f"Fewer than {FEWEST} untreated cells are inside: draw a wider start.", icon=None)
    with clear:
        st.button("Clear both", on_click=forget, disabled=not len(chosen), key=f"clear-push-{b.demo.key}", width="stretch")

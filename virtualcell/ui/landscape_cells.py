"""Landscape, first view: a group of cells on its way."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.schema import Landscape
from virtualcell.ui import code_landscape, marks, state
from virtualcell.ui.landscape_growth import growth_flag
from virtualcell.ui.landscape_scene import Scene
from virtualcell.ui.marks import MARKED
from virtualcell.ui.parts import provenance
from virtualcell.ui.trajectory_horizon import limit
from virtualcell.ui.trajectory_paths import MOST, clock, way
from virtualcell.ui.trajectory_reading import FEWEST

UNTREATED = "untreated"


def cells_on_their_way(b: Bundle, landscape: Landscape) -> Scene:
    """Controls and shares in the side column, cells of a group for the picture."""
    columns, groups, marked = b.demo.columns, state.groups(b), marks.marked(b)
    treatment = None
    treatments = b.model.record["treatments"]
    if treatments:
        treatment = st.selectbox("Cells under", [*treatments, UNTREATED], key=state.own(b, "under"), bind="query-params")
        treatment = None if treatment == UNTREATED else treatment
    # Treated cells have been pushed already: what a treatment does is seen in those that have not.
    alone = state.untreated(b)
    options = {"all untreated cells": alone} if columns.perturbation else {}
    options |= {title: np.intersect1d(rows, alone) for title, rows in groups.items() if not title.startswith("treatment")}
    options |= {MARKED: np.intersect1d(marked, alone)}
    options = {title: rows for title, rows in options.items() if len(rows)}
    span = state.values(b, columns.time) if columns.time else None
    if span is not None:
        end = limit(b.report, float(span.max()), columns.time_unit, b.demo.simulated)
        options = {title: rows for title, rows in options.items() if (span[rows] < end.latest).any()}
    start = st.selectbox("Start from", list(options), key=state.own(b, "start"), bind="query-params")
    marks.in_link(b, start == MARKED)
    n_cells = st.slider("Paths to draw", 20, 120, 60, 20, key="paths", bind="query-params")
    rows, began, duration = options[start], 0.0, b.model.span
    if span is not None:
        # From the earliest time of the group to the latest that may be drawn.
        began = float(span[rows].min())
        rows, duration = rows[span[rows] == began], end.latest - began
        st.caption(f"Those of {began:g} {columns.time_unit}, followed until {end.latest:g} {columns.time_unit}. {end.short}")
    rows = state.some(rows, MOST)
    # Several futures of few cells: one of each would leave shares to chance.
    copies = max(1, round(MOST / len(rows)))
    if treatment is None and span is not None:
        # The same futures as on Trajectories, where the same cells must have the same shares.
        found = way(b, rows, clock(began, end.latest, b.model.span), on="plane", noise=1.0, seed=0).found
    else:
        found = state.trajectory(b, rows, duration, treatment=treatment, copies=copies)
    shown = state.some(np.arange(len(found.start)), n_cells)
    until = began + duration
    shares = b.model.fates(found, until=until)
    before = None
    if treatment:
        before = b.model.fates(state.trajectory(b, rows, duration, copies=copies), until=until)
        before = before.set_index("fate")["fraction"]
    for row in shares.head(4).itertuples():
        interval: str | None = f"{100 * row.low:.0f} to {100 * row.high:.0f} %"
        sure = f"{interval}: 95 % interval over start cells, without the model's error."
        if len(rows) < FEWEST:
            interval, sure = None, f"Only {len(rows)} to start from: no interval can be given."
        change = interval if before is None else f"{100 * (row.fraction - before[row.fate]):+.0f} points against untreated"
        st.metric(
            f"End among {row.fate}",
            f"{100 * row.fraction:.0f} %",
            change,
            delta_color="off",
            delta_arrow="off" if before is None else "auto",
            help=sure,
        )
    growth_flag(b)
    provenance(b, f"prediction seed {found.seed}", f"{len(shown)} of {len(found.start)} paths drawn")
    return Scene(
        "Lines: predicted cells, coloured by the cells they end among. On the surface, drag to rotate and press play.",
        landscape.on_plane(found.states[:, shown]),
        found.times + began,
        b.model.ends(found, until=until)[shown],
        code=lambda: code_landscape.followed(
            b,
            start,
            treatment=treatment,
            began=began if span is not None else None,
            duration=float(duration),
            frames=len(found.times),
            copies=len(found.start) // len(rows),
            most=MOST,
            n_cells=n_cells,
        ),
        asked=f"{len(rows):,} cells (“{start}”{'' if treatment is None else f', under {treatment}'}), {copies} futures of each, "
        f"were followed for {duration:g} {state.unit(b)} (seed {found.seed}); {len(shown)} of the paths are drawn.",
    )

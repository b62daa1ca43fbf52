"""What the chosen cells are made of: shares of each group, now and over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore import composition_over_time
from virtualcell.figures.composition import composition
from virtualcell.figures.composition_in_time import composition_in_time
from virtualcell.figures.embedding import ordered
from virtualcell.figures.groups import grouped
from virtualcell.ui import explore_mine, state
from virtualcell.ui.explore_annotations import groupings, unit, values
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look


@dataclass(frozen=True)
class MadeOf:
    """What the panel shows: shares by this annotation."""

    split: str


def made_of(b: Bundle, chosen: Chosen) -> MadeOf | None:
    """Shares of one annotation among A, and B where it was chosen; then how they change with time where cells were timed."""
    known = groupings(b) | ({explore_mine.TITLE: ("", "category")} if explore_mine.groups(b) else {})
    if not known:
        st.info("Nothing is recorded of these cells that puts them into groups.", icon=None)
        return None
    time = b.demo.columns.time
    split = st.selectbox("Made of", list(known), key=state.own(b, "split"), bind="query-params", width=280)
    column, kind = known[split]
    labels = values(b, column) if column else explore_mine.annotation(b)
    sides = [chosen.a] if chosen.b is None or not len(chosen.b.rows) else [chosen.a, chosen.b]
    timed = time is not None and column != time
    columns = st.columns(max(2, len(sides) + timed), gap="medium")
    for place, (at, cells) in enumerate(zip(columns, sides, strict=False)):
        with at:
            name = "AB"[place]
            if len(sides) > 1:
                st.markdown(f"**{name}: {cells.name}**, {len(cells.rows):,} cells")
            inside = np.zeros(b.cells.n_obs, dtype=bool)
            inside[cells.rows] = True
            fig = composition(labels, inside, kind=kind, unit=unit(b, kind), look=look())
            alt = f"Cells of selection {name} by {split}, beside all cells"
            chart(fig, f"composition-{name}", alt=alt, file=f"{b.demo.key}-composition-{name}")
    if timed and time is not None:
        with columns[-1]:
            _over_time(b, split, labels, kind, values(b, time), chosen.a.rows)
    elif len(sides) == 1 and len(known) > 1:
        with columns[-1]:
            _beside(b, chosen, next(title for title in known if title != split), known)
    return MadeOf(split)


def _beside(b: Bundle, chosen: Chosen, split: str, known: dict[str, tuple[str, str]]) -> None:
    """Another annotation of the same cells, where there is room."""
    column, kind = known[split]
    labels = values(b, column) if column else explore_mine.annotation(b)
    inside = np.zeros(b.cells.n_obs, dtype=bool)
    inside[chosen.a.rows] = True
    fig = composition(labels, inside, kind=kind, unit=unit(b, kind), look=look())
    st.markdown(f"and by **{split}**")
    chart(fig, "composition-beside", alt=f"Chosen cells by {split}, beside all cells", file=f"{b.demo.key}-composition-beside")


def _over_time(b: Bundle, split: str, labels: np.ndarray, kind: str, times: np.ndarray, rows: np.ndarray) -> None:
    """Shares among A at each time, with 95 % intervals, beside those among all cells."""
    groups = grouped(labels, kind=kind, look=look())
    names = ordered(labels)
    found = composition_over_time(labels, times, rows, groups=[str(name) for name in names])
    overall = composition_over_time(labels, times, groups=[str(name) for name in names])
    if np.count_nonzero(found.cells.sum(axis=1)) < 2:
        st.caption("Shares over time need chosen cells of two times.")
        return
    # Groups that are nowhere among the chosen cells would only fill the legend.
    kept = np.flatnonzero(found.cells.sum(axis=0))
    fig = composition_in_time(
        found.times, [groups.names[g] for g in kept], found.share[:, kept], low=found.low[:, kept], high=found.high[:, kept],
        cells=found.cells.sum(axis=1), beside=overall.share[:, kept], colours=[groups.colours[g] for g in kept],
        unit=b.demo.columns.time_unit, look=look(), height=320,
    )  # fmt: skip
    chart(fig, "composition-in-time", alt=f"Chosen cells by {split} at each time", file=f"{b.demo.key}-composition-in-time")
    st.caption(
        "Line: share among A at each time, with its 95 % interval. Dotted: among all cells of the time. "
        "The interval takes each cell as drawn by itself, which cells of one sample are not: the true uncertainty is larger."
    )

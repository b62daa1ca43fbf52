"""What the chosen cells are made of: shares of each group, now and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore import composition_over_time
from virtualcell.figures.composition import composition
from virtualcell.figures.composition_in_time import composition_in_time
from virtualcell.figures.embedding import ordered
from virtualcell.figures.groups import grouped
from virtualcell.figures.look import Look
from virtualcell.ui import explore_mine, state, words
from virtualcell.ui.explore_annotations import groupings, unit, values
from virtualcell.ui.explore_chosen import Cells, rows
from virtualcell.ui.explore_mine import Named
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

TIME = "time"
"""Title of the time among the annotations (``state.known_columns``)."""


@dataclass(frozen=True)
class MadeOf:
    """What the panel shows: shares by this annotation."""

    split: str


def made_of(b: Bundle, chosen: Chosen) -> MadeOf | None:
    """Shares of one annotation among A, and B where it was chosen; then how they change with time where cells were timed."""
    mine = tuple(explore_mine.groups(b))
    known = [*groupings(b), *([explore_mine.TITLE] if mine else [])]
    if not known:
        st.info("Nothing recorded puts these cells into groups. Next: name some under “Name and keep”.", icon=None)
        return None
    split = st.selectbox("Made of", known, key=state.own(b, "split"), bind="query-params", width=280)
    sides = [chosen.a] if chosen.b is None or not len(chosen.b.rows) else [chosen.a, chosen.b]
    timed = b.demo.columns.time is not None and split != TIME
    columns = st.columns(max(2, len(sides) + timed), gap="medium")
    for name, at, cells in zip("AB", columns, sides, strict=False):
        with at:
            if len(sides) > 1:
                st.markdown(f"**{name}: {words.literal(cells.name)}**, {len(cells.rows):,} cells")
            _draw_shares(b, split, cells, mine, name)
    with columns[-1]:
        if timed:
            _draw_in_time(b, split, chosen.a, mine)
        elif len(sides) == 1 and len(known) > 1:
            # There is room for another annotation of the same cells.
            second = next(title for title in known if title != split)
            st.markdown(f"and by **{second}**")
            _draw_shares(b, second, chosen.a, mine, "beside")
    return MadeOf(split)


def _draw_shares(b: Bundle, split: str, cells: Cells, mine: tuple[Named, ...], name: str) -> None:
    fig = _shares(b.demo.key, state.stamp(b), split, cells.definition, mine, look().name, look())
    alt = f"{len(cells.rows):,} chosen cells by {split}, beside all cells"
    chart(fig, f"composition-{name}", alt=alt, file=f"{b.demo.key}-composition-{name}")


def _draw_in_time(b: Bundle, split: str, cells: Cells, mine: tuple[Named, ...]) -> None:
    fig = _in_time(b.demo.key, state.stamp(b), split, cells.definition, mine, look().name, look())
    if fig is None:
        st.caption("Shares over time need chosen cells of two times.")
        return
    chart(fig, "composition-in-time", alt=f"Chosen cells by {split} at each time", file=f"{b.demo.key}-composition-in-time")
    st.caption(
        "Line: share among A at each time, with its 95 % interval. Dotted: among all cells of the time. "
        "The interval takes each cell as drawn by itself, which cells of one sample are not: the true uncertainty is larger. "
        "Rings: single samples, where they are known."
    )


# Counting names of a million cells takes seconds; the same cells are counted once.


@st.cache_resource(max_entries=128, show_spinner="Counting the cells …")
def _shares(key: str, stamp: int, split: str, definition: str, mine: tuple[Named, ...], theme: str, _look: Look) -> go.Figure:
    b = state.bundle(key)
    labels, kind = labelled(b, split, mine)
    inside = np.zeros(b.cells.n_obs, dtype=bool)
    inside[rows(b, definition)] = True
    return composition(labels, inside, kind=kind, unit=unit(b, kind), look=_look)


@st.cache_resource(max_entries=64, show_spinner="Counting the cells of each time …")
def _in_time(
    key: str, stamp: int, split: str, definition: str, mine: tuple[Named, ...], theme: str, _look: Look
) -> go.Figure | None:
    """Shares among the cells at each time, with 95 % intervals, beside those among all; None where they are of one time."""
    b = state.bundle(key)
    labels, kind = labelled(b, split, mine)
    times = values(b, b.demo.columns.time or "")
    groups, names = grouped(labels, kind=kind, look=_look), [str(name) for name in ordered(labels)]
    sample = b.demo.columns.donor or b.demo.columns.batch
    samples = values(b, sample) if sample is not None and b.cells.obs[sample].nunique() > 1 else None
    found = composition_over_time(labels, times, rows(b, definition), groups=names, replicates=samples)
    if np.count_nonzero(found.cells.sum(axis=1)) < 2:
        return None
    overall = composition_over_time(labels, times, groups=names)
    # Groups that are nowhere among the chosen cells would only fill the legend.
    kept = np.flatnonzero(found.cells.sum(axis=0))
    return composition_in_time(
        found.times, [groups.names[g] for g in kept], found.share[:, kept], low=found.low[:, kept], high=found.high[:, kept],
        cells=found.cells.sum(axis=1), beside=overall.share[:, kept], colours=[groups.colours[g] for g in kept],
        points=_of_groups(found.points, kept), unit=b.demo.columns.time_unit, look=_look, height=320,
    )  # fmt: skip


def _of_groups(
    points: tuple[np.ndarray, np.ndarray, np.ndarray] | None, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The points of these groups alone, numbered by their new places."""
    if points is None:
        return None
    time, group, share = points
    there = np.isin(group, kept)
    return time[there], np.searchsorted(kept, group[there]), share[there]


def labelled(b: Bundle, title: str, mine: Sequence[Named]) -> tuple[np.ndarray, str]:
    """An annotation of every cell, (cells,), by its title, the reader's own too; and its kind for figures."""
    if title == explore_mine.TITLE:
        return explore_mine.annotation(b, mine), "category"
    column, kind = groupings(b)[title]
    return values(b, column), kind

"""Generate, one cell: all draws of its missing measurement around what was measured in it, and the interval of some features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_features import feature_intervals
from virtualcell.figures.drawn_map import one_cell
from virtualcell.generative.draws import MissingDraw
from virtualcell.ui import generate as g
from virtualcell.ui import state, words
from virtualcell.ui.modalities import called, yes_or_no
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

if TYPE_CHECKING:
    from virtualcell.ui.generate_missing import Asked

SHOWN_CELLS = 40
"""Cells among which the one that is looked at closely is chosen."""

INTERVALS = 14
"""Features whose interval is drawn."""


@st.cache_resource(max_entries=24, show_spinner="Working out the 90 % interval of this cell …")
def _interval(key: str, stamp: int, row: int, source: str, target: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    b = state.bundle(key)
    found = b.model.interval(b.cells[np.array([row])].copy(), source=source, target=target)
    return np.asarray(found.X)[0], np.asarray(found.layers["low"])[0], np.asarray(found.layers["high"])[0]


def one_cell_drawn(b: Bundle, asked: Asked, found: MissingDraw) -> None:
    """One cell: all its draws around what was measured in it, and the interval of some features."""
    st.markdown("##### One cell, drawn many times")
    peaks = yes_or_no(b, asked.target)
    cloud, *between, side = st.columns([3.2, 1] if peaks else [1.6, 1.6, 1], gap="medium")
    kept = asked.rows[~found.refused]
    names = [str(name) for name in b.cells.obs_names[state.some(kept, SHOWN_CELLS)]]
    with side:
        key = state.own(b, "missing-cell")
        # A cell that the link or an earlier choice names may be none of these.
        if st.session_state.get(key, names[0]) not in names:
            del st.session_state[key]
        name = st.selectbox("Cell", names, key=key, bind="query-params")
    row = int(b.cells.obs_names.get_loc(name))
    place = int(np.flatnonzero(asked.rows == row)[0])
    plane, everyone = g.plane(b, asked.target)
    with cloud:
        fig = one_cell(everyone, plane(found.embeddings[:, place]), everyone[row],
                       cells=words.measured(b.demo.simulated), look=look(), height=360)  # fmt: skip
        chart(fig, f"one-cell-{b.demo.key}", alt=f"{asked.n_draws} draws for one cell and where its own measurement puts it",
              file=f"{b.demo.key}-synthetic-one-cell")  # fmt: skip
        st.caption(
            f"All {asked.n_draws} draws of the {called(asked.target)} of this cell. The outline holds the nine of ten nearest to "
            "their middle; it is a picture of these draws and was not calibrated."
        )
    if peaks:
        with side:
            st.caption(
                f"A {g.features_called(asked.target, one=True)} is either seen open in a cell or not, so no interval is given "
                "for one: the share of cells above says all."
            )
        return
    expected, low, high = _interval(b.demo.key, state.stamp(b), row, asked.source, asked.target)
    truth = g.readings(b, asked.target, np.array([row]))[0]
    features = b.model.features(asked.target)
    shown = g.shown_features(b, asked.target, g.readings(b, asked.target, asked.rows), INTERVALS)
    at = [features.index(feature) for feature in shown]
    with between[0]:
        fig = feature_intervals(shown, expected[at], low[at], high[at], truth[at], unit=g.unit_of(b, asked.target),
                                known=words.measured(b.demo.simulated), look=look())  # fmt: skip
        chart(fig, f"one-cell-bars-{b.demo.key}", alt=f"90 % intervals of {len(shown)} features of one cell, and their truth",
              file=f"{b.demo.key}-synthetic-intervals")  # fmt: skip
        st.caption(
            f"What the model says of each {g.features_called(asked.target, one=True)}. The 90 % interval was calibrated on cells "
            "kept out of training: it held nine of ten of their measurements."
        )
        if f"{asked.source}->{asked.target}" in b.model.record.get("conversions", {}):
            st.caption(
                f"“{g.ASSAYS}” gives other 90 % intervals of the same cells: of the direct translation, as wide in every cell. "
                f"These are drawn from the {called(asked.source)} of this one cell and calibrated on cells from which nothing "
                "had learned. Take these for what one cell could read, those for the expected value of each of many cells."
            )
    inside = float(((truth >= low) & (truth <= high)).mean())
    with side:
        st.metric(
            "Of its features inside",
            f"{100 * inside:.0f} %",
            help="Share of all features of this cell that lie in their calibrated 90 % interval. Cells kept out of training "
            "calibrated it, so it holds about 90 % of them by construction; the test below is on other cells.",
        )

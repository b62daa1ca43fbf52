"""The controls for the colour scale of amounts."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.colour_scale import AROUND_0, HOUSE, NAMED, USUAL, Scale
from virtualcell.ui import state

RANGES = {"usual": USUAL, "all values": (0.0, 100.0), "1 to 99 %": (1.0, 99.0), "5 to 95 %": (5.0, 95.0)}


def choose_scale(b: Bundle, *, signed: bool) -> Scale:
    """The controls. signed: amounts lie on both sides of 0, as scores of gene sets do."""
    names = [AROUND_0, HOUSE, *NAMED] if signed else [HOUSE, *NAMED]
    left, right = st.columns(2, gap="small")
    with left:
        name = st.selectbox(
            "Colours", names, key=state.own(b, "scale-signed" if signed else "scale"), bind="query-params",
            help="All can be told apart by colour-blind readers.",
        )  # fmt: skip
    with right:
        span = st.selectbox(
            "Range", list(RANGES), key=state.own(b, "range"), bind="query-params",
            help="The share of the cells' amounts between the ends of the scale. Usual: from nothing to the 99.5th percentile, "
            "so that a few very high cells do not leave all others pale.",
        )  # fmt: skip
    return Scale(name, RANGES[span])

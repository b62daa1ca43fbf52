"""Landscape, fourth view: which of two resting places cells reach first."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.overlay import Shade
from virtualcell.schema import Landscape
from virtualcell.ui import code_landscape, colours, state, words
from virtualcell.ui.code_for_view import Script
from virtualcell.ui.landscape_growth import growth_flag
from virtualcell.ui.landscape_scene import Scene
from virtualcell.ui.parts import provenance
from virtualcell.ui.theme import look

CELLS, COPIES = 300, 50


@st.cache_resource(max_entries=32, show_spinner="Following many futures of each cell …")
def _committor(key: str, stamp: int, rows: bytes, a: int, z: int) -> tuple[np.ndarray, np.ndarray]:
    b = state.bundle(key)
    assert b.landscape is not None, "asked for on a page that has stopped where there is none"
    places = b.landscape.attractors
    return b.model.committor(b.state[np.frombuffer(rows, dtype=np.int64)], places[a].state, places[z].state, copies=COPIES)


def committor(b: Bundle, rows: np.ndarray, a: int, z: int) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the cells to reach resting place ``z`` before ``a`` and its standard error, both (rows,); computed once."""
    return _committor(b.demo.key, state.stamp(b), np.asarray(rows, dtype=np.int64).tobytes(), a, z)


def usual_pair(b: Bundle, landscape: Landscape) -> tuple[int, int]:
    """The two fullest resting places, but for the one where most cells of the first time lie: from there cells choose."""
    begun = -1
    if b.demo.columns.time is not None and landscape.basin is not None and len(landscape.attractors) > 2:
        time = state.values(b, b.demo.columns.time)
        first = landscape.basin[(time == time.min()) & (landscape.basin >= 0)]
        begun = int(np.bincount(first).argmax()) if len(first) else -1
    one, other, *_ = (i for i in range(len(landscape.attractors)) if i != begun)
    return one, other


def which_first(b: Bundle, landscape: Landscape) -> Scene:
    """Two choices and a switch in the side column, coloured cells for the picture."""
    names, kind = [a.name for a in landscape.attractors], words.measured(b.demo.simulated)
    usual = usual_pair(b, landscape)
    left = st.selectbox("Either", names, index=usual[0], key=state.own(b, "either"), bind="query-params")
    right = st.selectbox("Or", names, index=usual[1], key=state.own(b, "or"), bind="query-params")
    rows = state.some(state.untreated(b), CELLS)
    asked = st.toggle("Colour the cells", key="first", bind="query-params")
    if left == right:
        st.info("Choose two different resting places.", icon=None)
        return Scene("The landscape with its passes.")
    if not asked:
        st.caption(f"{COPIES} futures of {len(rows)} {kind} cells are followed, which takes some seconds, once.")
        provenance(b)
        return Scene(f"Switch on to colour {kind} cells by whether they reach {right} before {left}.")
    share, error = committor(b, rows, names.index(left), names.index(right))
    known = np.isfinite(share)
    if not known.any():
        st.warning(f"No cell reached {left} or {right} in the time followed.", icon=None)
        return Scene("The landscape with its passes.")
    undecided = float(((share > 0.25) & (share < 0.75))[known].mean())
    st.metric(
        f"Reach {right} first",
        f"{100 * share[known].mean():.0f} %",
        help=f"Of the futures that reach either; mean over {known.sum()} {kind} cells.",
    )
    st.metric("Could still go either way", f"{100 * undecided:.0f} %", help="Cells with a chance between 25 and 75 %.")
    st.caption(
        f"Of those of a cell's {COPIES} futures that reach either, the share that reaches {right} before {left}; known to "
        f"{100 * np.nanmedian(error):.0f} points in most cells, and to {100 * np.nanmax(error):.0f} where few reach either. The "
        "model's own error comes on top."
        + (f" {int((~known).sum())} cells reached neither and are not drawn." if not known.all() else "")
    )
    growth_flag(b)
    provenance(b, "prediction seed 0", f"{len(rows)} cells, {COPIES} futures of each")
    palette = colours.of(b, (left, right))
    # The second valley of the same name would have the same colour.
    ends = (palette[left], palette[right] if palette[right] != palette[left] else look().accent)
    title = f"reach {right} first"

    def code() -> Script:
        at = names.index(left), names.index(right)
        return code_landscape.chance(b, at, title=title, called=(left, right), tints=ends, most=CELLS, copies=COPIES)

    asked = f"The chance to reach {right} before {left} was counted over {COPIES} futures of each of {len(rows)} cells (seed 0)."
    shade = Shade(landscape.cell_xy[rows], share, title, (left, right), ends)
    return Scene(f"Points: {kind} cells by the chance to reach {right} before {left}.", shade=shade, code=code, asked=asked)

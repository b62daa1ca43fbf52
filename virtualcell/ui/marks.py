"""Cells that a reader chose by hand: drawn around on a map of this page, or marked on Explore; both travel in the link."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore import polygon, rows
from virtualcell.ui import link, state

BETWEEN = "."
"""Stands between the outlines of one drawing: with shift held, a reader adds a second to the first."""

MARKED, DRAWN = "cells marked on Explore", "cells drawn here"
"""How they are called where cells are chosen by name."""

_ROWS, _TAKEN = "marked-cells", "marked-taken-"


def outlines(event: Any) -> list[np.ndarray]:
    """Corners (k, 2) of each lasso and box of a Plotly selection, in the units of the map."""
    found = [np.column_stack([one["x"], one["y"]]) for one in event.selection.lasso]
    for one in event.selection.box:
        (left, right), (low, high) = sorted(one["x"]), sorted(one["y"])
        found.append(np.array([[left, low], [right, low], [right, high], [left, high]]))
    return [corners for corners in found if len(corners) >= 3]


def keep(b: Bundle, name: str, drawn: list[np.ndarray]) -> None:
    """Remembers outlines on the map under a name of this page; none forgets them."""
    texts = [polygon.pack(corners) for corners in drawn]
    # The last ones, where there are more than fit into a link.
    while len(BETWEEN.join(texts)) > link.LONGEST:
        texts.pop(0)
    link.remember(state.own(b, name), BETWEEN.join(texts) or None)


def drawing(b: Bundle, name: str) -> str:
    """The outlines that are remembered under this name, as the link has them; empty where there are none or nonsense."""
    text = link.recall(state.own(b, name)) or ""
    try:
        for part in text.split(BETWEEN) if text else ():
            polygon.unpack(part)
    except ValueError:
        link.remember(state.own(b, name), None)
        return ""
    return text


def drawn(b: Bundle, name: str) -> np.ndarray:
    """Rows of the cells inside the outlines that are remembered under this name, ascending; empty where there are none."""
    text = drawing(b, name)
    return _inside(b.demo.key, state.stamp(b), text) if text else np.empty(0, dtype=np.int64)


@st.cache_resource(max_entries=64, show_spinner="Finding the cells inside the outline …")
def _inside(key: str, stamp: int, text: str) -> np.ndarray:
    b = state.bundle(key)
    found = [polygon.members(b.umap2, polygon.unpack(part)) for part in text.split(BETWEEN)]
    return np.unique(np.concatenate(found))


def marked(b: Bundle) -> np.ndarray:
    """Rows marked on Explore, or by the link that was opened here; empty where none."""
    name, taken = state.own(b, _ROWS), _TAKEN + b.demo.key
    here = st.query_params.get(name)
    if here is not None and here != st.session_state.get(taken):
        st.session_state[taken] = here
        try:
            state.mark(b, rows.unpack(here, b.cells.n_obs))
        except ValueError:
            link.leave_out(name)
    return state.selection(b)


def in_link(b: Bundle, shown: bool) -> None:
    """Puts the rows marked on Explore into the link where the view shows them, and takes them out elsewhere."""
    name = state.own(b, _ROWS)
    text = rows.pack(state.selection(b), b.cells.n_obs) if shown else ""
    if text and len(text) <= link.LONGEST:
        st.session_state[_TAKEN + b.demo.key] = text
        if st.query_params.get(name) != text:
            st.query_params[name] = text
        return
    link.leave_out(name)
    if text:
        st.caption("So many cells do not fit into a link: it opens this view without those marked on Explore.")

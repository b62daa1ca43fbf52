"""Selections A and B: chosen by name or drawn on a map, kept in the link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from virtualcell.demo import Bundle
from virtualcell.explore.polygon import pack
from virtualcell.ui import explore_mine, link, state
from virtualcell.ui.explore_annotations import groups
from virtualcell.ui.explore_chosen import Cells, group, outlined, parse_outline, rows

DRAWN, OTHERS, SECOND = "my own drawing", "all other cells", "a second drawing"
A, B = "A", "B"


@dataclass(frozen=True)
class Chosen:
    """a: the cells to look closer at; b: those they are compared with, None for all others; draws: which one a drawing is."""

    a: Cells
    b: Cells | None
    draws: str

    @property
    def target(self) -> Cells:
        """The selection that the next drawing replaces."""
        return self.b if self.draws == B and self.b is not None else self.a

    @property
    def drawn(self) -> bool:
        """Whether one of them was drawn on a map of the same measurements that are then compared."""
        return any(cells is not None and cells.outline is not None for cells in (self.a, self.b))

    @property
    def lit(self) -> np.ndarray | None:
        """Rows of both, ascending; None where nothing is chosen."""
        found = self.a.rows if self.b is None else np.union1d(self.a.rows, self.b.rows)
        return found if len(found) else None


def choose_cells(b: Bundle, second: DeltaGenerator | None = None) -> Chosen:
    """The controls beside the map, and what they choose. second: where those of B stand, below those of A without."""
    for key in ("closer", "against", "draws"):
        pending = st.session_state.pop(_pending(b, key), None)
        if pending is not None:
            st.session_state[state.own(b, key)] = pending
    mine = {f"{explore_mine.TITLE}: {one.name}": one.definition for one in explore_mine.groups(b)}
    named = {title: group(title) for title in groups(b)} | mine
    first = st.selectbox(
        "Look closer at (A)", [DRAWN, *named], key=state.own(b, "closer"), bind="query-params",
        help="Draw around cells with the lasso or the box above a map, or choose a group by name.",
    )  # fmt: skip
    draws = A
    with second if second is not None else st.container():
        with_what = st.selectbox("Compared with (B)", [OTHERS, SECOND, *named], key=state.own(b, "against"), bind="query-params")
        if with_what == SECOND:
            draws = st.segmented_control(
                "The lasso draws", [A, B], default=B, required=True, key=state.own(b, "draws"), bind="query-params"
            )
    a = _drawing(b, A) if first == DRAWN else _named(b, first, named[first])
    if first != DRAWN:
        link.leave_out(_name(b, A))
    if with_what != SECOND:
        link.leave_out(_name(b, B))
    if with_what == OTHERS:
        return Chosen(a, None, A)
    return Chosen(a, _drawing(b, B) if with_what == SECOND else _named(b, with_what, named[with_what]), draws)


def take_drawing(b: Bundle, chosen: Chosen, space: str, polygon: np.ndarray | None) -> bool:
    """Makes what was drawn on a space the selection that drawing is for; returns whether anything changed, so that the page has
    to be run again. None: the reader cleared the outline that was there."""
    before = chosen.target.outline
    before = before if before is not None and before[0] == space else None
    if polygon is None:
        if before is None:
            return False
        link.remember(_name(b, chosen.draws), None)
        return True
    if before is not None and pack(before[1]) == pack(polygon):
        return False
    link.remember(_name(b, chosen.draws), outlined(space, polygon))
    key, choice = ("closer", DRAWN) if chosen.draws == A else ("against", SECOND)
    st.session_state[_pending(b, key)] = choice
    return True


def forget(b: Bundle) -> None:
    """Clears both selections; to be called before their controls are drawn, as a button's callback."""
    for which, key, choice in ((A, "closer", DRAWN), (B, "against", OTHERS)):
        link.remember(_name(b, which), None)
        st.session_state[state.own(b, key)] = choice


def _named(b: Bundle, title: str, definition: str) -> Cells:
    return Cells(title, definition, rows(b, definition))


def _drawing(b: Bundle, which: str) -> Cells:
    definition = link.recall(_name(b, which)) or ""
    if parse_outline(definition) is None:
        return Cells()
    return Cells(DRAWN if which == A else SECOND, definition, rows(b, definition))


def _name(b: Bundle, which: str) -> str:
    return state.own(b, f"lasso-{which.lower()}")


def _pending(b: Bundle, key: str) -> str:
    return f"pending-{state.own(b, key)}"

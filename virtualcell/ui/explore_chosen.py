"""Which cells are meant: a named group or an outline on a map, each as a short text that fits in the link."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore.polygon import members, pack, unpack
from virtualcell.ui import explore_places, state
from virtualcell.ui.explore_annotations import groups, values
from virtualcell.ui.explore_places import SUB, Place

GROUP, OUTLINE = "g.", "o."
"""How a definition begins: "g.time: 3 h", "o.<packed outline>.<space>"."""

DEEPEST = 2
"""Maps of cells chosen on maps of chosen cells: each takes half a minute to make, and a link could ask for any number."""

NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Cells:
    """Some cells: what they are called, the definition that finds them again, and their rows, int64 ascending."""

    name: str = ""
    definition: str = ""
    rows: np.ndarray = field(default_factory=lambda: NOTHING)

    @property
    def outline(self) -> tuple[str, np.ndarray] | None:
        """Key of the space and corners (k, 2) of an outline; None for a group."""
        return parse_outline(self.definition)


def group(title: str) -> str:
    """The definition of a group that has a name."""
    return GROUP + title


def outlined(space: str, polygon: np.ndarray) -> str:
    """The definition of the cells inside a drawing on a space."""
    return f"{OUTLINE}{pack(polygon)}.{space}"


def parse_outline(definition: str) -> tuple[str, np.ndarray] | None:
    """Space and corners of the outline in a definition; None where it is none or is broken."""
    if not definition.startswith(OUTLINE):
        return None
    packed, _, space = definition.removeprefix(OUTLINE).partition(".")
    try:
        return space, unpack(packed)
    except ValueError:
        return None


def rows(b: Bundle, definition: str) -> np.ndarray:
    """Rows of the cells that a definition means, int64 ascending; none where it means nothing in these cells."""
    return _rows(b.demo.key, state.stamp(b), definition) if definition else NOTHING


def place(b: Bundle, space: str) -> Place | None:
    """Where cells stand in a space; None where these cells have no such space."""
    if not space.startswith(SUB):
        return explore_places.place(b, space)
    if space.count(SUB) > DEEPEST:
        return None
    some = rows(b, space.removeprefix(SUB))
    return explore_places.new_map(b, space, some) if len(some) >= explore_places.FEWEST else None


@st.cache_resource(max_entries=128, show_spinner="Finding the cells …")
def _rows(key: str, stamp: int, definition: str) -> np.ndarray:
    b = state.bundle(key)
    if definition.startswith(GROUP):
        found = groups(b).get(definition.removeprefix(GROUP))
        return NOTHING if found is None else np.flatnonzero(values(b, found[0]) == found[1])
    outline = parse_outline(definition)
    where = None if outline is None else place(b, outline[0])
    if outline is None or where is None or not where.flat:
        return NOTHING
    return where.cells(members(where.positions, outline[1]))

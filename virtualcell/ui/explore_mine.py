"""Groups of cells that a reader has named, and new maps of some cells; both live in the link as definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore import Annotation, annotate
from virtualcell.schema import UNKNOWN
from virtualcell.ui import explore_chosen, link, state

TITLE = "my groups"
"""The annotation that the named groups make."""

MOST_GROUPS, MOST_MAPS = 10, 4
"""More would make a link that mail programs cut."""

LONGEST_NAME = 40
OTHER = UNKNOWN
"""What cells of no group are called: figures draw these faint."""


@dataclass(frozen=True)
class Named:
    """A name that a reader gave, and the definition of its cells."""

    name: str
    definition: str


def _all(b: Bundle, kind: str, most: int) -> list[Named]:
    found = []
    for i in range(most):
        name, cut, definition = (link.recall(state.own(b, f"{kind}{i + 1}")) or "").partition("~")
        if cut and name and definition:
            found.append(Named(name, definition))
    return found


def _keep(b: Bundle, kind: str, most: int, kept: list[Named]) -> None:
    for i in range(most):
        text = f"{kept[i].name}~{kept[i].definition}" if i < len(kept) else None
        link.remember(state.own(b, f"{kind}{i + 1}"), text)


def groups(b: Bundle) -> list[Named]:
    """The reader's groups, in the order in which they were named."""
    return _all(b, "group", MOST_GROUPS)


def keep_groups(b: Bundle, kept: list[Named]) -> None:
    """Keeps these groups and no others."""
    _keep(b, "group", MOST_GROUPS, kept)


def maps(b: Bundle) -> list[Named]:
    """Maps of some cells that the reader has asked for."""
    return _all(b, "newmap", MOST_MAPS)


def keep_maps(b: Bundle, kept: list[Named]) -> None:
    """Keeps these maps and no others."""
    _keep(b, "newmap", MOST_MAPS, kept)


def clean(name: str) -> str:
    """A name as it can stand in the link: one line, no tilde, not too long."""
    return " ".join(name.replace("~", "-").split())[:LONGEST_NAME].strip()


def annotation(b: Bundle, named: Sequence[Named] | None = None) -> np.ndarray:
    """Name of the reader's group of every cell, (cells,) str; where two overlap, the one named later. Made once: do not change
    it."""
    found = groups(b) if named is None else named
    if not found:
        return np.full(b.cells.n_obs, OTHER)
    return _names(b.demo.key, state.stamp(b), tuple(found))


def described(b: Bundle, named: Sequence[Named] | None = None) -> Annotation:
    """The reader's groups with how each was chosen, for the files that are taken away. Do not change it."""
    return _annotation(b.demo.key, state.stamp(b), tuple(groups(b) if named is None else named))


# The page asks for these at every run, and a million names take most of a second.
@st.cache_resource(max_entries=8, show_spinner="Naming the cells …")
def _names(key: str, stamp: int, named: tuple[Named, ...]) -> np.ndarray:
    return _annotation(key, stamp, named).values.astype(str).to_numpy()


@st.cache_resource(max_entries=8, show_spinner="Naming the cells …")
def _annotation(key: str, stamp: int, named: tuple[Named, ...]) -> Annotation:
    b = state.bundle(key)
    assigned = [(one.name, explore_chosen.rows(b, one.definition)) for one in named]
    chosen = {one.name: ("polygon" if one.definition.startswith("o.") else "group", one.definition, "") for one in named}
    return annotate(b.cells.obs_names, assigned, TITLE, definitions=chosen)

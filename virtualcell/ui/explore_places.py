"""The spaces in which Explore shows cells: the joint map, maps of one measurement, landscape coordinates, maps of some cells."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore.reembed import FEW, FewCells, reembed
from virtualcell.explore.spaces import SPACES, read_spaces, spaces
from virtualcell.explore.spaces import title as title_of
from virtualcell.ui import state

MAP, SOLID, PLANE = "map", "3d", "landscape"
"""Keys of the joint map, of the same in three dimensions, and of the landscape's plane."""

ALONE, SUB = "alone.", "sub."
"""How the keys of a map of one measurement and of a new map of some cells begin."""

MOST_ANEW = 20_000
"""Cells of which maps that were not kept with the model are made on the page: more take minutes."""

FEWEST = 20
"""Cells of a new map: a neighbourhood of fewer is no map."""


@dataclass(frozen=True)
class Place:
    """Where cells stand in one space.

    positions: (m, 2 or 3) float32. rows: (m,) int64 ascending, which cells these are, or None where all are there in their order.
    """

    key: str
    positions: np.ndarray
    rows: np.ndarray | None
    axes: tuple[str, str]
    note: str

    @property
    def flat(self) -> bool:
        return self.positions.shape[1] == 2

    def here(self, rows: np.ndarray) -> np.ndarray:
        """Places within this space of some of all cells, ascending; those that are not in it are left out."""
        return rows if self.rows is None else np.flatnonzero(np.isin(self.rows, rows))

    def cells(self, here: np.ndarray) -> np.ndarray:
        """Rows among all cells of places within this space."""
        return here if self.rows is None else self.rows[here]


def titles(b: Bundle) -> dict[str, str]:
    """Key -> title of the spaces that these cells have, without looking for any position."""
    return _titles(b.demo.key, state.stamp(b))


@st.cache_resource(max_entries=16, show_spinner="Looking for maps …")
def _titles(key: str, stamp: int) -> dict[str, str]:
    b = state.bundle(key)
    found = {MAP: "joint map", SOLID: "joint map in 3-D"}
    if (b.folder / SPACES).is_file():
        names = [name for name in read_spaces(b.folder, b.cells.n_obs) or {} if name in b.cells.mod]
    else:
        names = [name for name, adata in b.cells.mod.items() if adata.X is not None] if b.cells.n_obs <= MOST_ANEW else []
    found |= {ALONE + name: title_of(b.cells, name) for name in names}
    if b.landscape is not None:
        found[PLANE] = "plane of the landscape"
    return found


def place(b: Bundle, key: str) -> Place | None:
    """Where cells stand in a space of ``titles``; None where these cells have no such space. Raises DataError."""
    if key == MAP:
        return Place(key, b.umap2, None, ("map 1", "map 2"), "")
    if key == SOLID:
        return Place(key, b.umap3, None, ("map 1", "map 2"), "")
    if key == PLANE and b.landscape is not None:
        across, up = b.landscape.axis_names
        return Place(key, b.landscape.cell_xy, None, (across, up), "")
    if key.startswith(ALONE) and key in titles(b):
        return _alone(b.demo.key, state.stamp(b), key.removeprefix(ALONE))
    return None


def new_map(b: Bundle, key: str, rows: np.ndarray) -> Place:
    """A map of some cells alone, from their states; the same each time."""
    return _new_map(b.demo.key, state.stamp(b), key, rows.tobytes())


@st.cache_resource(max_entries=32, show_spinner="Making maps of each measurement alone; the first time takes a minute …")
def _alone(key: str, stamp: int, modality: str) -> Place | None:
    b = state.bundle(key)
    kept = read_spaces(b.folder, b.cells.n_obs)
    found = (kept if kept is not None else _made(key, stamp)).get(modality)
    if found is None:
        return None
    there = np.isfinite(found).all(axis=1)
    title, missing = title_of(b.cells, modality), int((~there).sum())
    note = f"{missing:,} cells in which it was not measured are not on the map of {title}." if missing else ""
    rows = np.flatnonzero(there) if missing else None
    return Place(ALONE + modality, found[there] if missing else found, rows, (f"{title} 1", f"{title} 2"), note)


@st.cache_resource(max_entries=4, show_spinner="Making maps of each measurement alone …")
def _made(key: str, stamp: int) -> dict[str, np.ndarray]:
    b = state.bundle(key)
    return spaces(b.cells, seed=b.model.settings.seed)


@st.cache_resource(max_entries=16, show_spinner="Making a map of these cells alone; the first one takes half a minute …")
def _new_map(key: str, stamp: int, space: str, packed: bytes) -> Place:
    b, rows = state.bundle(key), np.frombuffer(packed, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewCells)
        positions = reembed(b.state, rows, seed=b.model.settings.seed)
    few = " With so few cells, read no more from it than which are alike." if len(rows) < FEW else ""
    note = (
        f"New map: {len(rows):,} cells alone, from the same states. Another computer may place a cell a little differently, so "
        f"an outline drawn on it may hold a few other cells there.{few}"
    )
    return Place(space, positions, rows, ("new map 1", "new map 2"), note)


def new_title(name: str) -> str:
    """How a new map is called where a space is chosen."""
    return f"new map: {name}"


def pending(b: Bundle) -> str:
    """Session key of the title of the space that the next run is to show."""
    return f"pending-space-{b.demo.key}"

"""The spaces in which Explore shows cells: the joint map, maps of one measurement, landscape coordinates, maps of some cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from virtualcell.demo import Bundle

MAP, SOLID, PLANE, SUB = "map", "3d", "landscape", "sub."
"""Keys of the joint map, of the same in three dimensions, of the landscape's plane, and the beginning of that of a new map."""

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
    found = {MAP: "joint map", SOLID: "joint map in 3-D"}
    if b.landscape is not None:
        found[PLANE] = "plane of the landscape"
    return found


def place(b: Bundle, key: str) -> Place | None:
    """Where cells stand in a space of ``titles``; None where these cells have no such space."""
    if key == MAP:
        return Place(key, b.umap2, None, ("map 1", "map 2"), "")
    if key == SOLID:
        return Place(key, b.umap3, None, ("map 1", "map 2"), "")
    if key == PLANE and b.landscape is not None:
        across, up = b.landscape.axis_names
        return Place(key, b.landscape.cell_xy, None, (across, up), "")
    return None


def new_map(b: Bundle, key: str, rows: np.ndarray) -> Place:
    """A map of some cells alone."""
    return Place(key, b.umap2[rows], rows, ("map 1", "map 2"), "")


def new_title(name: str) -> str:
    """How a new map is called where a space is chosen."""
    return f"new map: {name}"


def pending(b: Bundle) -> str:
    """Session key of the title of the space that the next run is to show."""
    return f"pending-space-{b.demo.key}"

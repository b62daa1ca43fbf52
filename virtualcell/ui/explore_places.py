"""The spaces in which Explore shows cells: the joint map, maps of one measurement, landscape coordinates, maps of some cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAP, SOLID, SUB = "map", "3d", "sub."
"""Keys of the joint map, of the same in three dimensions, and the beginning of the key of a new map of some cells."""


@dataclass(frozen=True)
class Place:
    """Where cells stand in one space.

    positions: (m, 2 or 3) float32. rows: (m,) int64 ascending, which cells these are, or None where all are there in their order.
    """

    key: str
    title: str
    positions: np.ndarray
    rows: np.ndarray | None
    axes: tuple[str, str]
    note: str = ""

    @property
    def flat(self) -> bool:
        return self.positions.shape[1] == 2

    def here(self, rows: np.ndarray) -> np.ndarray:
        """Places within this space of some of all cells, ascending; those that are not in it are left out."""
        return rows if self.rows is None else np.flatnonzero(np.isin(self.rows, rows))

    def cells(self, here: np.ndarray) -> np.ndarray:
        """Rows among all cells of places within this space."""
        return here if self.rows is None else self.rows[here]

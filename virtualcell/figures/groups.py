"""How groups of cells are ordered, named and coloured, the same in every figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import LIGHT, Look


@dataclass(frozen=True, eq=False)
class Groups:
    """names: as they stand on screen, in reading order; colours: CSS, one a name; rows: cells of each."""

    names: list[str]
    colours: list[str]
    rows: list[np.ndarray]


def shown(value: object, unit: str = "") -> str:
    """A group's name on screen: 3.0 with unit h is "3 h"."""
    return f"{value:g} {unit}".strip() if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def grouped(labels: np.ndarray, *, kind: str = "category", unit: str = "", look: Look = LIGHT) -> Groups:
    """labels: (n,) names or times. kind: "category" or "time" (ordered colours). Cells without a name are faint and last."""
    labels = np.asarray(labels)
    found = ordered(labels)
    colours = look.times(len(found)) if kind == "time" else look.categories(len(found))
    colours = [look.faint if str(value) in ("nan", "None", "unknown") else c for value, c in zip(found, colours, strict=True)]
    return Groups([shown(value, unit) for value in found], colours, [np.flatnonzero(labels == value) for value in found])


def thin(rows: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of some rows, spread evenly over them."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]

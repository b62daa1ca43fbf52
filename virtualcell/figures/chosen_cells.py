"""Colourings of two selections, and of some cells alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from virtualcell.figures.colouring import Colouring
from virtualcell.figures.look import LIGHT, Look

TITLE = "selections A and B"
NAMES = ("A", "B", "A and B", "neither")


def two_selections(n: int, first: np.ndarray, second: np.ndarray, *, look: Look = LIGHT) -> Colouring:
    """A, B, cells of both and all others of n cells in four colours. first, second: rows of A and of B."""
    codes = np.full(n, 3, dtype=np.uint8)
    codes[first] = 0
    codes[second] = np.where(codes[second] == 0, 2, 1)
    shades = look.categories(6)
    counts = tuple(np.bincount(codes, minlength=4).tolist())
    return Colouring(TITLE, "category", codes, (shades[0], shades[1], shades[5], look.faint), NAMES, counts)


def of_some(colours: Colouring, rows: np.ndarray | None) -> Colouring:
    """The colours of some cells, (k,) rows, as they are among all; the counts are of these. None: of all."""
    if rows is None:
        return colours
    codes = colours.codes[rows]
    if colours.kind in ("category", "time"):
        return replace(colours, codes=codes, counts=tuple(np.bincount(codes, minlength=len(colours.labels)).tolist()))
    return replace(colours, codes=codes)

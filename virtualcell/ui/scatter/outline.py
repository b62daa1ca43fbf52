"""Whose outline counts: the one that the reader drew in the browser, or the one that the page hands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from virtualcell.explore.polygon import pack

MOST_CORNERS = 2000


@dataclass(frozen=True)
class Outline:
    """The outline that counts. polygon: (k, 2) in data coordinates or None; serial: of the reader's last drawing, 0 before."""

    polygon: np.ndarray | None
    serial: int


def corners(found: Any) -> np.ndarray | None:
    """Corners as a browser sent them; None where they are no outline: what a browser sends is not to be trusted."""
    try:
        polygon = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    fits = polygon.ndim == 2 and polygon.shape[1] == 2 and 3 <= len(polygon) <= MOST_CORNERS
    return polygon if fits and np.isfinite(polygon).all() and np.abs(polygon).max() < 1e30 else None


def current(key: str, drawn: Any, given: np.ndarray | None) -> Outline:
    """What counts now. drawn: the browser's ``{"corners": ..., "serial": ...}`` or None; given: by the page, e.g. from a link.

    A drawing counts from when it is made until the page hands in another outline than it did before (a link that was opened, a
    button that clears): then that one does. Handing back the drawing itself, packed for a link, changes nothing.
    """
    memory = st.session_state.setdefault(f"scatter-outline-{key}", {"given": None, "settled": 0})
    serial = drawn.get("serial", 0) if isinstance(drawn, dict) else 0
    serial = int(serial) if isinstance(serial, int | float) else 0
    theirs = corners(drawn.get("corners")) if isinstance(drawn, dict) else None
    text = _text(given)
    if text != memory["given"] and text != _text(theirs):
        memory["settled"] = serial
    memory["given"] = text
    return Outline(theirs if serial and serial != memory["settled"] else given, serial)


def _text(polygon: np.ndarray | None) -> str | None:
    return None if polygon is None else pack(polygon)

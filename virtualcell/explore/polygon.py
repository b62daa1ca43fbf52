"""An outline that a reader has drawn on a map: which cells lie inside, and how it travels in a link."""

from __future__ import annotations

import base64
import binascii
import struct

import numpy as np

MOST_CORNERS = 60
"""A hand-drawn outline has hundreds of corners; this many keep its shape and a link short."""

_STEPS = 4095  # places on each axis between the ends of the outline's bounding box: 12 bits, 3.6 significant digits
_HEAD = struct.Struct("<4f")  # left, bottom, right, top in data coordinates


def members(positions: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Rows of the positions inside the polygon, int64, ascending.

    positions: (n, 2), any float; rows with a coordinate that is not finite are never inside. polygon: (k, 2) corners in the same
    units, closed by itself. Where the outline crosses itself the even-odd rule holds (Shimrat 1962, CACM 5(8), algorithm 112).
    Fewer than three corners hold no cell.
    """
    positions, polygon = np.asarray(positions), np.asarray(polygon, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 2 or polygon.ndim != 2 or polygon.shape[1] != 2:
        raise ValueError(f"positions {positions.shape} must be (n, 2) and the polygon {polygon.shape} (k, 2)")
    if len(polygon) < 3:
        return np.empty(0, dtype=np.int64)
    (left, bottom), (right, top) = polygon.min(axis=0), polygon.max(axis=0)
    x, y = positions[:, 0], positions[:, 1]
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top))
    # Cells sorted by height: each edge then meets one run of them, and the work grows with the cells an edge passes, not with
    # cells times edges (1M cells and 60 corners: 0.2 s instead of 2 s).
    near = near[np.argsort(y[near])]
    x, y = x[near].astype(np.float64), y[near].astype(np.float64)
    inside = np.zeros(len(near), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0)):
        if y1 == y2:
            continue
        first, last = np.searchsorted(y, sorted((y1, y2)))
        run = slice(first, last)
        inside[run] ^= x[run] < x1 + (y[run] - y1) * ((x2 - x1) / (y2 - y1))
    return np.sort(near[inside]).astype(np.int64)


def simplified(polygon: np.ndarray, most: int = MOST_CORNERS) -> np.ndarray:
    """The polygon with at most ``most`` corners: those that change its area least go first (Visvalingam & Whyatt 1993)."""
    corners = np.asarray(polygon, dtype=np.float64)
    while len(corners) > most:
        before, after = np.roll(corners, 1, axis=0) - corners, np.roll(corners, -1, axis=0) - corners
        area = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
        corners = np.delete(corners, int(np.argmin(area)), axis=0)
    return corners


def pack(polygon: np.ndarray) -> str:
    """The polygon as text that may stand in a link: at most 262 characters of A-Z a-z 0-9 - _.

    polygon: (k >= 3, 2), finite. Simplified to 60 corners; each corner keeps 1/4095 of the outline's own width and height. What
    comes out of ``unpack`` packs to the same text again. Take ``members`` of the unpacked polygon, so that a link gives the
    same cells.
    """
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise ValueError(f"an outline has at least three corners (k, 2), not {corners.shape}")
    if not np.isfinite(corners).all() or np.abs(corners).max() > 1e30:
        raise ValueError("a corner of the outline is not a finite number")
    corners = simplified(corners)
    ends = np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32) + np.float32(0)  # no -0
    low, span = ends[:2].astype(np.float64), ends[2:].astype(np.float64) - ends[:2]
    share = np.divide(corners - low, span, out=np.zeros_like(corners), where=span > 0)
    steps = np.clip(np.rint(share * _STEPS), 0, _STEPS).astype(np.uint32)
    packed = (steps[:, 0] << 12) | steps[:, 1]
    body = b"".join(int(value).to_bytes(3, "big") for value in packed)
    return base64.urlsafe_b64encode(_HEAD.pack(*ends) + body).decode("ascii").rstrip("=")


def unpack(text: str) -> np.ndarray:
    """The polygon (k, 2), float64, that ``pack`` wrote. ValueError where the text is none."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValueError("this is no outline: letters, digits, - and _ are expected") from error
    k, rest = divmod(len(raw) - _HEAD.size, 3)
    if rest or not 3 <= k <= MOST_CORNERS:
        raise ValueError(f"this is no outline: {len(text)} characters hold no whole number of 3 to {MOST_CORNERS} corners")
    ends = np.array(_HEAD.unpack_from(raw), dtype=np.float64)
    low, high = ends[:2], ends[2:]
    if not np.isfinite(ends).all() or (low > high).any():
        raise ValueError("this is no outline: its ends are no finite, ordered numbers")
    bytes_ = np.frombuffer(raw, dtype=np.uint8, offset=_HEAD.size).reshape(k, 3).astype(np.int64)
    packed = (bytes_[:, 0] << 16) | (bytes_[:, 1] << 8) | bytes_[:, 2]
    return low + np.column_stack([packed >> 12, packed & 0xFFF]) / _STEPS * (high - low)

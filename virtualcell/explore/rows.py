"""Rows of cells that no outline gives, as a text that may stand in a link."""

from __future__ import annotations

import base64
import zlib

import numpy as np

MOST = 10_000_000
"""Cells, at most: a text that claims more is refused before anything is unpacked."""


def pack(rows: np.ndarray, n: int) -> str:
    """Rows of n cells as A-Z a-z 0-9 - _, at most 4 / 3 characters for every 6 cells: one bit a cell, compressed.

    rows: int, each from 0 to n - 1, in any order; a row given twice counts once. ValueError where one is outside.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if not 0 < n <= MOST or (len(rows) and (rows.min() < 0 or rows.max() >= n)):
        raise ValueError(f"rows from 0 to {n - 1} are expected, of at most {MOST:,} cells")
    marked = np.zeros(n, dtype=bool)
    marked[rows] = True
    raw = n.to_bytes(4, "big") + zlib.compress(np.packbits(marked).tobytes(), 9)
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def unpack(text: str, n: int | None = None) -> np.ndarray:
    """The rows that ``pack`` wrote, int64, ascending. ValueError where the text is none, or is of other than n cells."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, TypeError) as error:
        raise ValueError("these are no rows: letters, digits, - and _ are expected") from error
    given = int.from_bytes(raw[:4], "big")
    if not 0 < given <= MOST or (n is not None and given != n):
        raise ValueError(f"these are rows of {given} cells, not of {n}")
    size = (given + 7) // 8
    reader = zlib.decompressobj()
    try:
        # Bounded: a short text could unpack to gigabytes.
        bits = reader.decompress(raw[4:], size + 1)
    except zlib.error as error:
        raise ValueError("these are no rows: what pack wrote is expected") from error
    if len(bits) != size or not reader.eof or reader.unused_data:
        raise ValueError(f"these are no rows of {given} cells")
    return np.flatnonzero(np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=given)).astype(np.int64)

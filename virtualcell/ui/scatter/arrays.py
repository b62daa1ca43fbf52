"""Arrays on their way to the browser: compressed once, served under an address that names their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit import runtime

FULL = 65534
"""Places on each axis of the bounding box; 65535 says that a cell has no place."""

BLOCK = 50_000
"""Names of cells travel in files of this many, and only when the pointer first rests on one of them."""


def address(content: bytes, mimetype: str, place: str) -> str:
    """Path under which the browser gets the content until another content takes this place in this session."""
    url = runtime.get_instance().media_file_mgr.add(content, mimetype, f"scatter-{place}")
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}{url}" if base else url


def zipped(content: bytes, place: str) -> str:
    """The same for what ``_gzip`` made: a type that the server does not compress a second time."""
    return address(content, "application/gzip", place)


def bounding_box(positions: np.ndarray) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of the positions that are finite; 0, 0, 1, 1 where there is none."""
    finite = positions[np.isfinite(positions).all(axis=1)]
    if not len(finite):
        return 0.0, 0.0, 1.0, 1.0
    (left, bottom), (right, top) = finite.min(axis=0).tolist(), finite.max(axis=0).tolist()
    return left, bottom, right, top


def places(positions: np.ndarray) -> tuple[bytes, tuple[float, float, float, float]]:
    """Positions (n, 2) as compressed uint16 shares of their bounding box, and the box. The same positions are packed once.

    1/65534 of the box is a fortieth of a pixel on a whole screen, and 4 bytes a cell instead of 8.
    """
    return _places(_digest(positions), positions)


def codes(values: np.ndarray) -> bytes:
    """One byte a cell, compressed; the same codes are packed once."""
    return _codes(_digest(values), values)


def mask(rows: np.ndarray, n: int) -> bytes:
    """Which of n cells are meant, one bit a cell, compressed."""
    lit = np.zeros(n, dtype=bool)
    lit[rows] = True
    return codes(np.packbits(lit))


def names(ids: Sequence[str]) -> list[bytes]:
    """Names of the cells, one a line, in compressed files of ``BLOCK``. The same names are packed once."""
    return _names(hash(tuple(ids)), len(ids), ids)


@st.cache_resource(max_entries=8, show_spinner="Packing the places of the cells …")
def _places(digest: bytes, _positions: np.ndarray) -> tuple[bytes, tuple[float, float, float, float]]:
    box = bounding_box(_positions)
    low, span = np.array(box[:2]), np.maximum(np.array(box[2:]) - box[:2], 1e-30)
    shares = (_positions.astype(np.float64) - low) / span
    missing = ~np.isfinite(shares).all(axis=1)
    shares[missing] = 0
    steps = np.rint(shares * FULL).astype("<u2")
    steps[missing] = FULL + 1
    return _gzip(steps.tobytes()), box


@st.cache_resource(max_entries=64, show_spinner="Packing the colours …")
def _codes(digest: bytes, _values: np.ndarray) -> bytes:
    return _gzip(_values.tobytes())


@st.cache_resource(max_entries=4, show_spinner="Packing the names of the cells …")
def _names(digest: int, n: int, _ids: Sequence[str]) -> list[bytes]:
    blocks = (_ids[first : first + BLOCK] for first in range(0, n, BLOCK))
    return [_gzip("\n".join(str(name).replace("\n", " ") for name in block).encode()) for block in blocks]


def _gzip(content: bytes) -> bytes:
    # Level 1: a tenth of the time of level 9 for a few percent of the size. No time stamp: the same content, the same address.
    return gzip.compress(content, 1, mtime=0)


def _digest(array: np.ndarray) -> bytes:
    digest = hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16)
    digest.update(f"{array.dtype}{array.shape}".encode())
    return digest.digest()

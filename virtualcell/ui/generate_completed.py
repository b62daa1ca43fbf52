"""Generate, expensive assays: what an assay would read in cells, told from a cheap one, with the truth where it is known."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import streamlit as st

from virtualcell.data.simulate_assays import KEY, truth_of
from virtualcell.demo import Bundle
from virtualcell.ui import generate as g
from virtualcell.ui import state, words
from virtualcell.ui.modalities import yes_or_no


@st.cache_resource(max_entries=12, show_spinner="Working out what the other assay would read …")
def _complete(key: str, stamp: int, primary: str, target: str, packed: bytes) -> ad.AnnData:
    b = state.bundle(key)
    cells = b.cells[np.frombuffer(packed, dtype=np.int64)].copy()
    return b.model.complete(cells, primary=primary)[target]


@st.cache_resource(max_entries=12, show_spinner="Computing what was withheld …")
def _withheld(key: str, stamp: int, target: str, packed: bytes) -> np.ndarray:
    """Of simulated cells: what the assay would have read, (cells, features); the model never saw it."""
    b = state.bundle(key)
    return b.model.reading(
        truth_of(b.cells, target, b.model.features(target))[np.frombuffer(packed, dtype=np.int64)].copy(), target
    )


@dataclass(frozen=True)
class Completed:
    """What was told of some cells: rows of those that are not refused; why: of each cell asked for; expected and, where features
    have intervals, low and high, all (cells, features); truth the same, None where it is not known; known: what the truth is
    called."""

    cheap: str
    target: str
    rows: np.ndarray
    why: list[str]
    features: list[str]
    expected: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    truth: np.ndarray | None
    known: str


def completed(b: Bundle, cheap: str, target: str, rows: np.ndarray, measured: bool) -> Completed:
    """What the target would read in the rows, told from the cheap measurement. measured: the target was measured in them."""
    found = _complete(b.demo.key, state.stamp(b), cheap, target, rows.astype(np.int64).tobytes())
    why = [str(reason) for reason in found.obs["why"]]
    kept = np.array([not reason for reason in why])
    rows, found = rows[kept], found[kept]
    bounded = "low" in found.layers and not yes_or_no(b, target)
    low, high = (np.asarray(found.layers[end]) if bounded else None for end in ("low", "high"))
    truth, known = None, ""
    if measured:
        truth, known = g.readings(b, target, rows), words.measured(b.demo.simulated)
    elif KEY in b.cells.uns:
        packed = rows.astype(np.int64).tobytes()
        truth, known = _withheld(b.demo.key, state.stamp(b), target, packed), "withheld"
    return Completed(
        cheap, target, rows, why, [str(name) for name in found.var_names], np.asarray(found.X), low, high, truth, known
    )

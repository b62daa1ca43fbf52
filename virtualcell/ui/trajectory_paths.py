"""Predicted cells, computed once for the whole way and cut to what the sliders show."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.schema import Trajectory
from virtualcell.ui import state

MOST = 400
"""Cells that are followed; the slider shows some of them."""
PER_SPAN = 20
"""Frames over the whole measured time, at least."""


_Request = tuple[bytes, float, int, int, float, int]
"""Rows, duration, frames, futures of each cell, noise, seed."""


@dataclass(frozen=True)
class Way:
    """Cells carried from the first of ``times`` (T,), in the unit of the time column, to the last.

    found: their states (T, n, d). places: (T, n, 2) on the map or the plane, as ``on`` says. n_start: start cells, each with the
    same number of futures. cells: (n,) which of all the cells that were computed these are.
    """

    times: np.ndarray
    found: Trajectory
    places: np.ndarray
    n_start: int
    cells: np.ndarray
    on: str
    request: _Request

    @property
    def noise(self) -> float:
        """Times the noise that the model learned; 0: the drift alone."""
        return self.request[4]


def clock(began: float, latest: float, span: float) -> np.ndarray:
    """Times of the frames from ``began`` to ``latest``: round steps, of which a span has ``PER_SPAN`` or more."""
    rough = span / PER_SPAN
    power = 10.0 ** math.floor(math.log10(rough) + 1e-9)
    step = next(m * power for m in (5.0, 2.0, 1.0) if m * power <= rough * (1 + 1e-9))
    n = max(1, math.ceil((latest - began) / step - 1e-6))
    return np.linspace(began, latest, n + 1)


def way(b: Bundle, rows: np.ndarray, times: np.ndarray, *, on: str, noise: float, seed: int) -> Way:
    """The rows carried through ``times``; the same request is computed once. on: "map" or "plane"."""
    rows = np.asarray(state.some(rows, MOST), dtype=np.int64)
    asked = (rows.tobytes(), float(times[-1] - times[0]), len(times), max(1, round(MOST / len(rows))), noise, seed)
    found = _found(b, asked)
    on = on if b.landscape is not None else "map"
    places = _places(b.demo.key, state.stamp(b), asked, on)
    return Way(times, found, places, len(rows), np.arange(len(found.start)), on, asked)


def cut(whole: Way, until: float, n_cells: int) -> Way:
    """The way up to a time, of about ``n_cells`` cells: some of the start cells, or several futures of each."""
    frames = int(np.argmin(np.abs(whole.times - until))) + 1
    copies = len(whole.found.start) // whole.n_start
    if n_cells <= whole.n_start:
        chosen = state.some(np.arange(whole.n_start), n_cells) * copies
        n_start = len(chosen)
    else:
        wanted = min(copies, max(1, round(n_cells / whole.n_start)))
        chosen = (np.arange(whole.n_start)[:, None] * copies + np.arange(wanted)).ravel()
        n_start = whole.n_start
    found = dataclasses.replace(
        whole.found,
        times=whole.found.times[:frames],
        states=whole.found.states[:frames, chosen],
        log_weights=whole.found.log_weights[:frames, chosen],
        start=whole.found.start[chosen],
    )
    return Way(whole.times[:frames], found, whole.places[:frames, chosen], n_start, whole.cells[chosen], whole.on, whole.request)


def amounts(b: Bundle, shown: Way, genes: list[str]) -> np.ndarray:
    """Counts per 10,000 of the genes in the states shown, (T, n, genes); decoded once for all that was computed."""
    decoded = [_amount(b.demo.key, state.stamp(b), shown.request, gene) for gene in genes]
    return np.stack([one[: len(shown.times), shown.cells] for one in decoded], axis=-1)


def _found(b: Bundle, asked: _Request) -> Trajectory:
    rows, duration, frames, copies, noise, seed = asked
    chosen = np.frombuffer(rows, dtype=np.int64)
    return state.trajectory(b, chosen, duration, frames=frames, seed=seed, copies=copies, noise=noise)


@st.cache_resource(max_entries=32, show_spinner="Putting the predicted cells on the map …")
def _places(key: str, stamp: int, asked: _Request, on: str) -> np.ndarray:
    b = state.bundle(key)
    states = _found(b, asked).states
    if on == "plane" and b.landscape is not None:
        return b.landscape.on_plane(states).astype(np.float32)
    return state.placing(b)(states)


@st.cache_resource(max_entries=64, show_spinner="Reading genes from the predicted cells …")
def _amount(key: str, stamp: int, asked: _Request, gene: str) -> np.ndarray:
    b = state.bundle(key)
    return b.model.decode(_found(b, asked).states, features=[gene])[..., 0]

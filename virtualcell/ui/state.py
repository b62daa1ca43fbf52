"""What pages share: the chosen demo, its cells and model, and predictions that were already computed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell import jobs
from virtualcell.data.catalogue import DEMOS, models_folder
from virtualcell.figures.embedding import ordered
from virtualcell.schema import DataError, Trajectory
from virtualcell.ui import unfinished
from virtualcell.ui.faults import ask_in_vain

if TYPE_CHECKING:
    from virtualcell.demo import Bundle
    from virtualcell.figures.placing import Placing

logger = logging.getLogger("virtualcell")

DEMO = "demo"
"""Key of the demo's picker in the session and in the link."""

_WRITTEN = "demo-in-link"

ALIKE = ""
"""In place of a column where nothing is known that tells cells apart: then all are called alike."""


def own(b: Bundle, name: str) -> str:
    """Key, in session and link, of a control whose choices belong to one demo's cells: its genes mean nothing for others."""
    return f"{name}-{b.demo.key}"


def cells_to_choose() -> dict[str, str]:
    """Key -> title of all that can be looked at: the demos, then finished runs, newest first, and what the link asks for."""
    found = {key: demo.title for key, demo in DEMOS.items()}
    found |= {run.id: f"{run.name} ({run.id})" for run in finished_runs()}
    chosen = st.session_state.get(DEMO)
    # A run that is not finished keeps its place, or the reader would be shown other cells than those asked for.
    return found if chosen is None or chosen in found else found | {chosen: unfinished.title(chosen)}


def finished_runs() -> list[jobs.Run]:
    """Trainings of this server that can be looked at, newest first; none where their folder cannot be read."""
    try:
        return [run for run in jobs.runs() if run.status().state == "done"]
    except (DataError, OSError) as error:
        logger.warning("The runs cannot be listed: %s", error)
        return []


def keep_training() -> None:
    """Sees that queued runs are worked on, also after a restart of the server; the page "Your cells" says where it cannot be."""
    try:
        jobs.ensure_runner()
    except (DataError, OSError) as error:
        logger.warning("Queued runs are not worked on: %s", error)


def follow_link() -> None:
    """Takes the demo or the run from the link where the link was changed from outside; called before the picker is drawn.

    The picker is not bound to the link by Streamlit because that would write the long title instead of the short key.
    """
    asked = st.query_params.get(DEMO)
    known = asked in DEMOS or (asked is not None and unfinished.is_run(asked))
    # On the way to another page Streamlit forgets the picker; the link still knows.
    if known and (asked != st.session_state.get(_WRITTEN) or DEMO not in st.session_state):
        st.session_state[DEMO] = asked
    elif not (chosen := st.session_state.get(DEMO)) or not (chosen in DEMOS or unfinished.is_run(chosen)):
        st.session_state[DEMO] = next(iter(DEMOS))
    if not known:
        ask_in_vain(asked, st.session_state[DEMO])


def write_link() -> None:
    """Puts the chosen demo into the link, so that the link restores the view."""
    chosen = st.session_state[DEMO]
    st.session_state[_WRITTEN] = chosen
    if st.query_params.get(DEMO) != chosen:
        st.query_params[DEMO] = chosen


# Nothing that these caches return may be changed: every reader sees the same object.


@st.cache_resource(max_entries=8, show_spinner="Opening cells and model …")
def _bundle(key: str, stamp: int) -> Bundle:
    # torch and scanpy take seconds to load, and Home is drawn before them.
    if unfinished.is_run(key):
        from virtualcell.jobs.bundle import load_run

        return load_run(key)
    from virtualcell.demo import load_bundle

    return load_bundle(key)


def bundle(key: str | None = None) -> Bundle:
    """The demo or the finished run with this key, or the chosen one. Where there is none: says so on the page and stops there."""
    key = key or st.session_state.get(DEMO) or next(iter(DEMOS))
    if unfinished.is_run(key):
        unfinished.stop_unless_done(key)
    try:
        return _bundle(key, changed(_folder(key)))
    except DataError as error:
        st.error(f"{error.problem} What to do: {error.next_step}")
        st.stop()
        raise  # st.stop() never returns


def _folder(key: str) -> Path:
    return jobs.run(key).model_folder if unfinished.is_run(key) else models_folder() / key


def changed(folder: Path) -> int:
    """When the files of a model last changed, in nanoseconds; 0 where there are none."""
    # A model that was trained anew is another one, although its name is the same.
    return max((path.stat().st_mtime_ns for path in folder.glob("*")), default=0)


def stamp(b: Bundle) -> int:
    """Changes when the demo's model is trained anew: what was computed with the old one is then computed again."""
    return changed(b.folder)


def unit(b: Bundle) -> str:
    """Unit in which predictions are timed; data without times count in treatment lengths."""
    return b.demo.columns.time_unit if b.demo.columns.time else "treatment lengths"


def known_columns(b: Bundle) -> dict[str, tuple[str, str]]:
    """What cells can be coloured or chosen by: title -> (column of obs, kind for the figure)."""
    c = b.demo.columns
    found = {
        title: (column, kind)
        for title, column, kind in (
            ("time", c.time, "time"),
            ("cell state", c.state, "category"),
            ("treatment", c.perturbation, "category"),
            ("batch", c.batch, "category"),
        )
        if column is not None
    }
    taken = {column for column, _ in found.values()}
    for column, values in b.cells.obs.items():
        # Counting values last: of a million cells it takes long, and amounts are no groups anyway.
        known = column in taken or ":" in str(column) or pd.api.types.is_float_dtype(values)
        if not known and 2 <= values.nunique() <= 40:
            found[str(column).replace("_", " ")] = (str(column), "category")
    return found or {"cell": (ALIKE, "category")}


def values(b: Bundle, column: str) -> np.ndarray:
    """An annotation of every cell: numbers for the time, names for everything else."""
    if column == ALIKE:
        return np.full(b.cells.n_obs, "all cells")
    found = b.cells.obs[column]
    return found.to_numpy(dtype=float) if column == b.demo.columns.time else found.astype(str).to_numpy()


def expression(b: Bundle, feature: str, modality: str = "rna") -> np.ndarray:
    """Log-normalised amount of a gene or protein in every cell, (n,)."""
    adata = b.cells.mod[modality]
    column = adata.X[:, adata.var_names.get_loc(feature)]
    return np.asarray(column.todense() if hasattr(column, "todense") else column, dtype=np.float32).ravel()


@st.cache_resource(max_entries=64, show_spinner="Following the cells, step by step, through time …")
def _trajectory(
    key: str,
    stamp: int,
    rows: bytes,
    duration: float,
    frames: int,
    treatment: str | None,
    seed: int,
    copies: int,
    noise: float,
) -> Trajectory:
    b = _bundle(key, stamp)
    return b.model.predict(
        states=b.state[np.frombuffer(rows, dtype=np.int64)],
        duration=duration,
        frames=frames,
        copies=copies,
        perturbation=treatment,
        noise=noise,
        seed=seed,
    )


def trajectory(
    b: Bundle,
    rows: np.ndarray,
    duration: float,
    *,
    frames: int = 25,
    treatment: str | None = None,
    seed: int = 0,
    copies: int = 1,
    noise: float = 1.0,
) -> Trajectory:
    """The chosen cells carried forward, ``copies`` futures of each; the same request is computed once."""
    key = b.demo.key
    packed = np.asarray(rows, dtype=np.int64).tobytes()
    return _trajectory(key, stamp(b), packed, float(duration), frames, treatment, seed, copies, noise)


@st.cache_resource(max_entries=8, show_spinner="Laying out the map …")
def _placing(key: str, stamp: int) -> Placing:
    from virtualcell.figures.placing import Placing

    b = _bundle(key, stamp)
    return Placing(b.state, b.umap2)


def placing(b: Bundle) -> Placing:
    """Puts predicted states on the demo's map."""
    return _placing(b.demo.key, stamp(b))


def selection(b: Bundle) -> np.ndarray:
    """Rows that the reader marked on the Explore page for this demo; empty where none."""
    return st.session_state.get(f"marked-{b.demo.key}", np.empty(0, dtype=np.int64))


def mark(b: Bundle, rows: np.ndarray) -> None:
    """Keeps marked rows for the other pages."""
    st.session_state[f"marked-{b.demo.key}"] = np.asarray(rows, dtype=np.int64)


def some(rows: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the rows, spread evenly over them, so that a link always shows the same cells."""
    return rows if len(rows) <= most else rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]


def groups(b: Bundle) -> dict[str, np.ndarray]:
    """Groups of cells that can be chosen by name: "time 0 h", "cell state Monocyte", ... -> rows."""
    found = {}
    for title, (column, kind) in known_columns(b).items():
        all_values = values(b, column)
        for value in ordered(all_values):
            shown = f"{value:g} {b.demo.columns.time_unit}" if kind == "time" else value
            found[f"{title}: {shown}"] = np.flatnonzero(all_values == value)
    return found


def untreated(b: Bundle) -> np.ndarray:
    """Rows of the control cells; all rows where no treatment was recorded."""
    column = b.demo.columns.perturbation
    return np.arange(b.cells.n_obs) if column is None else np.flatnonzero(values(b, column) == b.demo.columns.control)

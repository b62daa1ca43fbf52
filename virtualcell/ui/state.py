"""What pages share: the chosen demo, its cells and model, and predictions that were already computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle, load_bundle, models_folder
from virtualcell.figures.embedding import ordered
from virtualcell.figures.placing import Placing
from virtualcell.perturbation.additive import additive_pairs as sums_of_pairs
from virtualcell.perturbation.edit import Edit
from virtualcell.perturbation.effect import FORCE, Effect
from virtualcell.perturbation.fate_change import fate_change as share_of_fates
from virtualcell.perturbation.interaction import interactions as pair_interactions
from virtualcell.perturbation.screen import Screen, log_expression
from virtualcell.schema import DataError, Landscape, Trajectory
from virtualcell.ui.markers import markers

DEMO = "demo"
"""Key of the demo's picker in the session and in the link."""

_WRITTEN = "demo-in-link"

MOST_PUSHED = 250
"""Cells that are pushed by every treatment in turn."""


def own(b: Bundle, name: str) -> str:
    """Key, in session and link, of a control whose choices belong to one demo's cells: its genes mean nothing for others."""
    return f"{name}-{b.demo.key}"


def follow_link() -> None:
    """Takes the demo from the link where the link was changed from outside; called before the picker is drawn.

    The picker is not bound to the link by Streamlit because that would write the long title instead of the short key.
    """
    asked = st.query_params.get(DEMO)
    if asked in DEMOS and asked != st.session_state.get(_WRITTEN):
        st.session_state[DEMO] = asked
    elif st.session_state.get(DEMO) not in DEMOS:
        st.session_state[DEMO] = next(iter(DEMOS))


def write_link() -> None:
    """Puts the chosen demo into the link, so that the link restores the view."""
    chosen = st.session_state[DEMO]
    st.session_state[_WRITTEN] = chosen
    if st.query_params.get(DEMO) != chosen:
        st.query_params[DEMO] = chosen


# Nothing that these caches return may be changed: every reader sees the same object.


@st.cache_resource(max_entries=8, show_spinner="Opening cells and model …")
def _bundle(key: str, stamp: int) -> Bundle:
    return load_bundle(key)


def bundle(key: str | None = None) -> Bundle:
    """The demo with this key, or the chosen one. On a demo that was not built: says so on the page and stops there."""
    key = key or st.session_state.get(DEMO) or next(iter(DEMOS))
    try:
        return _bundle(key, _stamp(models_folder() / key))
    except DataError as error:
        st.error(f"{error.problem} What to do: {error.next_step}")
        st.stop()
        raise  # st.stop() never returns


def _stamp(folder: Path) -> int:
    # A model that was trained anew is another one, although its name is the same.
    return max((path.stat().st_mtime_ns for path in folder.glob("*")), default=0)


def stamp(b: Bundle) -> int:
    """Changes when the demo's model is trained anew: what was computed with the old one is then computed again."""
    return _stamp(models_folder() / b.demo.key)


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
        few = 2 <= values.nunique() <= 40
        if column not in taken and few and not pd.api.types.is_float_dtype(values) and ":" not in str(column):
            found[str(column).replace("_", " ")] = (str(column), "category")
    return found


def values(b: Bundle, column: str) -> np.ndarray:
    """An annotation of every cell: numbers for the time, names for everything else."""
    found = b.cells.obs[column]
    return found.to_numpy(dtype=float) if column == b.demo.columns.time else found.astype(str).to_numpy()


def expression(b: Bundle, feature: str, modality: str = "rna") -> np.ndarray:
    """Log-normalised amount of a gene or protein in every cell, (n,)."""
    adata = b.cells.mod[modality]
    column = adata.X[:, adata.var_names.get_loc(feature)]
    return np.asarray(column.todense() if hasattr(column, "todense") else column, dtype=np.float32).ravel()


@st.cache_resource(max_entries=64, show_spinner=False)
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
    stamp = _stamp(models_folder() / key)
    return _trajectory(key, stamp, packed, float(duration), frames, treatment, seed, copies, noise)


@st.cache_resource(max_entries=32, show_spinner="Pushing cells …")
def _pushed(
    key: str, stamp: int, rows: bytes, treatment: str, dose: float, duration: float, rest: float, frames: int
) -> Trajectory:
    b = _bundle(key, stamp)
    states = b.state[np.frombuffer(rows, dtype=np.int64)]
    return b.model.predict(
        states=states, duration=duration + rest, frames=frames, perturbation=treatment, dose=dose, applied=duration
    )


def pushed(b: Bundle, rows: np.ndarray, treatment: str, dose: float, duration: float, rest: float, frames: int) -> Trajectory:
    """The chosen cells under a dose of a treatment for ``duration``, then without it for ``rest``; computed once."""
    packed = np.asarray(rows, dtype=np.int64).tobytes()
    return _pushed(b.demo.key, stamp(b), packed, treatment, dose, duration, rest, frames)


@st.cache_resource(max_entries=32, show_spinner="Trying doses …")
def _doses(
    key: str, stamp: int, rows: bytes, treatment: str, doses: tuple[float, ...], duration: float, rest: float
) -> pd.DataFrame:
    b = _bundle(key, stamp)
    states = b.state[np.frombuffer(rows, dtype=np.int64)]
    return b.model.dose_response(
        states=states, treatment=treatment, doses=doses, duration=duration, rest=rest, landscape=b.landscape
    )


def doses(b: Bundle, rows: np.ndarray, treatment: str, amounts: tuple[float, ...], duration: float, rest: float) -> pd.DataFrame:
    """What becomes of the chosen cells under each dose; computed once."""
    packed = np.asarray(rows, dtype=np.int64).tobytes()
    return _doses(b.demo.key, stamp(b), packed, treatment, amounts, duration, rest)


@st.cache_resource(max_entries=32, show_spinner=False)
def _critical(key: str, stamp: int, valley: int, treatment: str, duration: float, rest: float) -> float | None:
    b = _bundle(key, stamp)
    assert b.landscape is not None, "asked for where there are valleys"
    start = b.landscape.attractors[valley].state
    return b.model.critical_dose(start, treatment=treatment, duration=duration, rest=rest, landscape=b.landscape)


def home(b: Bundle, rows: np.ndarray) -> int:
    """Which attractor of the landscape most of the chosen cells roll into."""
    assert b.landscape is not None
    assert b.landscape.basin is not None
    valleys = b.landscape.basin[rows]
    return int(np.bincount(valleys[valleys >= 0]).argmax()) if (valleys >= 0).any() else 0


def critical(b: Bundle, valley: int, treatment: str, duration: float, rest: float) -> float | None:
    """The least dose that keeps a cell without noise away from a resting place; computed once."""
    return _critical(b.demo.key, stamp(b), valley, treatment, duration, rest)


@st.cache_resource(max_entries=32, show_spinner="Trying doses …")
def _ranked_doses(key: str, stamp: int, start: bytes, goal: bytes, duration: float) -> pd.DataFrame:
    b = _bundle(key, stamp)
    here, there = (b.state[some(np.frombuffer(rows, dtype=np.int64), MOST_PUSHED)] for rows in (start, goal))
    return b.model.which_dose(here, there, duration=duration)


def ranked_doses(b: Bundle, start: np.ndarray, goal: np.ndarray, duration: float) -> pd.DataFrame:
    """Treatments and doses ranked by how near they bring the start to the goal (rows) in so long; computed once."""
    packed = (np.asarray(rows, dtype=np.int64).tobytes() for rows in (start, goal))
    return _ranked_doses(b.demo.key, stamp(b), *packed, duration)


@st.cache_resource(max_entries=16, show_spinner=False)
def _tilted(key: str, stamp: int, treatment: str, dose: float) -> Landscape:
    return _bundle(key, stamp).model.landscape(perturbation=treatment, dose=dose)


def tilted(b: Bundle, treatment: str, dose: float) -> Landscape:
    """The landscape under a dose of a treatment; computed once."""
    return _tilted(b.demo.key, stamp(b), treatment, dose)


@st.cache_resource(max_entries=64, show_spinner="Computing …")
def _effect(key: str, stamp: int, rows: bytes, treatment: str | None, edit: Edit | None, seed: int) -> Effect:
    b = _bundle(key, stamp)
    asked = {} if edit is None else {"genes": edit.genes, "fold": edit.fold, "level": edit.level, "peaks": edit.peaks}
    return b.model.perturb(b.cells[np.frombuffer(rows, dtype=np.int64)].copy(), treatment=treatment, seed=seed, **asked)


def effect(b: Bundle, rows: np.ndarray, *, treatment: str | None = None, edit: Edit | None = None, seed: int = 0) -> Effect:
    """What a treatment or an edit of genes does to the chosen cells; the same request is computed once."""
    key = b.demo.key
    return _effect(key, _stamp(models_folder() / key), np.asarray(rows, dtype=np.int64).tobytes(), treatment, edit, seed)


@st.cache_resource(max_entries=32, show_spinner="Trying all treatments …")
def _pushes(key: str, stamp: int, start: bytes, goal: bytes, pairs: bool) -> pd.DataFrame:
    b = _bundle(key, stamp)
    here, there = (np.frombuffer(rows, dtype=np.int64) for rows in (start, goal))
    # Cells that taught what their treatment does would be certain to fit it. Every second cell of each treatment teaches, the
    # others are asked: where only the goal's were left out, its own treatment alone was known less well than the others, and
    # probabilities were too sure.
    taught = every_second(values(b, b.demo.columns.perturbation or ""))
    asked, fresh = np.setdiff1d(there, [*here, *taught]), np.setdiff1d(here, taught)
    model = b.model.relearned(b.cells[taught].copy())
    assert model.response is not None  # or it would have raised
    names = None if pairs else list(model.response.treatments)
    return model.which_push(b.cells[some(fresh, MOST_PUSHED)].copy(), b.cells[some(asked, MOST_PUSHED)].copy(), names)


def every_second(names: np.ndarray) -> np.ndarray:
    """Rows of every second cell of each name, sorted."""
    return np.sort(np.concatenate([np.flatnonzero(names == name)[::2] for name in np.unique(names)]))


def pushes(b: Bundle, start: np.ndarray, goal: np.ndarray, *, pairs: bool = True) -> pd.DataFrame:
    """Treatments ranked by how surely and how near they bring the start to the goal (rows); computed once. pairs: also those that
    were not measured together. Half of the goal's and of the start's cells are looked at; treatments learn from the other half of
    all."""
    packed = [np.asarray(rows, dtype=np.int64).tobytes() for rows in (start, goal)]
    return _pushes(b.demo.key, _stamp(models_folder() / b.demo.key), *packed, pairs)


@st.cache_resource(max_entries=32, show_spinner="Comparing genes …")
def _markers(key: str, stamp: int, rows: bytes) -> pd.DataFrame:
    return markers(_bundle(key, stamp).cells.mod["rna"], np.frombuffer(rows, dtype=np.int64))


def marker_table(b: Bundle, rows: np.ndarray) -> pd.DataFrame:
    """Genes of the chosen cells against all others; the same request is computed once."""
    return _markers(b.demo.key, _stamp(models_folder() / b.demo.key), np.asarray(rows, dtype=np.int64).tobytes())


@st.cache_resource(max_entries=8, show_spinner=False)
def _placing(key: str, stamp: int) -> Placing:
    b = _bundle(key, stamp)
    return Placing(b.state, b.umap2)


def placing(b: Bundle) -> Placing:
    """Puts predicted states on the demo's map."""
    return _placing(b.demo.key, _stamp(models_folder() / b.demo.key))


def selection(b: Bundle) -> np.ndarray:
    """Rows that the reader marked on the Explore page for this demo; empty where none."""
    return st.session_state.get(f"marked-{b.demo.key}", np.empty(0, dtype=np.int64))


def mark(b: Bundle, rows: np.ndarray) -> None:
    """Keeps marked rows for the other pages."""
    st.session_state[f"marked-{b.demo.key}"] = np.asarray(rows, dtype=np.int64)


def drawn(b: Bundle) -> np.ndarray:
    """Rows inside the lasso that the reader drew on the page Trajectories for this demo; empty where none."""
    return st.session_state.get(f"drawn-{b.demo.key}", np.empty(0, dtype=np.int64))


def draw(b: Bundle, rows: np.ndarray) -> None:
    """Keeps rows inside a lasso on the page Trajectories; no rows forget it."""
    st.session_state[f"drawn-{b.demo.key}"] = np.asarray(rows, dtype=np.int64)


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


@st.cache_resource(max_entries=4, show_spinner=False)
def _screen(key: str, stamp: int) -> Screen:
    b = _bundle(key, stamp)
    assert b.model.response is not None, "asked for where treatments were measured"
    names = values(b, str(b.demo.columns.perturbation))
    group = values(b, b.demo.columns.state) if b.demo.columns.state else None
    counts = b.cells.mod["rna"][:, b.model.features()].layers["counts"]
    kept = np.asarray(counts.sum(1)).ravel() > 0
    expression = log_expression(counts[kept], b.model.response.depth)
    return Screen.of(expression, names[kept], None if group is None else group[kept], b.demo.columns.control)


def screen(b: Bundle) -> Screen:
    """Measured cells by treatment, as the response looks at them."""
    return _screen(b.demo.key, _stamp(models_folder() / b.demo.key))


@st.cache_resource(max_entries=4, show_spinner="Comparing pairs …")
def _pairs(key: str, stamp: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    b, measured = _bundle(key, stamp), _screen(key, stamp)
    assert b.model.response is not None, "asked for where treatments were measured"
    return pair_interactions(measured), sums_of_pairs(b.model.response, measured.untreated())


def interactions(b: Bundle) -> pd.DataFrame:
    """Measured pairs against the sum of their parts; computed once."""
    return _pairs(b.demo.key, _stamp(models_folder() / b.demo.key))[0]


def additive_pairs(b: Bundle) -> pd.DataFrame:
    """All pairs of treatments measured alone, added up; computed once."""
    return _pairs(b.demo.key, _stamp(models_folder() / b.demo.key))[1]


@st.cache_resource(max_entries=32, show_spinner="Following cells …")
def _fate_change(
    key: str, stamp: int, start: bytes, edited: bytes | None, treatment: str | None, copies: int, seed: int
) -> pd.DataFrame:
    model = _bundle(key, stamp).model
    before, after = (np.frombuffer(x, dtype=np.float32).reshape(-1, model.states.shape[1]) for x in (start, edited or start))
    sides = [
        model.predict(states=states, duration=model.span, frames=2, copies=copies, perturbation=push, seed=seed)
        for states, push in ((before, None), (after, treatment))
    ]
    ends = [model.ends(side) for side in sides]
    weights = sides[0].log_weights[-1], sides[1].log_weights[-1]
    return share_of_fates(ends[0], ends[1], list(model.names_of_ends()), sides[0].start, weights, seed)


def fate_change(b: Bundle, found: Effect, *, copies: int) -> pd.DataFrame:
    """Where the cells of an effect end without and with it; computed once."""
    edited = None if found.edited is None else np.asarray(found.edited, np.float32).tobytes()
    start = np.asarray(found.start, np.float32).tobytes()
    treatment = found.name if found.kind == FORCE else None
    return _fate_change(b.demo.key, _stamp(models_folder() / b.demo.key), start, edited, treatment, copies, found.seed)

"""What treatments and edits do, as the page Perturb shows it; the same request is computed once.

Nothing that these caches return may be changed: every reader sees the same object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.perturbation.additive import additive_pairs as sums_of_pairs
from virtualcell.perturbation.edit import Edit
from virtualcell.perturbation.effect import FORCE, Effect
from virtualcell.perturbation.fate_change import fate_change as share_of_fates
from virtualcell.perturbation.interaction import interactions as pair_interactions
from virtualcell.perturbation.screen import Screen, log_expression
from virtualcell.schema import Landscape, Trajectory
from virtualcell.ui import state

MOST_PUSHED = 250
"""Cells that are pushed, by one treatment or by every one in turn."""


@st.cache_resource(max_entries=32, show_spinner="Pushing cells …")
def _course(
    key: str, stamp: int, rows: bytes, treatment: str, dose: float, duration: float, rest: float, frames: int
) -> Trajectory:
    b = state.bundle(key)
    states = b.state[np.frombuffer(rows, dtype=np.int64)]
    return b.model.predict(
        states=states, duration=duration + rest, frames=frames, perturbation=treatment, dose=dose, applied=duration
    )


def course(b: Bundle, rows: np.ndarray, treatment: str, dose: float, duration: float, rest: float, frames: int) -> Trajectory:
    """The chosen cells under a dose of a treatment for ``duration``, then without it for ``rest``; computed once."""
    packed = np.asarray(rows, dtype=np.int64).tobytes()
    return _course(b.demo.key, state.stamp(b), packed, treatment, dose, duration, rest, frames)


@st.cache_resource(max_entries=32, show_spinner="Trying doses …")
def _doses(
    key: str, stamp: int, rows: bytes, treatment: str, doses: tuple[float, ...], duration: float, rest: float
) -> pd.DataFrame:
    b = state.bundle(key)
    states = b.state[np.frombuffer(rows, dtype=np.int64)]
    return b.model.dose_response(
        states=states, treatment=treatment, doses=doses, duration=duration, rest=rest, landscape=b.landscape
    )


def doses(b: Bundle, rows: np.ndarray, treatment: str, amounts: tuple[float, ...], duration: float, rest: float) -> pd.DataFrame:
    """What becomes of the chosen cells under each dose; computed once."""
    packed = np.asarray(rows, dtype=np.int64).tobytes()
    return _doses(b.demo.key, state.stamp(b), packed, treatment, amounts, duration, rest)


@st.cache_resource(max_entries=32, show_spinner="Looking for the dose that it takes …")
def _critical(key: str, stamp: int, valley: int, treatment: str, duration: float, rest: float) -> float | None:
    b = state.bundle(key)
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
    return _critical(b.demo.key, state.stamp(b), valley, treatment, duration, rest)


@st.cache_resource(max_entries=32, show_spinner="Trying doses …")
def _ranked_doses(key: str, stamp: int, start: bytes, goal: bytes, duration: float) -> pd.DataFrame:
    b = state.bundle(key)
    here, there = (b.state[state.some(np.frombuffer(rows, dtype=np.int64), MOST_PUSHED)] for rows in (start, goal))
    return b.model.which_dose(here, there, duration=duration)


def ranked_doses(b: Bundle, start: np.ndarray, goal: np.ndarray, duration: float) -> pd.DataFrame:
    """Treatments and doses ranked by how near they bring the start to the goal (rows) in so long; computed once."""
    packed = (np.asarray(rows, dtype=np.int64).tobytes() for rows in (start, goal))
    return _ranked_doses(b.demo.key, state.stamp(b), *packed, duration)


@st.cache_resource(max_entries=16, show_spinner="Tilting the landscape …")
def _tilted(key: str, stamp: int, treatment: str, dose: float) -> Landscape:
    return state.bundle(key).model.landscape(perturbation=treatment, dose=dose)


def tilted(b: Bundle, treatment: str, dose: float) -> Landscape:
    """The landscape under a dose of a treatment; computed once."""
    return _tilted(b.demo.key, state.stamp(b), treatment, dose)


@st.cache_resource(max_entries=64, show_spinner="Working out what changes in these cells …")
def _effect(key: str, stamp: int, rows: bytes, treatment: str | None, edit: Edit | None, seed: int) -> Effect:
    b = state.bundle(key)
    asked: dict[str, Any] = (
        {} if edit is None else {"genes": edit.genes, "fold": edit.fold, "level": edit.level, "peaks": edit.peaks}
    )
    return b.model.perturb(b.cells[np.frombuffer(rows, dtype=np.int64)].copy(), treatment=treatment, seed=seed, **asked)


def effect(b: Bundle, rows: np.ndarray, *, treatment: str | None = None, edit: Edit | None = None, seed: int = 0) -> Effect:
    """What a treatment or an edit of genes does to the chosen cells; the same request is computed once."""
    key = b.demo.key
    return _effect(key, state.stamp(b), np.asarray(rows, dtype=np.int64).tobytes(), treatment, edit, seed)


@st.cache_resource(max_entries=32, show_spinner="Trying all treatments …")
def _pushes(key: str, stamp: int, start: bytes, goal: bytes, pairs: bool) -> pd.DataFrame:
    b = state.bundle(key)
    here, there = (np.frombuffer(rows, dtype=np.int64) for rows in (start, goal))
    # Cells that taught what their treatment does would be certain to fit it. Every second cell of each treatment teaches, the
    # others are asked: where only the goal's were left out, its own treatment alone was known less well than the others, and
    # probabilities were too sure.
    taught = every_second(state.values(b, b.demo.columns.perturbation or ""))
    asked, fresh = np.setdiff1d(there, [*here, *taught]), np.setdiff1d(here, taught)
    model = b.model.relearned(b.cells[taught].copy())
    assert model.response is not None  # or it would have raised
    names = None if pairs else list(model.response.treatments)
    return model.which_push(b.cells[state.some(fresh, MOST_PUSHED)].copy(), b.cells[state.some(asked, MOST_PUSHED)].copy(), names)


def every_second(names: np.ndarray) -> np.ndarray:
    """Rows of every second cell of each name, sorted."""
    return np.sort(np.concatenate([np.flatnonzero(names == name)[::2] for name in np.unique(names)]))


def pushes(b: Bundle, start: np.ndarray, goal: np.ndarray, *, pairs: bool = True) -> pd.DataFrame:
    """Treatments ranked by how surely and how near they bring the start to the goal (rows); computed once. pairs: also those that
    were not measured together. Half of the goal's and of the start's cells are looked at; treatments learn from the other half of
    all."""
    packed = [np.asarray(rows, dtype=np.int64).tobytes() for rows in (start, goal)]
    return _pushes(b.demo.key, state.stamp(b), *packed, pairs)


@st.cache_resource(max_entries=4, show_spinner="Sorting the cells by treatment …")
def _screen(key: str, stamp: int) -> Screen:
    b = state.bundle(key)
    assert b.model.response is not None, "asked for where treatments were measured"
    names = state.values(b, str(b.demo.columns.perturbation))
    group = state.values(b, b.demo.columns.state) if b.demo.columns.state else None
    counts = b.cells.mod["rna"][:, b.model.features()].layers["counts"]
    kept = np.asarray(counts.sum(1)).ravel() > 0
    expression = log_expression(counts[kept], b.model.response.depth)
    return Screen.of(expression, names[kept], None if group is None else group[kept], b.demo.columns.control)


def screen(b: Bundle) -> Screen:
    """Measured cells by treatment, as the response looks at them."""
    return _screen(b.demo.key, state.stamp(b))


@st.cache_resource(max_entries=4, show_spinner="Comparing pairs …")
def _pairs(key: str, stamp: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    b, measured = state.bundle(key), _screen(key, stamp)
    assert b.model.response is not None, "asked for where treatments were measured"
    return pair_interactions(measured), sums_of_pairs(b.model.response, measured.untreated())


def interactions(b: Bundle) -> pd.DataFrame:
    """Measured pairs against the sum of their parts; computed once."""
    return _pairs(b.demo.key, state.stamp(b))[0]


def additive_pairs(b: Bundle) -> pd.DataFrame:
    """All pairs of treatments measured alone, added up; computed once."""
    return _pairs(b.demo.key, state.stamp(b))[1]


@st.cache_resource(max_entries=32, show_spinner="Following cells …")
def _fate_change(
    key: str, stamp: int, start: bytes, edited: bytes | None, treatment: str | None, copies: int, seed: int
) -> pd.DataFrame:
    model = state.bundle(key).model
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
    return _fate_change(b.demo.key, state.stamp(b), start, edited, treatment, copies, found.seed)

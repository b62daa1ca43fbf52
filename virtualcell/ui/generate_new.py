"""Generate, second view: whole cells drawn from what the model learned of the measured ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_map import drawn_map
from virtualcell.generative.draws import CellDraw
from virtualcell.schema import DataError
from virtualcell.training.given import labels_of
from virtualcell.ui import code_generate, modalities, state, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_copies import copies
from virtualcell.ui.generate_features import feature_space
from virtualcell.ui.generate_files import drawn_files
from virtualcell.ui.generate_tested import judged
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

ANY = "any"
AXES, MAP = "directions", "map"
HOW_MANY = 300
ENOUGH = 30
"""Unseen cells from which they alone are compared with."""


@dataclass(frozen=True)
class Asked:
    """What the reader chose; label, time, treatment: None where any. on: AXES or MAP."""

    label: str | None
    time: float | None
    treatment: str | None
    balanced: bool
    noise: float
    seed: int
    on: str

    @property
    def request(self) -> tuple[int, str | None, float | None, str | None, bool, float, int]:
        """The same for the cache, without what the picture alone needs."""
        return HOW_MANY, self.label, self.time, self.treatment, self.balanced, self.noise, self.seed


@st.cache_resource(max_entries=24, show_spinner="Drawing new cells …")
def _draw(
    key: str, stamp: int, n: int, label: str | None, time: float | None, treatment: str | None, balanced: bool, noise: float,
    seed: int,
) -> CellDraw | str:  # fmt: skip
    b = state.bundle(key)
    try:
        return b.model.draw_cells(n, label=label, time=time, treatment=treatment, balanced=balanced, noise=noise, seed=seed)
    except DataError as error:
        return f"{error.problem} {error.next_step[:1].upper()}{error.next_step[1:]}"


@st.cache_resource(max_entries=24, show_spinner="Counting what the drawn cells would read …")
def _drawn_readings(key: str, stamp: int, modality: str, *request: object) -> np.ndarray:
    b, found = state.bundle(key), _draw(key, stamp, *request)
    assert isinstance(found, CellDraw), "asked for only after cells were drawn"
    seed = request[-1]
    assert isinstance(seed, int)
    return b.model.draw_readings(found.states, modality, batch=found.batch, seed=seed)


@st.cache_resource(max_entries=8, show_spinner="Reading what the cells are called …")
def _labels(key: str, stamp: int) -> np.ndarray:
    b = state.bundle(key)
    return labels_of(b.cells, b.demo.columns)


def new_cells(b: Bundle) -> g.Shown | None:
    """Draws the view; None where it has nothing to show."""
    if "samplers" not in b.model.generators:
        g.not_made(b, "The generator of new cells", "samplers")
        return None
    main, side = st.columns([3.2, 1], gap="medium")
    labels = _labels(b.demo.key, state.stamp(b))
    with side:
        asked = _choices(b, labels)
    found = _draw(b.demo.key, state.stamp(b), *asked.request)
    if not isinstance(found, CellDraw):
        with main:
            st.info(words.literal(found), icon=None)
        return None
    kind = words.measured(b.demo.simulated)
    there = g.condition_words(b, asked.time, asked.treatment)
    alike = g.at_condition(b, asked.time, asked.treatment)
    if asked.label is not None:
        alike &= labels == asked.label
    rows = _beside(b, labels, np.flatnonzero(alike), asked.balanced and asked.label is None, asked.seed)
    titles = (f"{kind}{there}", f"drawn{there}")
    if asked.on == MAP:
        everyone, places = b.umap2, state.placing(b)(found.states)
    else:
        plane, everyone = g.plane(b)
        places = plane(found.states)
    with main:
        groups, kind_of, unit = _groups(b, labels, rows, found)
        fig = drawn_map(everyone, everyone[rows], places, titles=titles, groups=groups,
                        kind=kind_of, unit=unit, axes=asked.on if asked.on == MAP else "axis", look=look())  # fmt: skip
        chart(fig, f"new-cells-{b.demo.key}", alt=f"{len(rows)} {kind} cells beside {len(found.states)} drawn ones",
              file=f"{b.demo.key}-synthetic-cells")  # fmt: skip
        unseen = not len(np.setdiff1d(rows, modalities.kept_out(b)))
        st.caption(_how(asked, kind, unseen))
    with side:
        drawn_files(b, "cells", lambda: b.model.synthetic(found, seed=asked.seed), lambda: _states(found),
                    "The drawn cells with counts of every measurement; the CSV has their states.")  # fmt: skip
    name = modalities.modalities(b)[0]
    held_out = modalities.kept_out(b)
    like_them = held_out[alike[held_out]]
    copies(b, found.states, asked.request, like_them if len(like_them) >= ENOUGH else held_out)
    # The more measured cells the better, but as often of each kind as the drawn ones are.
    have = modalities.with_measured(b, name)
    even = asked.balanced and asked.label is None
    beside = rows[have[rows]] if even else state.some(np.flatnonzero(alike & have), HOW_MANY)
    feature_space(
        b, "new", name, g.readings(b, name, beside),
        _drawn_readings(b.demo.key, state.stamp(b), name, *asked.request), titles,
    )  # fmt: skip
    if b.demo.columns.state is not None:
        judged(b, f"{b.demo.key}, rare states", "Are rare kinds drawn well?", ours="VirtualCell, balanced")
    return g.Shown(
        code=lambda: code_generate.new_cells(b, asked, rows, titles, kind_of if groups is not None else ""),
        methods=lambda: _methods(b, asked),
        facts=(f"{len(found.states)} cells drawn", f"draw number {asked.seed}"),
    )


def _choices(b: Bundle, labels: np.ndarray) -> Asked:
    names = sorted(set(labels.tolist()))
    label = ANY
    # Where cells have no annotation, their label is their time or treatment, which is asked for below.
    if b.demo.columns.state is not None:
        label = st.selectbox("Cell state", [ANY, *names], key=state.own(b, "new-state"), bind="query-params")
    time, treatment = g.condition_choice(b, "new", first=ANY)
    balanced = label == ANY and len(names) > 1 and st.toggle(
        "Kinds alike", key=state.own(b, "new-balanced"), bind="query-params",
        help="Off: as often as they were measured. On: rare kinds are drawn as often as common ones.",
    )  # fmt: skip
    noise = g.noise_choice(b, "new")
    seed = g.seed_choice(b, "new")
    on = st.segmented_control(
        "Draw on", [AXES, MAP], default=AXES, required=True, key=state.own(b, "new-on"), bind="query-params"
    )
    return Asked(None if label == ANY else label, time, treatment, bool(balanced), noise, seed, on)


def _groups(
    b: Bundle, labels: np.ndarray, rows: np.ndarray, found: CellDraw
) -> tuple[tuple[np.ndarray, np.ndarray] | None, str, str]:
    """By what measured and drawn cells are coloured: their kind, or where none is known their time, in its order."""
    if b.demo.columns.state is None and b.demo.columns.time is not None and found.time is not None:
        return (state.values(b, b.demo.columns.time)[rows], np.asarray(found.time)), "time", b.demo.columns.time_unit
    if len(np.unique(labels)) == 1:
        return None, "category", ""
    return (labels[rows], np.asarray(found.labels)), "category", ""


def _beside(b: Bundle, labels: np.ndarray, rows: np.ndarray, balanced: bool, seed: int) -> np.ndarray:
    """At most HOW_MANY of the measured cells, as often of each kind as the drawn ones are; of cells kept out of the model's
    training where there are enough, as the states of the others lie a little further out than those of new cells."""
    unseen = np.intersect1d(rows, modalities.kept_out(b))
    rows = unseen if len(unseen) >= ENOUGH else rows
    rng = np.random.default_rng(seed)
    if balanced:
        kinds, of = np.unique(labels[rows], return_inverse=True)
        most = HOW_MANY // len(kinds)
        some = [rng.permutation(rows[of == i])[:most] for i in range(len(kinds))]
        return np.sort(np.concatenate(some))
    return np.sort(rng.permutation(rows)[:HOW_MANY])


def _how(asked: Asked, kind: str, unseen: bool) -> str:
    where = (
        "A map puts a drawn cell among its nearest neighbours, so none can stand outside."
        if asked.on == MAP
        else f"Cells on the two directions in which {kind} cells differ most; grey: all of them."
    )
    told = " Left: cells kept out of the model's training, chosen at random." if unseen else " Left: cells chosen at random."
    return f"{where}{told} Both sides in the same colours."


def _states(found: CellDraw) -> pd.DataFrame:
    table = pd.DataFrame(found.states, columns=[f"state_{i + 1}" for i in range(found.states.shape[1])])
    told = {"label": found.labels, "time": found.time, "treatment": found.treatment}
    for place, (name, values) in enumerate({k: v for k, v in told.items() if v is not None}.items()):
        table.insert(place, name, values)
    return table


def _methods(b: Bundle, asked: Asked) -> str:
    held = [f"cell state “{asked.label}”"] if asked.label is not None else []
    held += [f"time {asked.time:g} {b.demo.columns.time_unit}"] if asked.time is not None else []
    held += [f"treatment “{asked.treatment}”"] if asked.treatment is not None else []
    law = g.law_words(b, "cells")
    often = "every kind equally often" if asked.balanced else "kinds as often as measured"
    return (
        f"{HOW_MANY} cell states were drawn by the model's sampler ({law}){', holding ' + words.listed(held) if held else ''}, "
        f"{often}, with {asked.noise:g} times the noise learned and seed {asked.seed}, and read out through its decoders. The "
        "drawn cells are synthetic and marked as such in every file."
    )

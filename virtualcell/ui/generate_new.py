"""Generate, second view: whole cells drawn from what the model learned of the measured ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_map import drawn_map
from virtualcell.generative.draws import CellDraw
from virtualcell.generative.known import FEWEST
from virtualcell.schema import DataError
from virtualcell.training.given import labels_of
from virtualcell.ui import code_generate, modalities, state, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_copies import Unseen, copies
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
    def held(self) -> bool:
        """Whether cells are drawn in another way than the held-out test drew them."""
        return self.noise != 1 or self.time is not None or self.treatment is not None

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
            st.info(words.literal(words.of_kind(found, b.demo.simulated)), icon=None)
            st.markdown(_instead(b, asked, labels))
        return None
    kind = words.measured(b.demo.simulated)
    there = f"{'' if asked.label is None else f' {asked.label}'}{g.condition_words(b, asked.time, asked.treatment)}"
    alike = g.at_condition(b, asked.time, asked.treatment)
    if asked.label is not None:
        alike &= labels == asked.label
    rows = _beside(b, labels, np.flatnonzero(alike), asked.balanced, asked.seed)
    titles = (f"{kind}{there}", f"drawn (synthetic){there}")
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
        st.caption(_how(asked, kind, len(rows), unseen, groups is not None))
    with side:
        drawn_files(b, "cells", lambda: b.model.synthetic(found, seed=asked.seed), lambda: _states(found),
                    "The drawn cells with counts of every measurement; the CSV has their states.")  # fmt: skip
    name = modalities.modalities(b)[0]
    copies(b, found.states, asked.request, _unseen(b, alike, there, asked.balanced), asked.noise)
    # The more measured cells the better, but as often of each kind as the drawn ones are.
    have = modalities.with_measured(b, name)
    beside = rows[have[rows]] if asked.balanced else state.some(np.flatnonzero(alike & have), HOW_MANY)
    learned = "the same as on the left above" if asked.balanced else "among them such that the model learned from"
    source = f"cells, {titles[0]}: {learned}"
    feature_space(
        b, "new", name, g.readings(b, name, beside),
        _drawn_readings(b.demo.key, state.stamp(b), name, *asked.request), titles, source,
    )  # fmt: skip
    if b.demo.columns.state is not None:
        note = "Made with noise 1 and no time or treatment held, whatever is set above." if asked.held else ""
        judged(b, f"{b.demo.key}, rare states", "Are rare kinds drawn well?", ours="VirtualCell, balanced", note=note)
    return g.Shown(
        code=lambda: code_generate.new_cells(b, asked, rows, titles, kind_of if groups is not None else ""),
        methods=lambda: _methods(b, asked),
        facts=(f"{len(found.states)} cells drawn", f"draw number {asked.seed}"),
    )


def _choices(b: Bundle, labels: np.ndarray) -> Asked:
    kinds, often = np.unique(labels, return_counts=True)
    names = [str(name) for name in kinds[often >= FEWEST]]
    label = ANY
    # Where cells have no annotation, their label is their time or treatment, which is asked for below.
    if b.demo.columns.state is not None:
        label = st.selectbox("Cell state", [ANY, *names], key=state.own(b, "new-state"), bind="query-params")
        rare = [f"{name} ({n})" for name, n in zip(kinds, often, strict=True) if n < FEWEST]
        if rare:
            st.caption(
                f"Not offered, with fewer than {FEWEST} cells: {words.literal(words.listed(rare))}. Where they are among the "
                "drawn ones, take them as variations of these few."
            )
    time, treatment = g.condition_choice(b, "new", first=ANY)
    balanced = label == ANY and len(names) > 1 and st.toggle(
        "Kinds alike", key=state.own(b, "new-balanced"), bind="query-params",
        help=words.of_kind(
            "Off: as often as they were measured. On: rare kinds are drawn as often as common ones.", b.demo.simulated
        ),
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
    both = labels[rows], np.asarray(found.labels)
    # One kind alone needs no colour of its own.
    return (both if len(np.unique(np.concatenate(both))) > 1 else None), "category", ""


def _instead(b: Bundle, asked: Asked, labels: np.ndarray) -> str:
    """Which kinds of cell can be drawn under the time and treatment that are held."""
    if b.demo.columns.state is None:
        return ""
    kinds, often = np.unique(labels[g.at_condition(b, asked.time, asked.treatment)], return_counts=True)
    there = g.condition_words(b, asked.time, asked.treatment)
    if not (often >= FEWEST).any():
        return f"No kind of cell has {FEWEST} cells or more{there}."
    enough = [f"{name} ({n:,})" for name, n in zip(kinds, often, strict=True) if n >= FEWEST]
    return f"Kinds with {FEWEST} cells or more{there}: {words.literal(words.listed(enough))}."


def _unseen(b: Bundle, alike: np.ndarray, there: str, balanced: bool) -> Unseen:
    """Cells kept out of training that are like the drawn ones; all of those kept out where these are too few to be shown."""
    held_out = modalities.kept_out(b)
    like = held_out[alike[held_out]]
    if len(like) >= g.FEW or not there:
        return Unseen(like, there, len(like), not balanced)
    return Unseen(held_out, " of every kind", len(like), not balanced)


def _beside(b: Bundle, labels: np.ndarray, rows: np.ndarray, balanced: bool, seed: int) -> np.ndarray:
    """At most HOW_MANY of the measured cells, balanced: no kind of them more often than every kind is drawn; of cells kept out of
    the model's training where there are enough, as the states of the others lie a little further out than those of new cells."""
    unseen = np.intersect1d(rows, modalities.kept_out(b))
    rows = unseen if len(unseen) >= ENOUGH else rows
    rng = np.random.default_rng(seed)
    if balanced:
        kinds, of = np.unique(labels[rows], return_inverse=True)
        most = HOW_MANY // len(kinds)
        some = [rng.permutation(rows[of == i])[:most] for i in range(len(kinds))]
        return np.sort(np.concatenate(some))
    return np.sort(rng.permutation(rows)[:HOW_MANY])


def _how(asked: Asked, kind: str, n: int, unseen: bool, coloured: bool) -> str:
    where = (
        "A map puts a drawn cell among its nearest neighbours, so none can stand outside."
        if asked.on == MAP
        else f"Cells on the two directions in which {kind} cells differ most; grey: all of them."
    )
    kept = "kept out of the model's training" if unseen else "among them such that the model learned from"
    told = f" Left: {n:,} {kind} cells, {kept}, chosen at random"
    told += ", of rare kinds fewer than are drawn." if asked.balanced else "."
    return f"{where}{told} {'Both sides in the same colours.' if coloured else 'Blue: ' + kind + '. Pink: drawn.'}"


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

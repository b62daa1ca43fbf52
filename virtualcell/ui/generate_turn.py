"""Generate, third view: the codes that a generator of cell states found by itself, turned one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_codes import settling, turned
from virtualcell.figures.drawn_map import drawn_map
from virtualcell.figures.embedding import ordered
from virtualcell.generative.infogan_describe import turned_features
from virtualcell.ui import code_generate, modalities, state, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_codes import (
    HOW_MANY,
    STEPS,
    Asked,
    Read,
    anyhow,
    codes_of,
    draw,
    named,
    read_cells,
    set_apart,
    spread_measured,
    turn_from_end_to_end,
)
from virtualcell.ui.generate_files import SYNTHETIC
from virtualcell.ui.generate_tested import judged
from virtualcell.ui.modalities import yes_or_no
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

ONE = 0.1
"""Share of the measured spread below which drawn cells are called copies of one."""
ENOUGH = 3.0
"""Measured cells with some codes that are the least to tell how far such cells spread."""


def told_apart(b: Bundle) -> tuple[str, np.ndarray, str]:
    """What codes are named by: title, (cells,) names, kind; the annotation of the cells, else their time, else their
    treatment."""
    known = state.known_columns(b)
    title = next((name for name in ("cell state", "time", "treatment") if name in known), next(iter(known)))
    column, kind = known[title]
    values = state.values(b, column)
    unit = b.demo.columns.time_unit
    return title, np.array([f"{v:g} {unit}" if kind == "time" else str(v) for v in values.tolist()]), kind


def turn(b: Bundle) -> g.Shown | None:
    """Draws the view; None where it has nothing to show."""
    codes = b.model.codes
    if codes is None:
        g.not_made(b, "The generator with knobs", "codes")
        return None
    read = read_cells(b.demo.key, state.stamp(b))
    title, labels, _ = told_apart(b)
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        asked = _choices(b, read, labels)
    plane, everyone = g.plane(b)
    drawn = draw(b.demo.key, state.stamp(b), asked.category, asked.continuous, asked.seed)
    variance, cells = spread_measured(b.demo.key, state.stamp(b), asked.category, asked.continuous)
    mine = state.some(np.flatnonzero(read.category == asked.category), HOW_MANY)
    kind = words.measured(b.demo.simulated)
    titles = (f"{kind} cells of this kind", "drawn with these knobs")
    with main:
        around = plane(anyhow(b.demo.key, state.stamp(b), asked.category, asked.seed))
        fig = drawn_map(everyone, everyone[mine], plane(drawn), titles=titles, around=around, look=look(), height=470)
        chart(fig, f"codes-map-{b.demo.key}", alt=f"{kind} cells of code {asked.category + 1} beside cells drawn with it",
              file=f"{b.demo.key}-synthetic-codes")  # fmt: skip
        st.caption(
            "Left: with any knobs. Right: with the knobs as they stand at the side; faint: with the knobs anywhere. On the two "
            f"directions in which {kind} cells differ most. {_how_alike(variance, cells, drawn, kind)}"
        )
    # What went wrong in the training, as it says itself.
    for sentence in codes.record.get("warnings", []):
        st.warning(words.literal(sentence), icon=None)
    _changes(b, asked)
    _settled(b, read, labels, title)
    judged(b, f"{b.demo.key}, codes", "Do the codes say what is known of the cells?", ours="codes")
    return g.Shown(
        code=lambda: code_generate.turned(b, asked, STEPS, HOW_MANY // 2),
        methods=lambda: _methods(b, asked),
        facts=(f"{HOW_MANY} cells drawn", f"draw number {asked.seed}"),
    )


def _how_alike(measured: float, cells: float, drawn: np.ndarray, kind: str) -> str:
    """Whether chance alone makes drawn cells (n, d) differ: where it hardly does, many cells are one dot.

    measured: variance of measured cells with the same knobs, summed over coordinates, as ``cells`` of them say.
    """
    if cells < ENOUGH or measured <= 0:
        return f"Too few {kind} cells have these knobs to tell how much such cells differ from each other."
    share = float(np.sqrt(drawn.var(axis=0, ddof=1).sum() / measured))
    said = f"Drawn cells differ {share:.0%} as much from each other as {kind} cells in which the same knobs are read"
    return f"{said}: they are nearly copies of one." if share < ONE else f"{said}."


def _choices(b: Bundle, read: Read, labels: np.ndarray) -> Asked:
    n, knobs = codes_of(b).n_categories, codes_of(b).n_continuous
    # A batch is no biology: without anything better, kinds are called by what they have most of.
    biology = {"cell state", "time", "treatment"} & set(state.known_columns(b))
    names = named(read, labels if biology else set_apart(b.demo.key, state.stamp(b)), n)
    commonest = int(np.bincount(read.category, minlength=n).argmax())
    name = st.selectbox(
        "Kind of cell", names, index=commonest, key=state.own(b, "code"), bind="query-params",
        help="Kinds that the model found by itself, without the names. Each is called by what most of its cells are.",
    )  # fmt: skip
    continuous = tuple(
        float(st.slider(f"Knob {i + 1}", -1.0, 1.0, 0.0, 0.1, key=state.own(b, f"knob-{i + 1}"), bind="query-params"))
        for i in range(knobs)
    )
    which = 0
    if knobs > 1:
        known = [f"knob {i + 1}" for i in range(knobs)]
        which = known.index(
            st.segmented_control(
                "Turn below", known, default=known[0], required=True, key=state.own(b, "turned"), bind="query-params"
            )
        )
    modality = modalities.modalities(b)[0]
    if len(modalities.modalities(b)) > 1:
        kinds = {modalities.called(one): one for one in modalities.modalities(b)}
        modality = kinds[st.selectbox("Read out", list(kinds), key=state.own(b, "turn-of"), bind="query-params")]
    return Asked(names.index(name), continuous, which, modality, g.seed_choice(b, "turn"))


def _changes(b: Bundle, asked: Asked) -> None:
    places = np.linspace(-1, 1, STEPS)
    amount = turn_from_end_to_end(b.demo.key, state.stamp(b), asked.category, asked.which, asked.modality, asked.seed)
    features = b.model.features(asked.modality)
    knob, what = f"knob {asked.which + 1}", g.features_called(asked.modality)
    unit = "share of cells in which it is open" if yes_or_no(b, asked.modality) else "log(1 + mean amount)"
    st.markdown(f"##### What {knob} changes")
    left, right = st.columns([2, 1], gap="large")
    with left:
        fig = turned(features, places, amount, at=asked.continuous[asked.which], unit=unit,
                     knob=f"{knob}, from one end to the other", look=look())  # fmt: skip
        chart(fig, f"knob-turned-{b.demo.key}", alt=f"The {what} that change most as {knob} is turned",
              file=f"{b.demo.key}-synthetic-{knob.replace(' ', '-')}")  # fmt: skip
    table = turned_features(amount, features)
    table.insert(1, SYNTHETIC, True)
    with right:
        st.markdown(f"The {what} that change most from one end of the knob to the other, chance and the other knobs held:")
        change = "change" if yes_or_no(b, asked.modality) else "change of log"
        shown = table.head(8).round(2).rename(columns={"feature": what[:-1], "change": change}).drop(columns=["reach", SYNTHETIC])
        st.dataframe(shown, hide_index=True)
        table_download(b, table, f"synthetic-{knob.replace(' ', '-')}", f"All {what} as CSV")


def _settled(b: Bundle, read: Read, labels: np.ndarray, title: str) -> None:
    log = codes_of(b).log
    if not log:
        return
    st.markdown("##### How the codes settled")
    left, right = st.columns([2, 1], gap="large")
    with left:
        steps, of_code, of_use = (
            np.array([one[name] for one in log], float) for name in ("step", "entropy_of_code", "entropy_of_use")
        )
        fig = settling(steps, of_code, of_use, n_codes=codes_of(b).n_categories, look=look())
        chart(fig, f"settling-{b.demo.key}", alt="Entropy of the code of a cell and of the use of all codes, over the training",
              file=f"{b.demo.key}-codes-log")  # fmt: skip
    with right:
        kinds = ordered(labels)
        table = pd.crosstab(pd.Categorical(read.category + 1, range(1, codes_of(b).n_categories + 1)), labels)[kinds]
        st.markdown(
            "While it learns, the code of each single cell becomes certain (entropy towards 0); the dashed line says how evenly "
            "the codes are used. "
            f"A {words.measured(b.demo.simulated)} cell has its code with {read.sure.mean():.0%} certainty on average."
        )
        table_download(b, table.rename_axis("code").reset_index(), "codes-by-" + title.replace(" ", "-"), "Cells by code as CSV")


def _methods(b: Bundle, asked: Asked) -> str:
    knobs = words.listed([f"{value:g}" for value in asked.continuous])
    return (
        f"{HOW_MANY} cell states were drawn by a generator with interpretable codes (InfoGAN) learned from the cell states, with "
        f"categorical code {asked.category + 1} of {codes_of(b).n_categories} and continuous codes at {knobs} (seed "
        f"{asked.seed}); "
        f"code {asked.which + 1} was turned from -1 to 1 in {STEPS} steps with all other codes and the noise held. The drawn "
        "cells are "
        "synthetic."
    )

"""Generate, third view: the codes that a generator of cell states found by itself, turned one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_codes import turned
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
    measured_with,
    named,
    read_cells,
    set_apart,
    turn_from_end_to_end,
)
from virtualcell.ui.generate_files import SYNTHETIC
from virtualcell.ui.generate_settled import settled_verdict, training_log
from virtualcell.ui.generate_tested import judged, report
from virtualcell.ui.modalities import yes_or_no
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

ONE = 0.1
"""Share of the measured spread below which drawn cells are called copies of one."""
NARROW, WIDE = 0.8, 1.25
"""Shares of the measured spread below and above which drawn cells are called too narrow and too wide."""
FOLLOWS_TIME, KINDS_TIME = "|rho| of the best with time", "ARI with time"
"""Measures of the benchmark."""
WEAK, CLEAR = 0.3, 0.5
"""Rank correlation below which a knob follows nothing; agreement (adjusted Rand index) above which kinds do."""
ENOUGH = 3.0
"""Measured cells with some codes that are the least to tell how far such cells spread."""


def told_apart(b: Bundle) -> tuple[str, np.ndarray, str]:
    """What codes are named by: title, (cells,) names, kind; the annotation of the cells, else their time, else their
    treatment."""
    known = state.known_columns(b)
    title = next((name for name in ("cell state", "time", "treatment") if name in known), next(iter(known)))
    return title, _labels(b, *known[title]), known[title][1]


def _labels(b: Bundle, column: str, kind: str) -> np.ndarray:
    unit = b.demo.columns.time_unit
    return np.array([f"{v:g} {unit}" if kind == "time" else str(v) for v in state.values(b, column).tolist()])


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
    variance, cells, same = measured_with(b.demo.key, state.stamp(b), asked.category, asked.continuous)
    mine = state.some(np.flatnonzero(read.category == asked.category), HOW_MANY)
    kind = words.measured(b.demo.simulated)
    titles = (f"{kind}, nearest to these knobs", "drawn with these knobs")
    places = "_".join(f"{value:g}" for value in asked.continuous)
    with main:
        around = everyone[mine], plane(anyhow(b.demo.key, state.stamp(b), asked.category, asked.seed))
        fig = drawn_map(everyone, everyone[same], plane(drawn), titles=titles, around=around, look=look(), height=470)
        chart(fig, f"codes-map-{b.demo.key}", alt=f"{kind} cells of code {asked.category + 1} beside cells drawn with it",
              file=f"{b.demo.key}-synthetic-kind_{asked.category + 1}-knobs_{places}-draw_{asked.seed}")  # fmt: skip
        st.caption(
            f"Strong: with the knobs as they stand at the side; left, the {kind} cells whose knobs are read nearest to that. "
            f"Faint: cells of this kind with the knobs anywhere. On the two directions in which {kind} cells differ most. "
            f"{_how_alike(variance, cells, drawn, kind)}"
        )
    # What went wrong in the training, as it says itself.
    for sentence in codes.record.get("warnings", []):
        st.warning(words.literal(sentence), icon=None)
    _changes(b, asked)
    _of_time(b)
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
    if share < ONE:
        return f"{said}: they are nearly copies of one."
    verdict = "too narrow" if share < NARROW else "too wide" if share > WIDE else f"about as {kind}"
    return f"{said} ({cells:,.0f} of them): **{verdict}**."


def _choices(b: Bundle, read: Read, labels: np.ndarray) -> Asked:
    n, knobs = codes_of(b).n_categories, codes_of(b).n_continuous
    known = state.known_columns(b)
    # A batch is no biology: without anything better, kinds are called by what they have most of.
    biology = {"cell state", "time", "treatment"} & set(known)
    apart = [_labels(b, *known[title]) for title in ("treatment", "time") if title in known]
    names = named(read, labels if biology else set_apart(b.demo.key, state.stamp(b)), n, apart)
    commonest = int(np.bincount(read.category, minlength=n).argmax())
    name = st.selectbox(
        "Kind of cell", names, index=commonest, key=state.own(b, "code"), bind="query-params",
        help="Kinds that the model found by itself, without the names. Each is called by what most of its cells are; in brackets "
        "the commonest treatment or time, where two would have the same name. Mixed: no label has a clear majority.",
    )  # fmt: skip
    continuous = tuple(
        float(st.slider(f"Knob {i + 1}", -1.0, 1.0, 0.0, 0.1, key=state.own(b, f"knob-{i + 1}"), bind="query-params"))
        for i in range(knobs)
    )
    which = 0
    if knobs > 1:
        each = [f"knob {i + 1}" for i in range(knobs)]
        which = each.index(
            st.segmented_control(
                "Turn below", each, default=each[0], required=True, key=state.own(b, "turned"), bind="query-params"
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
              file=f"{b.demo.key}-synthetic-kind_{asked.category + 1}-{knob.replace(' ', '_')}-draw_{asked.seed}")  # fmt: skip
    table = turned_features(amount, features)
    table.insert(1, SYNTHETIC, True)
    with right:
        st.markdown(f"The {what} that change most from one end of the knob to the other, chance and the other knobs held:")
        change = "change" if yes_or_no(b, asked.modality) else "change of log"
        shown = table.head(8).round(2).rename(columns={"feature": what[:-1], "change": change}).drop(columns=["reach", SYNTHETIC])
        st.dataframe(shown, hide_index=True)
        table_download(b, table, f"synthetic-{knob.replace(' ', '-')}", f"All {what} as CSV")


def _of_time(b: Bundle) -> None:
    """Says plainly where no knob follows the time, by the benchmark's figures over trainings."""
    rows = [row for row in (report(b.folder) or {}).get("rows", []) if row["where"].startswith(f"{b.demo.key}, codes")]
    said = no_knob_follows(rows)
    if said:
        st.markdown(said)


def no_knob_follows(rows: list[dict[str, Any]]) -> str:
    """What rows of the benchmark of codes say of knobs and time, "" where the best knob follows it or it was not measured."""
    following = {row["method"]: row for row in rows if row["metric"] == FOLLOWS_TIME}
    ours = following.pop("codes", None)
    if ours is None or ours["value"] >= WEAK:
        return ""
    said = (
        f"**No knob follows the time**: the best one is hardly correlated with it (|rho| {ours['value']:.2f} on held-out cells)."
    )
    if following:
        method, best = max(((name, row["value"]) for name, row in following.items()), key=lambda one: one[1])
        if best >= WEAK:
            said += f" Of the simpler ways, {method} do follow it ({best:.2f})."
    kinds = next((row["value"] for row in rows if row["method"] == "codes" and row["metric"] == KINDS_TIME), 0.0)
    if kinds >= CLEAR:
        said += f" What differs in time is told by the kind of cell (agreement of kinds and times {kinds:.2f}, 1 is perfect)."
    return said


def _settled(b: Bundle, read: Read, labels: np.ndarray, title: str) -> None:
    codes = codes_of(b)
    if not codes.log:
        return
    st.markdown("##### Did the kinds settle?")
    kind = words.measured(b.demo.simulated)
    st.markdown(
        f"{settled_verdict(codes.log, codes.n_categories, 'cell')} On average the model is {read.sure.mean():.0%} certain of the "
        f"kind of a {kind} cell."
    )
    with st.expander("The training, step by step"):
        training_log(codes.log, codes.n_categories, key=f"settling-{b.demo.key}", file=f"{b.demo.key}-codes-log", said="")
        table = pd.crosstab(pd.Categorical(read.category + 1, range(1, codes.n_categories + 1)), labels)[ordered(labels)]
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

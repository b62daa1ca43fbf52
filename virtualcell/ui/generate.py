"""What the views of the page Generate share: which there are, what each tells the page, how cells and noise are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle
from virtualcell.figures.plane import Plane
from virtualcell.modalities import MODALITIES
from virtualcell.schema import DEFAULT_KINDS
from virtualcell.ui import marks, modalities, state, words
from virtualcell.ui.marks import MARKED
from virtualcell.ui.modalities import alone, called

MISSING, NEW, TURN = "A missing measurement", "New cells", "Turn a knob"
IMAGES, PAIRS, ASSAYS = "Cell images", "Do they belong together?", "Expensive assays"

ASKS = {
    MISSING: "One measurement of each cell is looked at, the other is drawn, several times: what could it have been? Blue was "
    "measured, pink is drawn.",
    NEW: "Whole cells are drawn from what the model learned of the measured ones. Left was measured, right is drawn; where cells "
    "are not coloured by their kind, blue was measured and pink is drawn.",
    TURN: "A few knobs that the model found by itself. Turn one and see what changes, all else held. Blue was measured, pink is "
    "drawn.",
    IMAGES: "Blood cells under the microscope: pictures that a model draws from a few knobs, beside photographs. "
    "They are not the cells chosen above.",
    PAIRS: "Is this measurement from the same cell as that one? Is this label plausible for this cell?",
    ASSAYS: "One cheap measurement was made in every cell, expensive ones in some. What would they read in the others?",
}
"""The views in their order, and what each asks."""

_CELLS = "-cells"
_CHOICES = {MISSING: ("missing",), PAIRS: ("pairs", "labels")}
"""Views -> names of their choices of cells."""

PICTURES = "Photographs: BCCD data set (Shenggan 2017, MIT licence), photographed and outlined by cosmicad and akshaylamba."
"""Where the pictures of blood cells are from."""

KEPT_OUT = "cells kept out of training"
OWN = "their own"
MOST_CELLS = 300
"""Cells that are drawn for: enough for a shape, few enough to be drawn in a moment."""
FEW = 20
"""Cells below which no shape, no correlation and no verdict is told."""


@dataclass(frozen=True)
class Shown:
    """What a view tells the page for Share & export and the small print; code and methods are called when they are asked for."""

    code: Callable[[], str]
    methods: Callable[[], str]
    facts: tuple[str, ...] = ()


def elsewhere(b: Bundle, why: str, demo: str) -> None:
    """Says in a sentence why a view has nothing to show for these cells, with a button to cells for which it has."""
    st.markdown(why)
    if demo in DEMOS:
        label = f"Show {DEMOS[demo].title}"
        st.button(label, on_click=_show, args=(demo, b.demo.key), type="primary", key=f"show-{demo}-generate")


def _show(demo: str, now: str) -> None:
    st.session_state[f"generate-{demo}"] = st.session_state.get(f"generate-{now}")
    st.session_state[state.DEMO] = demo


def not_made(b: Bundle, what: str, name: str) -> None:
    """Says why there is no generator and which command makes it; nothing is drawn in its place. what: the generator in words;
    name: as ``generator_faults`` has it, of one whose files could not be read."""
    fault = b.model.generator_faults.get(name)
    if fault is None:
        st.info(f"{what} was not trained for these cells, so nothing is drawn. This command trains and keeps it with the model:")
    else:
        # The file's name alone: where it lies is the server's own business.
        file = f" from {Path(fault.file).name}" if fault.file else ""
        said = " ".join(f"{fault.problem} What to do: {fault.next_step}".split())
        st.warning(f"{what} could not be read{file}, so nothing is drawn. {words.literal(said)}", icon=None)
        st.markdown("This command trains it again:")
    if b.demo.key in DEMOS:
        st.code(f"python -m virtualcell.demo --generators {b.demo.key}", language="bash")
    else:
        st.code(f"virtualcell generators {b.folder} YOUR_CELLS.h5mu", language="bash")


def cells_choice(b: Bundle, name: str, allowed: np.ndarray, *, most: int = MOST_CELLS) -> tuple[str, np.ndarray]:
    """A choice among groups of cells by name. allowed: (cells,) bool, those for which the view can answer. Returns the name and
    at most ``most`` rows; the rows may be none."""
    unseen, marked = modalities.kept_out(b), marks.marked(b)
    options = {KEPT_OUT: unseen} if allowed[unseen].any() else {}
    options |= {MARKED: marked} if len(marked) else {}
    options |= {"all cells": np.arange(b.cells.n_obs)} | state.groups(b)
    group = st.selectbox("Cells", list(options), key=state.own(b, f"{name}{_CELLS}"), bind="query-params")
    rows = np.asarray(options[group])
    return group, state.some(rows[allowed[rows]], most)


def marked_in_link(b: Bundle, view: str) -> None:
    """Puts the cells marked on Explore into the link where the view shows them; called once, after the view."""
    asked = [st.session_state.get(state.own(b, f"{name}{_CELLS}")) for name in _CHOICES.get(view, ())]
    marks.in_link(b, MARKED in asked)


def noise_choice(b: Bundle, name: str) -> float:
    """The one knob of the noise, with words for where it stands."""
    noise = st.slider(
        "Noise", 0.0, 2.0, 1.0, 0.25, key=state.own(b, f"{name}-noise"), bind="query-params",
        help="How far the states of drawn cells may stray. 1 is what was learned.",
    )  # fmt: skip
    st.caption(words.of_kind(f"{noise_words(noise)} {COUNTING}", b.demo.simulated))
    return float(noise)


def noise_words(noise: float) -> str:
    """What a place of the knob means."""
    if noise == 0:
        return "None: every draw for a cell, or of a kind, is the same, expected one."
    if noise < 1:
        return "Cell states are taken in towards the expected one: they vary less than was learned."
    return "Cell states vary as was learned." if noise == 1 else "Cell states stray further: some are like no measured cell's."


COUNTING = "The noise of counting is added in any case."


def law_words(b: Bundle, name: str) -> str:
    """Of which laws a sampler draws, with their shares; name: "rna->atac", or "cells"."""
    blend: dict[str, float] = b.model.generators["samplers"][name].get("blend", {})
    told = [f"“{law}” {share:.0%}" for law, share in sorted(blend.items(), key=lambda part: -part[1])]
    return f"a blend of the laws {words.listed(told)}" if told else "its laws are not recorded"


def seed_choice(b: Bundle, name: str, again: str = "draws the same cells again") -> int:
    """The number that starts chance: another one, another draw. again: what the same number does."""
    return int(
        st.number_input(
            "Draw number", 0, 9999, 0, 1, key=state.own(b, f"{name}-seed"), bind="query-params",
            help=f"The seed. The same number {again}.",
        )
    )  # fmt: skip


def condition_choice(b: Bundle, name: str, *, first: str = OWN) -> tuple[float | None, str | None]:
    """Time and treatment at which cells are drawn: None where they stay as they are. Only what was measured is offered."""
    time: float | None = None
    treatment: str | None = None
    columns = b.demo.columns
    if columns.time is not None:
        times = {f"{t:g} {columns.time_unit}": float(t) for t in np.unique(state.values(b, columns.time))}
        asked = st.selectbox("Time", [first, *times], key=state.own(b, f"{name}-time"), bind="query-params")
        time = times.get(asked)
    if columns.perturbation is not None:
        known = [columns.control, *b.model.record["treatments"]]
        asked = st.selectbox("Treatment", [first, *known], key=state.own(b, f"{name}-treatment"), bind="query-params")
        treatment = None if asked == first else asked
    return time, treatment


def at_condition(b: Bundle, time: float | None, treatment: str | None) -> np.ndarray:
    """(cells,) bool: those measured at this time and treatment; None: any."""
    found = np.ones(b.cells.n_obs, dtype=bool)
    if time is not None:
        found &= np.isclose(state.values(b, str(b.demo.columns.time)), time)
    if treatment is not None:
        found &= state.values(b, str(b.demo.columns.perturbation)) == treatment
    return found


def condition_words(b: Bundle, time: float | None, treatment: str | None) -> str:
    """ " at 3 h, treated with X", empty where all stays as it is."""
    said = "" if time is None else f" at {time:g} {b.demo.columns.time_unit}"
    return said + ("" if treatment is None else f" with {treatment}")


def unit_of(b: Bundle, modality: str) -> str:
    """Unit in which ``reading`` and ``draw_readings`` say how much there is."""
    kind = b.model.settings.kinds.get(modality, DEFAULT_KINDS.get(modality, modality))
    return MODALITIES[kind].reading_unit


def features_called(modality: str, one: bool = False) -> str:
    """What the features of a kind of measurement are called."""
    name = {"rna": "genes", "atac": "peaks", "prot": "proteins"}.get(modality, "features")
    return name[:-1] if one else name


@st.cache_resource(max_entries=16, show_spinner="Laying out the cells …")
def _plane(key: str, stamp: int, modality: str | None) -> tuple[Plane, np.ndarray]:
    b = state.bundle(key)
    states = b.state if modality is None else alone(b, modality)
    plane = Plane(states)
    return plane, plane(states)


def plane(b: Bundle, modality: str | None = None) -> tuple[Plane, np.ndarray]:
    """The two directions in which the measured cells differ most, and where they stand on them, (cells, 2): by whole states, or
    by those of one measurement alone."""
    return _plane(b.demo.key, state.stamp(b), modality)


@st.cache_resource(max_entries=16, show_spinner="Reading what was measured …")
def _readings(key: str, stamp: int, modality: str, packed: bytes) -> np.ndarray:
    b = state.bundle(key)
    return b.model.reading(b.cells[np.frombuffer(packed, dtype=np.int64)].copy(), modality)


def readings(b: Bundle, modality: str, rows: np.ndarray) -> np.ndarray:
    """What was measured in some cells, (rows, features), in ``unit_of``."""
    return _readings(b.demo.key, state.stamp(b), modality, np.asarray(rows, dtype=np.int64).tobytes())


def shown_features(b: Bundle, modality: str, measured: np.ndarray, most: int) -> list[str]:
    """Features that a first view shows: marker genes, then those that vary most among the measured cells; measured: (cells,
    features) readings."""
    names = b.model.features(modality)
    spread = np.nanvar(measured, axis=0)
    order = np.argsort(-spread, kind="stable")
    var = b.cells.mod[modality].var
    if "nearest_gene" in var:
        # Peaks near no gene are mostly copies of repeats, open everywhere.
        near = (var["nearest_gene"].astype(object).reindex(names).fillna("").astype(str) != "").to_numpy()
        order = order[np.argsort(~near[order], kind="stable")]
    varied = [names[i] for i in order]
    markers = [gene for gene in b.demo.marker_genes if gene in names and spread[names.index(gene)] > 0]
    return list(dict.fromkeys([*markers, *varied]))[:most]


def sources(b: Bundle) -> dict[str, tuple[str, str]]:
    """Directions between two measurements that were made in the same cells: as the page calls them -> (source, target)."""
    names = modalities.modalities(b)
    both = [(x, y) for x in names for y in names if x != y and modalities.with_measured(b, x, y).sum() >= 20]
    return {f"{called(x)} → {called(y)}": (x, y) for x, y in both}

"""What the view of the codes shows, before it is drawn: cells by their codes, cells drawn with codes, names of the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.generative.infogan import Codes
from virtualcell.generative.infogan_describe import name_categories
from virtualcell.generative.infogan_spread import spread_of_measured
from virtualcell.ui import generate as g
from virtualcell.ui import modalities, state, words
from virtualcell.ui.modalities import yes_or_no

HOW_MANY = 200
STEPS = 9
FEW = 0.02
"""Share of the cells below which a code is called hardly used."""
MIXED = 0.6
"""Share of its commonest label below which a code is called mixed."""


@dataclass(frozen=True)
class Asked:
    """Where the knobs stand: category, continuous (knobs,) in -1..1, which of them is turned, and what is read out."""

    category: int
    continuous: tuple[float, ...]
    which: int
    modality: str
    seed: int


@dataclass(frozen=True)
class Read:
    """Measured cells by their codes: category (cells,), its probability (cells,), continuous (cells, knobs)."""

    category: np.ndarray
    sure: np.ndarray
    continuous: np.ndarray


def codes_of(b: Bundle) -> Codes:
    """The codes of a demo that has some."""
    assert b.model.codes is not None, "the view has stopped where there are none"
    return b.model.codes


@st.cache_resource(max_entries=8, show_spinner="Reading the code of every measured cell …")
def read_cells(key: str, stamp: int) -> Read:
    b = state.bundle(key)
    probabilities, continuous = codes_of(b).read(b.state)
    return Read(probabilities.argmax(axis=1), probabilities.max(axis=1), continuous)


@st.cache_resource(max_entries=32, show_spinner="Drawing cells with these codes …")
def draw(key: str, stamp: int, category: int, continuous: tuple[float, ...], seed: int) -> np.ndarray:
    b = state.bundle(key)
    codes = np.tile(np.asarray(continuous, dtype=np.float32), (HOW_MANY, 1))
    return codes_of(b).draw(np.full(HOW_MANY, category), codes, seed=seed)


@st.cache_resource(max_entries=32, show_spinner="Looking for measured cells with these codes …")
def measured_with(key: str, stamp: int, category: int, continuous: tuple[float, ...]) -> tuple[float, float, np.ndarray]:
    """Of measured cells with the codes: their variance, summed over coordinates, how many cells say so, and as many rows, those
    whose codes are the likeliest first."""
    b = state.bundle(key)
    codes, places = codes_of(b), np.asarray(continuous, dtype=np.float32)
    variance, cells = spread_of_measured(codes, b.state, category, places)
    order = np.argsort(-codes.likeness(b.state, category, places), kind="stable")
    return float(variance.sum()), cells, order[: min(max(round(cells), 1), HOW_MANY)]


@st.cache_resource(max_entries=16, show_spinner="Drawing cells with these codes …")
def anyhow(key: str, stamp: int, category: int, seed: int) -> np.ndarray:
    """Cells of a kind with every knob anywhere."""
    codes = codes_of(state.bundle(key))
    knobs = np.random.default_rng(seed).uniform(-1, 1, (2 * HOW_MANY, codes.n_continuous)).astype(np.float32)
    return codes.draw(np.full(len(knobs), category), knobs, seed=seed)


@st.cache_resource(max_entries=32, show_spinner="Turning the knob from end to end …")
def turn_from_end_to_end(key: str, stamp: int, category: int, which: int, modality: str, seed: int) -> np.ndarray:
    """Mean reading at each step of the knob, (STEPS, features)."""
    b = state.bundle(key)
    found = codes_of(b).turn(category, which, steps=STEPS, seed=seed, n=HOW_MANY // 2)
    mean = b.model.decode(found, modality=modality).mean(axis=1)
    return mean if yes_or_no(b, modality) else np.log1p(mean)


def named(read: Read, labels: np.ndarray | list[str], n: int, apart: Sequence[np.ndarray] = ()) -> list[str]:
    """What each categorical code is called: by what most of its measured cells are, with their share; mixed where that is no
    clear majority.

    labels: (cells,) of the cells; or, where nothing is known of them, what to call each code, (codes,) list. apart: further
    annotations (cells,), treatment or time; where kinds have the same name, the commonest value of the first that differs between
    them is added in brackets.
    """
    found, kinds = [], []
    table = name_categories(read.category, read.category.astype(str) if isinstance(labels, list) else labels, n)
    for k, line in enumerate(table.itertuples()):
        few = line.cells < max(1, FEW * len(read.category))
        mixed = not isinstance(labels, list) and line.share_of_name < MIXED
        kinds.append("" if few or mixed else labels[k] if isinstance(labels, list) else str(line.name))
        if few:
            found.append(f"{k + 1}: hardly any measured cell")
        elif isinstance(labels, list):
            found.append(f"{k + 1}: {labels[k]} ({line.cells:,} cells)")
        elif mixed:
            two = pd.Series(labels[read.category == k].astype(str)).value_counts().head(2) / line.cells
            parts = words.listed([f"{name} {share:.0%}" for name, share in two.items()])
            found.append(f"{k + 1}: mixed, {parts} of {line.cells:,} cells")
        else:
            found.append(f"{k + 1}: {line.name}, {line.share_of_name:.0%} of {line.cells:,} cells")
    for kind in {one for one in kinds if one and kinds.count(one) > 1}:
        same = [k for k in range(n) if kinds[k] == kind]
        for values in apart:
            most = name_categories(read.category, values, n)["name"].tolist()
            if len({most[k] for k in same}) > 1:
                for k in same:
                    found[k] = found[k].replace(f": {kind}", f": {kind} ({most[k]})", 1)
                break
    return found


@st.cache_resource(max_entries=8, show_spinner="Looking for what sets each kind of cell apart …")
def set_apart(key: str, stamp: int) -> list[str]:
    """Of each code the two features in which its cells stand out most above the others, in their standard deviations."""
    b, read = state.bundle(key), read_cells(key, stamp)
    name = modalities.modalities(b)[-1]
    rows = np.flatnonzero(modalities.with_measured(b, name))
    amount = g.readings(b, name, rows)
    z = (amount - amount.mean(axis=0)) / np.maximum(amount.std(axis=0), 1e-6)
    features, said = b.model.features(name), []
    for k in range(codes_of(b).n_categories):
        mine = read.category[rows] == k
        high = np.argsort(-z[mine].mean(axis=0), kind="stable")[:2].tolist() if mine.any() else []
        said.append("high " + words.listed([features[i] for i in high]))
    return said

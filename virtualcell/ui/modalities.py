"""What was measured in a demo's cells, and what each kind of measurement alone says of them; computed once, shared unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from sklearn.decomposition import PCA

from virtualcell.demo import Bundle
from virtualcell.evaluation.intervals import share_interval
from virtualcell.evaluation.multiomics import time_read
from virtualcell.modalities import MODALITIES
from virtualcell.schema import DEFAULT_KINDS, MEASURED_KEY
from virtualcell.ui import state

CALLED = {"rna": "RNA", "atac": "chromatin", "prot": "proteins", "cytof": "proteins", "methylation": "methylation"}
"""A kind of measurement in a few letters; others go by the name in the file."""

TOGETHER = "all together"
"""What cells are called that were placed by all their measurements."""

NAT = "A nat measures information: 1 nat more makes what was measured in a cell 2.7 times as probable."

LITTLE = 0.05
"""Share of the differences between cells below which they are explained a little only."""

LIKELY = 0.95
"""Level of every interval here."""


def called(modality: str) -> str:
    """A kind of measurement as the page calls it."""
    return CALLED.get(modality, modality)


def modalities(b: Bundle) -> list[str]:
    """Kinds of measurement that the model reads, those with a name of their own first."""
    known = list(CALLED)
    read = [name for name in b.model.record["modalities"] if name in b.cells.mod]
    return sorted(read, key=lambda name: known.index(name) if name in known else len(known))


def yes_or_no(b: Bundle, modality: str) -> bool:
    """Whether a reading of a single cell is 0 or 1."""
    kind = b.model.settings.kinds.get(modality, DEFAULT_KINDS.get(modality, modality))
    return MODALITIES[kind].yes_or_no


def with_measured(b: Bundle, *names: str) -> np.ndarray:
    """Boolean (cells,): those in which all the named were measured."""
    measured = np.asarray(b.cells.obsm[MEASURED_KEY], dtype=bool)
    return np.all(measured[:, [list(b.cells.mod).index(name) for name in names]], axis=1)


def kept_out(b: Bundle) -> np.ndarray:
    """Rows of the cells from which no part of the training learned; empty where the model does not say."""
    rows = b.cells.obs_names.get_indexer(b.model.record.get("held_out", []))
    return np.sort(rows[rows >= 0])


def written(value: Any, unit: str = "") -> str:
    """A value of an annotation as it is written: "3 h", "Monocyte"."""
    return f"{value:g} {unit}".strip() if isinstance(value, int | float) else str(value)


def measured(b: Bundle) -> dict[str, int]:
    """Cells by the modalities measured in them: {"rna+atac": 1200, "rna": 300}."""
    names = modalities(b)
    table = np.column_stack([with_measured(b, name) for name in names])
    found, count = np.unique(table, axis=0, return_counts=True)
    return {"+".join(np.array(names)[row]): int(n) for row, n in zip(found, count, strict=True)}


@dataclass(frozen=True)
class Told:
    """How much of the target is told by the source, in cells that the fit which predicts them has not seen.

    value, error: nats a cell over a prediction that is the same for every cell, where the target is read as 0 or 1; otherwise the
    share of the variance explained, averaged over features; and its standard error.
    """

    source: str
    target: str
    value: float
    error: float
    share: bool
    related: bool
    n_cells: int


def conversions(b: Bundle) -> list[Told]:
    """Every direction that the model can translate directly, as it was checked when the model was fitted."""
    found = []
    for way, quality in b.model.record.get("conversions", {}).items():
        source, target = way.split("->")
        share = not yes_or_no(b, target)
        # Half the squared error in units of each feature's variance, summed: the mean alone leaves features / 2.
        scale = 2 / b.model.record["modalities"][target] if share else 1.0
        found.append(
            Told(
                source,
                target,
                scale * quality["used"],
                scale * quality["standard_error"],
                share,
                bool(quality["related"]),
                int(quality["n_cells"]),
            )
        )
    order = modalities(b)
    return sorted(found, key=lambda told: (order.index(told.source), order.index(told.target)))


def relations(b: Bundle) -> list[str]:
    """One sentence a pair of measurements: are they related?"""
    told = {(entry.source, entry.target): entry for entry in conversions(b)}
    said = []
    names = modalities(b)
    for i, x in enumerate(names):
        for y in names[i + 1 :]:
            first, second = called(x), called(y)
            ways = [pair for pair in ((x, y), (y, x)) if pair in told]
            works = [pair for pair in ways if told[pair].related]
            if not ways:
                said.append(f"{first} and {second} were measured together in too few cells to say whether they are related.")
            elif len(works) == 2:
                there, back = (_much(told[pair]) for pair in ways)
                how = (
                    f"each tells {there} of the other"
                    if there == back
                    else (f"{first} tells {there} of {second}, {second} {back} of {first}")
                )
                said.append(f"{first} and {second} of these cells are related: {how}.")
            elif works:
                source, target = map(called, works[0])
                said.append(
                    f"{first} and {second} of these cells are related: {source} tells {_much(told[works[0]])} of {target}."
                )
            else:
                said.append(f"{first} and {second} of these cells are not related, as far as unseen cells show.")
    return [sentence[0].upper() + sentence[1:] for sentence in said]


def _much(told: Told) -> str:
    return "a little" if told.share and told.value < LITTLE else "something"


@st.cache_resource(max_entries=16, show_spinner="Reading each measurement alone …")
def _alone(key: str, stamp: int, modality: str) -> np.ndarray:
    b = state.bundle(key)
    rows = np.flatnonzero(with_measured(b, modality))
    found = np.full(b.state.shape, np.nan, dtype=np.float32)
    # embed writes into what it is given: it gets cells of its own.
    found[rows] = b.model.embed(b.cells[rows].copy(), modalities=[modality])
    return found


def alone(b: Bundle, modality: str) -> np.ndarray:
    """States read from one kind of measurement alone, (cells, d); NaN where it was not measured."""
    return _alone(b.demo.key, state.stamp(b), modality)


@st.cache_resource(max_entries=8, show_spinner="Placing the cells by each measurement …")
def _places(key: str, stamp: int) -> dict[str, np.ndarray]:
    b = state.bundle(key)
    # One plane for all: the two directions in which the states by all measurements differ most.
    plane = PCA(2, random_state=0).fit(b.state)

    def put(states: np.ndarray) -> np.ndarray:
        return ((states - plane.mean_) @ plane.components_.T).astype(np.float32)

    names = modalities(b)
    return {TOGETHER: put(b.state)} | {f"{called(name)} alone": put(alone(b, name)) for name in names}


def places(b: Bundle) -> dict[str, np.ndarray]:
    """Title -> (cells, 2) on the first two principal axes of the joint states; NaN where not measured."""
    return _places(b.demo.key, state.stamp(b))


@dataclass(frozen=True)
class ReadOut:
    """How often an annotation of unseen cells is named rightly: a row a source with name, value, low, high; and by guessing."""

    table: pd.DataFrame
    chance: float
    n_cells: int


@st.cache_resource(max_entries=16, show_spinner="Reading cells back …")
def _read_out(key: str, stamp: int, column: str) -> ReadOut | None:
    b = state.bundle(key)
    names = modalities(b)
    labels = state.values(b, column).astype(str)
    rows = with_measured(b, *names) & ~np.isin(labels, ["nan", "unknown", "None"])
    kinds, count = np.unique(labels[rows], return_counts=True)
    # Five folds need five cells of a kind; rarer kinds are left out.
    rows &= np.isin(labels, kinds[count >= 5])
    if len(set(labels[rows])) < 2:
        return None
    n = int(rows.sum())
    found = []
    for name, states in [(TOGETHER, b.state), *((f"{called(m)} alone", alone(b, m)) for m in names)]:
        share = time_read(states[rows], labels[rows])
        _, low, high = share_interval(np.array(share * n), n)
        found.append({"source": name, "value": share, "low": float(low), "high": float(high)})
    chance = float(np.unique(labels[rows], return_counts=True)[1].max() / n)
    return ReadOut(pd.DataFrame(found), chance, n)


def read_out(b: Bundle, column: str) -> ReadOut | None:
    """How well an annotation is read from all measurements and from each alone (5-fold); None where it has one value only."""
    return _read_out(b.demo.key, state.stamp(b), column)

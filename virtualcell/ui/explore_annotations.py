"""What is known of every cell, under the names that a reader sees; looked up once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.embedding import ordered
from virtualcell.training.given import RNA
from virtualcell.ui import state

MOST_GROUPS = 255
"""A map has one byte a cell for its group; a column that tells more of them apart would leave the page without a map."""


@st.cache_resource(max_entries=16, show_spinner="Looking through the annotations …")
def _columns(key: str, stamp: int) -> dict[str, tuple[str, str]]:
    b = state.bundle(key)
    found = {}
    for title, (name, kind) in state.known_columns(b).items():
        if len(pd.unique(state.values(b, name))) <= MOST_GROUPS:
            found[title] = (name, kind)
        elif kind == "time":
            found[title] = (name, "amount")
    taken = {column for column, _ in found.values()}
    for name, column in b.cells.obs.items():
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if name not in taken and ":" not in str(name) and number and column.nunique() > 2:
            found[str(name).replace("_", " ")] = (str(name), "amount")
    return found


def columns(b: Bundle) -> dict[str, tuple[str, str]]:
    """Title -> (column of obs, kind for figures): those of ``state.known_columns`` with at most 255 groups, then amounts."""
    return _columns(b.demo.key, state.stamp(b))


def groupings(b: Bundle) -> dict[str, tuple[str, str]]:
    """Those annotations that put cells into groups."""
    return {title: (column, kind) for title, (column, kind) in columns(b).items() if kind != "amount"}


@st.cache_resource(max_entries=64, show_spinner="Reading an annotation …")
def _values(key: str, stamp: int, column: str) -> np.ndarray:
    return state.values(state.bundle(key), column)


def values(b: Bundle, column: str) -> np.ndarray:
    """An annotation of every cell, as ``state.values``, made once: do not change it."""
    return _values(b.demo.key, state.stamp(b), column)


@st.cache_resource(max_entries=16, show_spinner="Counting groups …")
def _groups(key: str, stamp: int) -> dict[str, tuple[str, object]]:
    b = state.bundle(key)
    found: dict[str, tuple[str, object]] = {}
    for title, (column, kind) in groupings(b).items():
        for value in ordered(pd.unique(values(b, column))):
            shown = f"{value:g} {b.demo.columns.time_unit}" if kind == "time" else value
            found[f"{title}: {shown}"] = (column, value)
    return found


def groups(b: Bundle) -> dict[str, tuple[str, object]]:
    """Title -> (column, value) of the groups of ``state.groups``, without looking for the cells of each."""
    return _groups(b.demo.key, state.stamp(b))


def unit(b: Bundle, kind: str) -> str:
    """The unit that is written behind a value of this kind."""
    return b.demo.columns.time_unit if kind == "time" else ""


def genes_in(b: Bundle) -> str:
    """The measurement whose features are called genes: RNA, or the first where there is none."""
    return RNA if RNA in b.cells.mod else next(iter(b.cells.mod))


@st.cache_resource(max_entries=32, show_spinner="Listing what was measured …")
def _features(key: str, stamp: int, modality: str) -> list[str]:
    return list(state.bundle(key).cells.mod[modality].var_names)


def features(b: Bundle, modality: str) -> list[str]:
    """Names of what was measured, made once: do not change it."""
    return _features(b.demo.key, state.stamp(b), modality)

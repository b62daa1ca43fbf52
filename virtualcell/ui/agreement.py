"""Whether two kinds of measurement, each alone, find the same cell again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.evaluation.multiomics import foscttm, permuted
from virtualcell.figures.embedding import ordered
from virtualcell.ui import state
from virtualcell.ui.modalities import LIKELY, TOGETHER, alone, kept_out, places, with_measured, written

EXCHANGES = 40
"""How often partners are dealt out anew."""


@dataclass(frozen=True)
class Agreement:
    """Whether two measurements, each alone, place a cell alike.

    likeness: (n, n) of some cells seen by the first measurement (rows) to the same seen by the second; groups: (n,). closer:
    share of the other cells that lie closer than the partner, over n_cells cells; exchanged, within: 95 % range of the same when
    partners are dealt out anew among all cells, or among cells of one group (None where there are no groups).
    """

    likeness: np.ndarray
    groups: list[str]
    closer: float
    exchanged: tuple[float, float]
    within: tuple[float, float] | None
    n_cells: int
    unseen: bool
    """Whether no part of the training learned from these cells."""


@st.cache_resource(max_entries=8, show_spinner="Comparing cells …")
def _agreement(key: str, stamp: int, first: str, second: str, column: str | None, shown: int) -> Agreement:
    b = state.bundle(key)
    both = np.flatnonzero(with_measured(b, first, second))
    rows = np.intersect1d(kept_out(b), both)
    unseen = len(rows) >= 20
    if not unseen:
        rows = state.some(both, 300)
    # Direction from the middle, not size: one measurement alone says less and so keeps closer to the middle.
    sides = []
    for name in (first, second):
        states = alone(b, name)[rows]
        states = states - states.mean(axis=0)
        sides.append(states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12))
    label = state.values(b, column)[rows] if column is not None else np.zeros(len(rows))
    place = np.arange(len(rows))

    def dealt(within: np.ndarray | None) -> tuple[float, float]:
        draws = [foscttm(sides[0], sides[1][permuted(place, seed, within)]) for seed in range(EXCHANGES)]
        low, high = np.quantile(draws, [(1 - LIKELY) / 2, (1 + LIKELY) / 2])
        return float(low), float(high)

    along = places(b)[TOGETHER][rows, 0]
    rank = {value: i for i, value in enumerate(ordered(label))}
    order = np.lexsort((along, [rank[value] for value in label.tolist()]))
    order = order[np.unique(np.linspace(0, len(order) - 1, min(shown, len(order))).astype(int))]
    unit = b.demo.columns.time_unit if column == b.demo.columns.time else ""
    names = [written(value, unit) if column is not None else "" for value in label[order].tolist()]
    return Agreement(
        sides[0][order] @ sides[1][order].T,
        names,
        foscttm(*sides),
        dealt(None),
        dealt(label) if column is not None else None,
        len(rows),
        unseen,
    )


def agreement(b: Bundle, first: str, second: str, column: str | None, shown: int = 100) -> Agreement:
    """Whether two kinds of measurement, each alone, place a cell alike; on cells kept out of training where there are twenty."""
    return _agreement(b.demo.key, state.stamp(b), first, second, column, shown)


def agreement_words(found: Agreement, first: str, second: str, group: str | None) -> str:
    """One or two sentences: is it better than chance, and is it more than what the group alone gives?"""
    if found.exchanged[0] <= found.closer <= found.exchanged[1]:
        return (
            f"**No better than chance:** partners dealt out at random give {_range(found.exchanged)}. Alone, {first} and "
            f"{second} do not find the same cell."
        )
    if found.closer > found.exchanged[1]:
        return f"**Worse than chance** ({_range(found.exchanged)}): alone, {first} and {second} place these cells differently."
    near = "A little better than chance" if found.closer > 0.4 else "Better than chance"
    said = f"**{near}** ({_range(found.exchanged)} when partners are dealt out at random)."
    if found.within is None or group is None:
        return said
    low = found.within[0]
    more = f"It is more than {group} explains" if found.closer < low else f"It is no more than {group} explains"
    return f"{said} {more}: {_range(found.within)} when dealt out among cells of the same {group}."


def _range(bounds: tuple[float, float]) -> str:
    return f"{100 * bounds[0]:.0f} to {100 * bounds[1]:.0f} %"

"""Which measured cells the model hardly expects, given the cells of the time before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from scipy.stats import fisher_exact

from virtualcell.demo import Bundle
from virtualcell.evaluation.intervals import share_interval
from virtualcell.figures.fates import fates
from virtualcell.figures.unexpected import unexpected
from virtualcell.landscape.fates import assign
from virtualcell.ui import colours, state, words
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

RARE = 0.05
"""Share of the predicted cells that fit as badly, from which down a cell is hardly expected."""

MANY = 0.25
"""Share of hardly expected cells beyond which the model is to blame."""

FEWEST, LEAST_STARTS, STARTS = 5, 100, 400
"""Cells of a kind from which on it is looked at; fewest and most start cells carried on, half of which make a density."""

SURE = 0.05
"""Chance, over all kinds together (Bonferroni), that one is named though the model expects it."""


@dataclass(frozen=True)
class Found:
    """The untreated cells of a time.

    at: their rows (m,); chances: share of the model's own cells that fit as badly as each, (m,); names: what each is, (m,), and
    kinds: these counted beside the model's own cells (``by_kind``), both None where cells have no names.
    """

    at: np.ndarray
    chances: np.ndarray
    names: np.ndarray | None
    kinds: pd.DataFrame | None


@st.cache_resource(max_entries=16, show_spinner="Looking for cells that the model did not expect …")
def _found(key: str, stamp: int, before: float, then: float) -> Found:
    b = state.bundle(key)
    rows = _rows(b)
    start, at = state.some(rows[before], STARTS), rows[then]
    found = b.model.unexpected(b.state[start], b.state[at], duration=then - before)
    if b.demo.columns.state is None:
        return Found(at, found.chances, None, None)
    # Cells of both sorts are named in one way, by the measured cells around them: the model's own have no other name.
    annotated = state.values(b, b.demo.columns.state)[at].astype(str)
    names, drawn = (assign(cells, b.state[at], annotated) for cells in (b.state[at], found.drawn))
    return Found(at, found.chances, names, by_kind(found.chances, names, found.drawn_chances, drawn))


@st.cache_resource(max_entries=16, show_spinner="Drawing the unexpected cells …")
def _pictures(key: str, stamp: int, before: float, then: float, theme: str) -> tuple[go.Figure, go.Figure | None]:
    """The map and the bars; built once a theme, as no slider of the page changes them."""
    b = state.bundle(key)
    found = _found(key, stamp, before, then)
    on_map = unexpected(b.umap2, found.at, found.chances <= RARE, found.names, look=look())
    if found.kinds is None:
        return on_map, None
    large = found.kinds[found.kinds["cells"] >= FEWEST].head(8)
    tints = colours.of(b, large["kind"])
    bars = fates(
        list(large["kind"]), large["share"], large["low"], large["high"],
        colours=[tints[name] for name in large["kind"]], look=look(),
        measured=large["own share"], measured_name="cells that the model itself predicts",
    )  # fmt: skip
    return on_map, bars


def _rows(b: Bundle) -> dict[float, np.ndarray]:
    """Time -> rows of its untreated cells, in order."""
    assert b.demo.columns.time is not None
    time, alone = state.values(b, b.demo.columns.time), state.untreated(b)
    return {float(t): alone[time[alone] == t] for t in np.unique(time[alone])}


def by_kind(chances: np.ndarray, names: np.ndarray, own_chances: np.ndarray, own_names: np.ndarray) -> pd.DataFrame:
    """A row a kind of cell, the most unexpected first: cells, how many of them are hardly expected, their share with its 95 %
    interval (Wilson 1927), the same share of the model's own cells of that kind, and p, the chance of a difference as large
    (Fisher's exact test, one-sided).

    Of a model that is right one in twenty cells is hardly expected, but not of every kind: where cells of a kind lie far apart
    more are. own share and p are not a number where the model has fewer than FEWEST cells of that kind.
    """
    rows = []
    for name in np.unique(names):
        odd, n = int((chances[names == name] <= RARE).sum()), int((names == name).sum())
        own_odd, own = int((own_chances[own_names == name] <= RARE).sum()), int((own_names == name).sum())
        known = own >= FEWEST
        counts = [[odd, n - odd], [own_odd, own - own_odd]]
        share, low, high = share_interval(odd, n)
        rows.append(
            {
                "kind": str(name),
                "cells": n,
                "hardly expected": odd,
                "share": float(share),
                "low": float(low),
                "high": float(high),
                "own cells": own,
                "own share": own_odd / own if known else np.nan,
                "p": fisher_exact(counts, alternative="greater").pvalue if known else np.nan,
            }
        )
    return pd.DataFrame(rows).sort_values(["share", "cells"], ascending=False, ignore_index=True)


def said_of(chances: np.ndarray, kinds: pd.DataFrame | None, when: str, kind: str) -> str:
    """In a sentence or two: how many, against what chance gives, and which."""
    n, odd = len(chances), int((chances <= RARE).sum())
    _, low, _ = share_interval(odd, n)
    said = f"**{100 * odd / n:.0f} %** of the {n:,} {kind} cells of {when} are hardly expected"
    if low > RARE:
        said += f", more than the {100 * RARE:.0f} % of a model that is right."
    else:
        said += f"; of a model that is right it would be {100 * RARE:.0f} %."
    if kinds is not None:
        asked = kinds[kinds["cells"] >= FEWEST]
        named = asked[asked["p"] * len(asked) <= SURE].head(3)
        if len(named):
            said += (
                f" Of kinds with {FEWEST} cells or more, above what the model's own cells of the kind give: "
                + ", ".join(f"{row['kind']} ({row['hardly expected']} of {row['cells']})" for _, row in named.iterrows())
                + "."
            )
        else:
            said += " No kind stands out."
        missing = list(asked["kind"][asked["p"].isna()])
        if missing:
            said += f" The model predicts next to no {', '.join(missing)}."
    if low > MANY:
        said += " So many say that the model is wrong about single cells here, not that these cells are special."
    return said


def unexpected_cells(b: Bundle) -> None:
    """The heading, the gap to choose, the answer in words, on the map and by kind; nothing for fewer than two times."""
    columns, kind = b.demo.columns, words.measured(b.demo.simulated)
    rows = _rows(b)
    gaps = [(a, z) for a, z in pairwise(rows) if len(rows[a]) >= LEAST_STARTS and len(rows[z]) >= FEWEST]
    if not gaps:
        return
    st.markdown("##### Cells that the model did not expect")
    st.markdown(
        f":gray[The {kind} cells of one time are carried on by the model. Which cells of the next lie where it puts hardly any?]"
    )
    named = {f"{a:g} to {z:g} {columns.time_unit}": (a, z) for a, z in gaps}
    chosen = next(reversed(named))
    if len(named) > 1:
        chosen = st.segmented_control(
            "From one time to the next", list(named), default=chosen, required=True, key=state.own(b, "gap"), bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
    before, then = named[chosen]
    found = _found(b.demo.key, state.stamp(b), before, then)
    when = f"{then:g} {columns.time_unit}"
    st.markdown(said_of(found.chances, found.kinds, when, kind))
    on_map, by_bars = _pictures(b.demo.key, state.stamp(b), before, then, look().name)
    places, bars = st.columns([1.6, 1], gap="medium") if by_bars is not None else (st.container(), None)
    with places:
        chart(on_map, f"unexpected-{b.demo.key}", alt=f"Map of the {kind} cells of {when}, hardly expected ones marked",
              file=f"{b.demo.key}-unexpected")  # fmt: skip
    if by_bars is not None and bars is not None:
        with bars:
            st.markdown("**Hardly expected, by kind of cell**")
            chart(by_bars, "unexpected-kinds", alt=f"Share of hardly expected cells of {when} by kind",
                  file=f"{b.demo.key}-unexpected-kinds")  # fmt: skip
    kinds = found.kinds
    bars_said = ""
    if kinds is not None:
        bars_said = (
            f"Bars: kinds of {FEWEST} cells or more, named by the cells around them, with 95 % interval over cells; diamonds: "
            "the same share of cells that the model itself predicts, to compare with. "
        )
    st.caption(
        f"Hardly expected: of the cells that the model carries on from half of the start cells, at most one in {round(1 / RARE)} "
        f"lies where so few of those from the other half are. {bars_said}"
        f"The {kind} cells were used in training: new ones would be expected somewhat less. A kind that came from elsewhere, or "
        f"from a few cells that the time before happened to miss, is hardly expected, too. Up to {STARTS} cells are carried on."
    )
    if kinds is not None:
        table_download(b, kinds, f"unexpected-{before:g}-{then:g}")

"""How well predictions did on cells that no part of the training saw, beside simpler predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.heldout import heldout
from virtualcell.figures.trajectory_methods import OTHER_OURS, OURS, RULE, trajectory_methods
from virtualcell.ui import state, words
from virtualcell.ui.honesty_choice import choice
from virtualcell.ui.honesty_curves import curves
from virtualcell.ui.parts import chart, heldout_panels
from virtualcell.ui.theme import look
from virtualcell.ui.trajectory_horizon import limit

Rows = list[dict[str, Any]]

POPULATIONS = (("W1, as many cells as measured", "W1"), ("energy distance",))
"""Measures of whole populations, drawn side by side; of those in one bracket, the first that every method of ours has."""

EFFECTS = ("energy distance", "Pearson of change, top 50", "L2 of change", "weighted MSE of change")
"""Measures of what a treatment changes that are drawn at once; others wait to be opened."""

UNRANKED = "variance"
"""Begins the name of a measure that is right at 1: neither larger nor smaller is better."""

ONE_OF = ": "
"""In the name of a test: of one of several cases, whose mean is shown."""

BEYOND = "beyond the last time"
"""How a report names the test in which the last measured time was hidden."""

ON_SCREEN = {"W1, as many cells as measured": "W1"}

TITLES = {"W1": "transport distance (W1)"}
"""How a measure is called on the page."""


def honesty(b: Bundle) -> None:
    """A panel for each measure in the demo's report, and its claims; without a report, says that nothing was tested."""
    st.markdown("##### How far can this be trusted?")
    panels = {
        place: rows
        for place, rows in heldout_panels(b.report["rows"]).items()
        if len(rows) > 1
        and any(row["method"] == words.OURS for row in rows)
        and ONE_OF not in place[0]
        and not place[1].startswith(UNRANKED)
    }
    if not panels:
        said = "No held-out test was made for these cells, so nothing here says how close the predictions come to the truth."
        st.info(said, icon=None)
        _horizon(b)
        return
    for where in sorted(dict.fromkeys(where for where, _ in panels), key=lambda where: BEYOND in where):
        mine = {metric: rows for (place, metric), rows in panels.items() if place == where}
        _place(b, where, mine)
    if b.demo.columns.time is not None and not any(BEYOND in where for where, _ in panels):
        _horizon(b)
    curves(b)
    _small_print(b)


def populations(panels: dict[str, Rows]) -> list[str]:
    """The measures of whole populations among those of one test, in the order in which they are drawn."""
    found = (next((name for name in names if name in panels), None) for names in POPULATIONS)
    return [name for name in found if name is not None]


def table_of(panels: dict[str, Rows], measures: list[str]) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """Methods, their kinds, values (methods, measures, 3) and the floor (measures, 3) of one test; NaN where there is none."""
    methods = list(dict.fromkeys(row["method"] for name in measures for row in panels[name] if not words.is_limit(row["method"])))
    kinds = [OURS if method == words.OURS else OTHER_OURS if words.is_ours(method) else RULE for method in methods]
    values, floor = np.full((len(methods), len(measures), 3), np.nan), np.full((len(measures), 3), np.nan)
    for j, name in enumerate(measures):
        for row in panels[name]:
            if not words.is_limit(row["method"]):
                values[methods.index(row["method"]), j] = _three(row)
        # The floor of W1 is of halves; there is none of as many cells as were measured.
        for row in [*panels[name], *panels.get(ON_SCREEN.get(name, name), [])]:
            if words.is_limit(row["method"]) and np.isnan(floor[j, 0]):
                floor[j] = _three(row)
    return methods, kinds, values, floor


def _title(measure: str) -> str:
    name = ON_SCREEN.get(measure, measure)
    return TITLES.get(name, name)


def _without(where: str, key: str) -> str:
    """A place of a report as the page of that demo calls it."""
    return where.removeprefix(f"{key}, ")


def _three(row: dict[str, Any]) -> tuple[float, float, float]:
    none = float("nan")
    return row["value"], none if row["low"] is None else row["low"], none if row["high"] is None else row["high"]


def _place(b: Bundle, where: str, panels: dict[str, Rows]) -> None:
    simulated = b.demo.simulated
    which = _without(where, b.demo.key)
    of_effects = any(name in panels for name in EFFECTS[1:])
    what = "What treatments change was learned again" if of_effects else "The whole model was trained again"
    said = f"{what} without some measured cells, which then had to be predicted: **{which}**."
    st.markdown(words.of_kind(said, simulated))
    measures = populations(panels)
    if len(measures) > 1:
        methods, kinds, values, floor = table_of(panels, measures)
        fig = trajectory_methods(
            methods,
            kinds,
            [_title(name) for name in measures],
            values,
            floor=floor,
            floor_name=words.of_kind("two halves of the measured cells", simulated),
            look=look(),
        )
        chart(fig, f"methods-{where}", alt=f"Distance to the true cells of every method, {where}", file=f"{b.demo.key}-methods")
        for name in measures:
            st.markdown(f"- {_title(name)}: {words.verdict(panels[name])}{_flows(panels[name])}")
        if BEYOND in where:
            _horizon(b)
        others = {name: rows for name, rows in panels.items() if name not in measures and ON_SCREEN.get(measures[0]) != name}
        if others:
            with st.expander(f"Other measures: {', '.join(others)}"):
                _panels(b, where, others)
    else:
        first = {name: panels[name] for name in EFFECTS if name in panels} or panels
        _panels(b, where, first)
        others = {name: rows for name, rows in panels.items() if name not in first}
        if others:
            with st.expander(f"Other measures: {', '.join(others)}"):
                _panels(b, where, others)


def _flows(rows: Rows) -> str:
    if not any(row["method"] == words.FLOWS for row in rows):
        return ""
    return f" Our flows between the times, which do not move the cells above: {words.verdict(rows, words.FLOWS)}"


def _horizon(b: Bundle) -> None:
    column = b.demo.columns.time
    if column is not None:
        last = float(state.values(b, column).max())
        st.markdown(f"**Horizon.** {limit(b.report, last, b.demo.columns.time_unit, b.demo.simulated).sentence}")


def _panels(b: Bundle, where: str, panels: dict[str, Rows]) -> None:
    mine = list(panels.items())
    for start in range(0, len(mine), 2):
        for column, (metric, rows) in zip(st.columns(2, gap="large"), mine[start : start + 2], strict=False):
            with column:
                _panel(b, where, metric, rows)


def _panel(b: Bundle, where: str, metric: str, rows: Rows) -> None:
    names = [row["method"] for row in rows]
    value = np.array([row["value"] for row in rows])
    low = np.array([row["value"] if row["low"] is None else row["low"] for row in rows])
    high = np.array([row["value"] if row["high"] is None else row["high"] for row in rows])
    limit = next((name for name in names if words.is_limit(name)), None)
    larger = words.larger_is_better(metric)
    st.markdown(f"**{metric}** :gray[({'larger' if larger else 'smaller'} is better)]")
    variants = [name for name in names if words.is_ours(name) and name != words.OURS]
    fig = heldout(
        names,
        value,
        low,
        high,
        ours=words.OURS,
        variants=variants,
        limit=limit,
        larger_is_better=larger,
        measure=metric,
        look=look(),
    )
    chart(fig, f"heldout-{where}-{metric}", alt=f"{metric} of each method, {where}", file=f"{b.demo.key}-heldout")
    st.markdown(words.verdict(rows))


def _rounded(target: str) -> str:
    sign, number = target.split(" ", 1)
    return f"{sign} {float(number):.3g}"


def _small_print(b: Bundle) -> None:
    claims = b.report["claims"]
    if claims:
        with st.expander(f"Our claims: {sum(claim['holds'] for claim in claims)} of {len(claims)} hold"):
            for claim in claims:
                sign = ":green[holds]" if claim["holds"] else ":red[does not hold]"
                st.markdown(f"{sign}: {claim['name']} ({claim['value']:.3g}, target {_rounded(claim['target'])})")
            if any("seed noise" in claim["name"] for claim in claims):
                st.caption(
                    "Beyond what reruns differ by: the figure is the worse end of our interval, the target the better of theirs."
                )
    if b.demo.columns.time is not None:
        choice(b)
    rows = b.report["rows"]
    kinds = sorted({row["interval"] for row in rows if row["interval"]})
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    said = ["Transport and energy distance: how far the predicted cells as a whole lie from the measured ones."]
    if any(row["metric"] == POPULATIONS[0][0] for row in rows):
        said.append("The first falls with more cells, so every prediction is thinned to as many as were measured.")
    if any(words.is_limit(row["method"]) for row in rows):
        said.append(
            "Dotted line: two halves of the measured cells against each other, what noise alone gives (for the first at half the "
            "cells)."
        )
    said += [
        f"With other test cells the energy distance of the first of our reruns ({row['value']:.2g}) might be {row['low']:.2g} to "
        f"{row['high']:.2g} ({_without(row['where'], b.demo.key)})."
        for row in rows
        if row["metric"] == "energy distance over cells" and row["low"] is not None
    ]
    said += [f"Intervals: {'; '.join(kinds)}."] if kinds else []
    said += [f"Random seeds: {', '.join(map(str, seeds))}."] if seeds else []
    st.caption(words.of_kind(" ".join(said), b.demo.simulated))

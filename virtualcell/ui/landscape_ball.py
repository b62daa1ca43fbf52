"""Landscape, second view: a ball dropped on a cell, many times with noise and once without."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.evaluation.intervals import share_interval
from virtualcell.figures.fates import fates
from virtualcell.figures.overlay import Line
from virtualcell.schema import Landscape
from virtualcell.ui import code_landscape, colours, state, words
from virtualcell.ui.landscape_growth import growth_flag
from virtualcell.ui.landscape_scene import Scene
from virtualcell.ui.landscape_way import middle_cell
from virtualcell.ui.parts import chart, provenance
from virtualcell.ui.theme import look


def shares(where: np.ndarray) -> pd.DataFrame:
    """Share of balls that end among each kind of cell: columns fate, share, low, high (Wilson's 95 % interval over balls).

    where: (balls,) names. Only chance is in the interval, not the model's error.
    """
    names, counts = np.unique(where, return_counts=True)
    share, low, high = share_interval(counts, len(where))
    table = pd.DataFrame({"fate": names, "share": share, "low": low, "high": high})
    return table.sort_values("share", ascending=False, ignore_index=True)


def dropped_ball(b: Bundle, landscape: Landscape) -> Scene:
    """Controls and shares in the side column, the balls for the picture."""
    kind, columns = words.measured(b.demo.simulated), b.demo.columns
    names = list(b.cells.obs_names)
    usual = middle_cell(b, next(iter(state.groups(b).values())) if columns.time else state.untreated(b))
    key = state.own(b, "ball")
    unit = state.unit(b)
    chosen = st.selectbox(
        f"Drop it on this {kind} cell", names, index=usual, key=key, bind="query-params",
        help="Or click the map: the ball falls on the cell that is drawn nearest to the click.",
    )  # fmt: skip
    row = names.index(chosen)
    time = float(state.values(b, columns.time)[row]) if columns.time else 0.0
    # A barcode alone says nothing.
    known = [str(state.values(b, columns.state)[row])] if columns.state else []
    known += [f"{time:g} {unit}"] if columns.time else []
    called = f"{chosen} ({', '.join(known)})" if known else chosen
    span = b.model.span
    duration = st.slider(
        f"Let it roll for ({unit})", span / 10, span, span, span / 10, key=state.own(b, "roll"), bind="query-params"
    )
    n = st.slider("Balls", 20, 200, 60, 20, key="balls", bind="query-params")
    rows = np.array([row])
    noisy = state.trajectory(b, rows, duration, copies=n)
    calm = state.trajectory(b, rows, duration, noise=0.0)
    # Where balls stop before the last measured time, cells of all times give them names.
    until = time + duration
    where = b.model.ends(noisy, until=until)
    st.markdown(f"**Where {n} balls end**")
    table = shares(where)
    palette = colours.of(b, table["fate"])
    fig = fates(
        list(table["fate"]), table["share"], table["low"], table["high"], colours=[palette[f] for f in table["fate"]], look=look()
    )
    chart(fig, "ball-fates", alt="Share of balls by the cells they end among", file=f"{b.demo.key}-ball")
    still = b.model.ends(calm, until=until)[0]
    untreated = "Rolled without treatment. " if b.model.record["treatments"] else ""
    st.caption(
        f"Without noise it ends among {still}. Bars: share of balls with noise, lines: 95 % interval over balls, without the "
        f"model's error. {untreated}Each ball is one cell and its line of descent. "
        "Balls show the landscape that was learned; they are no forecast: after the last time nothing tests where they roll."
    )
    growth_flag(b)
    provenance(b, f"prediction seed {noisy.seed}", f"{n} balls from {called}")

    def dropped(row: int) -> None:
        st.session_state[key] = names[row]

    return Scene(
        f"{n} balls dropped on the cell {called}, coloured by the cells they end among. White: a ball without noise.",
        landscape.on_plane(noisy.states),
        noisy.times + time,
        where,
        lines=(Line(landscape.on_plane(calm.states[:, 0]), "without noise"),),
        kind="ball",
        dropped=dropped,
        code=lambda: code_landscape.ball(b, chosen, time=time, duration=duration, balls=n),
        asked=f"{n} paths from the state of cell {called} were followed for {duration:g} {unit} (seed {noisy.seed}), and one "
        "without noise; 95 % intervals of shares are Wilson's, over paths.",
    )

"""A push for a while, then none: the landscape tilts, cells go over the hill or not, and settle or roll back."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.dose_response import SHARE, dose_response
from virtualcell.figures.fates import fates
from virtualcell.figures.landscape_map import landscape_map
from virtualcell.figures.relief import Relief
from virtualcell.landscape.dose_response import BACK, OUTCOMES, SETTLED
from virtualcell.ui import colours, pushed, put_in, state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

DOSES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
CELLS, DRAWN, FRAMES = 200, 60, 40


def push_release(b: Bundle, rows: np.ndarray, treatment: str) -> None:
    """Dose, duration and rest to choose; the landscape while it is tilted and after; where cells end, and which dose it takes.

    Only where both times and a treatment were measured: without times nothing says how fast cells come back, or whether.
    """
    st.markdown("##### Push for a while, then let go")
    if b.demo.columns.time is None or b.landscape is None or not b.landscape.attractors:
        st.markdown(
            "How cells come back once the treatment is gone was never measured here, and neither was a second dose or time, so "
            "nothing is drawn. The simulated switch, among the data sets, shows what this looks like where times were measured."
        )
        return
    unit, span = state.unit(b), b.model.span
    controls = st.columns(3, gap="large")
    dose = controls[0].slider(
        "Dose, times the measured one", 0.0, max(DOSES), 1.0, 0.25, key=state.own(b, "dose"), bind="query-params"
    )
    steps = span / 12
    duration = controls[1].slider(
        f"Push for ({unit})", steps, span, span / 2, steps, key=state.own(b, "push-for"), bind="query-params"
    )
    rest = controls[2].slider(
        f"Then leave alone for ({unit})", steps, span, span / 2, steps, key=state.own(b, "rest-for"), bind="query-params"
    )
    if duration + rest > span + steps / 2:
        st.caption(f"Cells are followed for {duration + rest:g} {unit}, longer than any were measured: nothing tests the rest.")
    rows = state.some(rows, CELLS)
    moved = pushed.course(b, rows, treatment, dose, duration, rest, FRAMES)
    table = pushed.doses(b, rows, treatment, tuple(sorted({*DOSES, dose})), duration, rest)
    mine, free = (table[table["dose"] == at].set_index("outcome") for at in (dose, 0.0))
    settled, alone = (100 * part.loc[SETTLED, "share"] for part in (mine, free))
    back = 100 * mine.loc[BACK, "share"]
    st.markdown(
        f"**{settled:.0f} % of the cells settle in another valley**; without the push {alone:.0f} % do, by noise alone. "
        f"{back:.0f} % left their valley while pushed and rolled back."
    )
    before, after = st.columns(2, gap="medium")
    drawn = b.landscape
    released = int(np.searchsorted(moved.times, duration - 1e-9))
    ends = b.model.ends(moved, until=None)
    shown = np.unique(np.linspace(0, len(ends) - 1, DRAWN).astype(int))
    palette = colours.of(b, sorted(set(ends[shown].tolist())))
    paths = drawn.on_plane(moved.states[:, shown])
    tilted = pushed.tilted(b, treatment, dose)
    for place, title, surface, part in (
        (before, f"While pushed: {duration:g} {unit}", tilted, paths[: released + 1]),
        (after, f"Let go: {rest:g} {unit}", drawn, paths[released:]),
    ):
        with place:
            st.markdown(f"**{title}**")
            fig = landscape_map(surface, part, ends[shown], colours=palette, look=look(), height=430, relief=Relief.of(surface))
            fig.update_traces(showscale=False, selector={"type": "contour"})
            fig.update_layout(
                legend={"orientation": "h", "x": 0, "y": 0, "xanchor": "left", "yanchor": "bottom", "yref": "container"}
            )
            fig.update_layout(margin={"b": 76})
            chart(fig, f"push-{'tilted' if surface is tilted else 'free'}", alt=f"Landscape. {title}", file=f"{b.demo.key}-push")
    st.caption(
        "Contours: the model's energy, on the left with the treatment's tilt. ◆ resting places that are there. Lines: cells, "
        "coloured by where they end."
    )
    bars, curve = st.columns(2, gap="large")
    with bars:
        st.markdown("**What becomes of them**")
        fig = fates(
            [name.capitalize() for name in OUTCOMES],
            *(mine.loc[list(OUTCOMES), column].to_numpy() for column in ("share", "low", "high")),
            colours=[look().faint, look().groups[4], SHARE],
            measured=free.loc[list(OUTCOMES), "share"].to_numpy(),
            measured_name="without the push",
            look=look(),
            height=300,
        )
        chart(fig, "push-outcomes", alt="Shares that stayed, rolled back and settled", file=f"{b.demo.key}-push-outcomes")
    with curve:
        st.markdown("**Which dose does it take?**")
        valley = pushed.home(b, rows)
        several = len(drawn.attractors) > 1
        critical = pushed.critical(b, valley, treatment, duration, rest) if several else None
        truth = put_in.critical_dose(b, drawn.attractors[valley].name, duration, rest)
        part = table[table["outcome"] == SETTLED]
        fig = dose_response(
            *(part[column].to_numpy() for column in ("dose", "share", "low", "high")),
            chosen=dose,
            critical=critical,
            truth=truth,
            look=look(),
        )
        chart(fig, "push-doses", alt="Share that settles elsewhere by dose", file=f"{b.demo.key}-doses")
    home = drawn.attractors[valley].name
    said = (
        f"A cell without noise that rests in the valley {home} stays away from {critical:.2f} times the measured dose on."
        if critical is not None
        else f"A cell without noise comes back to the valley {home} from every dose up to 16 times the measured one."
        if several
        else "The landscape has one valley, so there is no other in which a pushed cell could settle."
    )
    if truth is not None and np.isfinite(truth):
        said += f" What was put in: {truth:.2f} times."
    st.markdown(said)
    table_download(b, table, "push", "All doses as CSV")
    st.caption(
        "The push is the force that was learned at the measured dose; any other dose is that force, scaled. In a simulated "
        "switch whose answer is known the least dose that keeps a cell away came out within 20 % where the model was told the "
        "noise and saw the places of the cells (docs/perturbation.md); from counts it is farther off. Lines and bands: 95 % over "
        "cells, without the model's own error."
    )

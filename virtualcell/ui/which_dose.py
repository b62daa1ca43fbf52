"""Which treatment, at which dose and for how long, leads from here to there: of models that have forces and times."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.ranking import ranking
from virtualcell.ui import pushed, state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.push_cells import GOAL, START, STATE, goals, lassos, starts, widget
from virtualcell.ui.theme import look


def which_dose(b: Bundle) -> None:
    """Choice of start, goal and duration, and the doses that are said to lead there."""
    st.markdown("##### Which dose leads there?")
    choose, shown = st.columns([1, 2.6], gap="large")
    unit, span = state.unit(b), b.model.span
    with choose:
        alone, time = state.untreated(b), state.values(b, b.demo.columns.time or "")
        first = float(time[alone].min())
        offered = {f"untreated cells of {first:g} {unit}": alone[time[alone] == first]} | starts(b)
        start = st.selectbox("Start", list(offered), key=widget(b, START), bind="query-params", help="Untreated cells of these.")
        named = goals(b, offered[start])
        # A state is a place; cells of a treatment are those of all its times.
        found = {title: rows for title, rows in named.items() if title.startswith(STATE)} | named
        if not found:
            st.info("No other group has enough cells to be a goal; choose another start, or draw one.", icon=None)
            return
        middle = b.state[offered[start]].mean(0)
        far = [float(np.linalg.norm(b.state[rows].mean(0) - middle)) for rows in found.values()]
        goal = st.selectbox("Goal", list(found), index=int(np.argmax(far)), key=widget(b, GOAL), bind="query-params")
        duration = st.slider(
            f"Pushed for ({unit})", span / 12, span, span, span / 12, key=state.own(b, "goal-in"), bind="query-params"
        )
        drawing = st.toggle("Draw them", key=state.own(b, "draw-push"), bind="query-params", help="Start and goal, on a map.")
        rows = np.setdiff1d(found[goal], offered[start])
        table = pushed.ranked_doses(b, offered[start], rows, duration)
        best = table.iloc[0]
        kept = "" if best["measured"] else ", a dose that was not measured"
        if not best["closer"] > 0:
            st.markdown("**No dose that was tried leads nearer than no push.**")
        st.markdown(
            f"**{best['treatment']} at {best['dose']:g} times** the measured dose{kept} ends nearest: "
            f"{100 * best['closer']:.0f} % of the way, and {100 * best['arriving']:.0f} % of the cells arrive "
            f"({100 * best['low']:.0f} to {100 * best['high']:.0f} %). Without a push "
            f"{100 * best['arriving_untreated']:.0f} % do; one drawn at random (median) brings "
            f"{100 * table['arriving'].median():.0f} %."
        )
        table_download(b, table, "doses", "All treatments and doses as CSV")
    with shown:
        if drawing:
            lassos(b)
        named = table.assign(treatment=[f"{t} × {dose:g}" for t, dose in zip(table["treatment"], table["dose"], strict=True)])
        fig = ranking(
            named.assign(probability=np.nan), closer=float(table["closer"].median()), arriving=float(table["arriving"].median()),
            look=look(),
        )  # fmt: skip
        chart(fig, "which-dose", alt=f"Doses that lead from {start} to {goal}", file=f"{b.demo.key}-which-dose")
        st.caption(
            "Way: what is taken away of the energy distance to the goal that is left after as long without a push; below 0: "
            "farther. Arrive: pushed cells that lie among the goal's, 95 % interval over cells. A dose other than 1 was not "
            "measured: it is what the landscape says of the measured force, scaled."
        )

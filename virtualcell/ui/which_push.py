"""Which treatment leads from here to there: all that were measured, and pairs of them, ranked."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.ranking import ranking
from virtualcell.ui import state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

SHOWN, FEWEST = 12, 10

MARKED = "cells marked on Explore"


def which_push(b: Bundle) -> None:
    """Choice of a goal, the treatments that are said to bring untreated cells nearest to it, and what chance would."""
    st.markdown("##### Which treatment leads there?")
    goals = {title: rows for title, rows in state.groups(b).items() if title.startswith("treatment")}
    marked = state.selection(b)
    goals = ({MARKED: marked} if len(marked) else {}) | goals
    goals = {title: rows for title, rows in goals.items() if len(rows) >= FEWEST and not np.isin(rows, state.untreated(b)).all()}
    choose, shown = st.columns([1, 2.2], gap="large")
    with choose:
        goal = st.selectbox("Goal", list(goals), key=state.own(b, "goal-of-push"), bind="query-params")
        table = state.pushes(b, goals[goal])
        if table["closer"].isna().any():
            st.info("These cells cannot be told from the untreated ones, so there is no way to go.", icon=None)
            return
        mean = float(table["closer"].mean())
        first = table.iloc[0]
        st.markdown(
            f"**{first['treatment']}** is said to bring untreated cells nearest: {100 * first['closer']:.0f} % of the way. "
            f"A treatment drawn at random: {100 * mean:.0f} %."
        )
        st.caption(
            "How much each takes away of the energy distance between the untreated cells and the goal; below 0: farther. Pairs "
            "that were not measured add their parts. Where the goal is a measured treatment, its effect was learned from these "
            "very cells."
        )
        table_download(b, table, "pushes", "All treatments as CSV")
    with shown:
        fig = ranking(table["treatment"].head(SHOWN).tolist(), table["closer"].head(SHOWN).to_numpy(), chance=mean, look=look())
        chart(fig, "which-push", alt=f"Treatments that lead nearest to {goal}", file=f"{b.demo.key}-which-push")

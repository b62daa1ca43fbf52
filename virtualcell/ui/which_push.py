"""Which treatment leads from here to there: all that were measured, and pairs of them, ranked."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.ranking import ranking
from virtualcell.ui import pushed, state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.push_cells import GOAL, START, TREATMENT, goals, lassos, starts, widget
from virtualcell.ui.theme import look

SHOWN = 12

LEAST_APART = 0.15
"""Of shares of cells: of 50 cells either share is known to about this."""

LEAST_WAY = 0.05
"""Of the way, and of cells: less is nothing."""

MEASURED, PAIRS = "measured", "pairs too"


def which_push(b: Bundle) -> None:
    """Choice of start and goal, the treatments that are said to lead there, and what chance would."""
    st.markdown("##### Which treatment leads there?")
    choose, shown = st.columns([1, 2.6], gap="large")
    with choose:
        offered = starts(b)
        start = st.selectbox("Start", list(offered), key=widget(b, START), bind="query-params", help="Untreated cells of these.")
        found = goals(b, offered[start])
        goal = st.selectbox("Goal", list(found), key=widget(b, GOAL), bind="query-params")
        tried = st.segmented_control(
            "Treatments",
            [MEASURED, PAIRS],
            default=MEASURED,
            required=True,
            key=state.own(b, "tried"),
            bind="query-params",
            help="Pairs that were not measured together add their parts.",
        )
        drawing = st.toggle("Draw them", key=state.own(b, "draw-push"), bind="query-params", help="Start and goal, on a map.")
        table = pushed.pushes(b, offered[start], found[goal], pairs=tried == PAIRS)
        nowhere = table["closer"].isna().any()
        if nowhere:
            st.info("These cells cannot be told from those of the start, so there is no way to go.", icon=None)
        else:
            if hardly_apart(table):
                st.info("Cells of goal and start look almost the same: ranks say little.", icon=None)
            given = goal.removeprefix(TREATMENT) if goal.startswith(TREATMENT) else None
            st.markdown(sentence(table, given))
            table_download(b, table, "pushes", "All treatments as CSV")
    with shown:
        if drawing:
            lassos(b)
        if not nowhere:
            fig = ranking(
                table.head(SHOWN), closer=float(table["closer"].median()), arriving=float(table["arriving"].median()), look=look()
            )
            chart(fig, "which-push", alt=f"Treatments that lead from {start} to {goal}", file=f"{b.demo.key}-which-push")
            st.caption(
                "Sorted by probability. Way: what is taken away of the energy distance to the goal; below 0: farther. Arrive: "
                "pushed cells that lie among the goal's, 95 % interval over cells; beside it the start without a push and the "
                "goal's own cells. Probability: that it was this one, had all of the goal's cells been given one and the "
                "same of those tried. Each treatment was measured at one dose; no other dose is ranked. Half of "
                "the cells are looked at; what treatments do was learned again from the other half. Intervals are over the cells "
                "pushed: the error of what was learned is not in them, and is about as large (docs/perturbation.md)."
            )


def hardly_apart(table: pd.DataFrame) -> bool:
    """Whether cells of the goal are known for such little more often than cells of the start."""
    return bool(table["arriving_goal"].iloc[0] - table["arriving_untreated"].iloc[0] < LEAST_APART)


def sentence(table: pd.DataFrame, given: str | None = None) -> str:
    """What the first of the ranking is said to do, beside a treatment drawn at random. table: ``VirtualCell.which_push``; given:
    the treatment that the goal's cells had, where that is known."""
    first = table.iloc[0]
    brought = first["arriving"] - first["arriving_untreated"]
    if first["closer"] <= LEAST_WAY and not brought > LEAST_WAY:
        said = "**No treatment is known to bring cells there.** "
        named = f"{first['treatment']}, the first of the ranking,"
    else:
        said, named = "", f"**{first['treatment']}**"
    if pd.notna(first["probability"]):
        said += (
            f"If all of the goal's cells were given one of these, {named} is the most probable: {_percent(first['probability'])}"
        )
    else:
        said += f"{named} is said to lead there"
    said += (
        f". It goes {_percent(first['closer'])} of the way and brings {_percent(first['arriving'])} of cells "
        f"({_percent(first['low'])} to {_percent(first['high'])}). A treatment drawn at random (median): "
        f"{_percent(table['closer'].median())} of the way, {_percent(table['arriving'].median())} of cells. "
        f"No push: {_percent(first['arriving_untreated'])} of cells."
    )
    nearest = table.loc[table["apart"].idxmin()]
    if nearest["treatment"] != first["treatment"]:
        said += f" Nearest to the goal ends **{nearest['treatment']}**: {_percent(nearest['closer'])} of the way."
    names = table["treatment"].tolist()
    if given in names:
        said += f" What these cells were given, {given}, is number {names.index(given) + 1} of {len(names)}."
    return said


def _percent(share: float) -> str:
    """Of more than the whole way back nobody need know how far."""
    return f"{max(100 * share, -100):.0f} %".replace("-", "−")

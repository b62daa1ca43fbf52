"""The list of trainings of this server, the one that the link names, and several side by side."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from virtualcell import jobs
from virtualcell.schema import DataError
from virtualcell.ui import runs_table
from virtualcell.ui.runs_view import view

RUN = "run"
"""Key of the run that is shown, in the link and, with "chosen-" before it, in the session."""

_CHOSEN, _WRITTEN, _VIEW = "chosen-run", "run-in-link", "cells-view"
NEW, MODELS = "Train a model", "Your models"


def switch() -> str:
    """Which half of the page is shown: NEW or MODELS. A link to a run opens the second."""
    found = known()
    going = st.session_state.pop("run-to-show", None)
    if going is not None:
        st.session_state[_VIEW] = MODELS
        st.session_state[_CHOSEN] = going
    if not found and RUN not in st.query_params:
        return NEW
    # Set here, not as the widget's default: what is to be shown next is set in the session as well.
    st.session_state.setdefault(_VIEW, MODELS if RUN in st.query_params else NEW)
    waits = sum(not run.status().over for run in found)
    shown = st.segmented_control(
        "What to do", [NEW, MODELS], required=True, key=_VIEW, label_visibility="collapsed",
        format_func=lambda name: f"{name} ({len(found)}{f', {waits} in training' if waits else ''})" if name == MODELS else name,
    )  # fmt: skip
    if shown == NEW:
        st.query_params.pop(RUN, None)
        st.session_state.pop(_WRITTEN, None)
    return shown or NEW


def show_next(run_id: str) -> None:
    """Draws the page again with this run on it."""
    st.session_state["run-to-show"] = run_id
    st.rerun()


def known() -> list[jobs.Run]:
    """Every run, newest first; empty, with the reason on the page, where their folder cannot be read."""
    try:
        return jobs.runs()
    except (DataError, OSError) as error:
        st.error(f"The trainings of this server cannot be listed: {error}")
        return []


def models() -> None:
    """The run that the link names, then all of them, then what differs between those that are compared."""
    found = known()
    asked = st.query_params.get(RUN)
    ids = [run.id for run in found]
    if asked is not None and asked != st.session_state.get(_WRITTEN):
        if asked in ids:
            st.session_state[_CHOSEN] = asked
        else:
            st.warning("**There is no such model on this server.** It was deleted, or the link comes from elsewhere.", icon=None)
    if not found:
        st.info("No model was trained here yet. Give your cells first.", icon=None)
        return
    if st.session_state.get(_CHOSEN) not in ids:
        st.session_state[_CHOSEN] = ids[0]
    by_id = {run.id: run for run in found}
    chosen = st.selectbox("Model", ids, key=_CHOSEN, format_func=lambda key: _title(by_id[key]), label_visibility="collapsed")
    if asked is None or asked in ids or asked == st.session_state.get(_WRITTEN):
        st.session_state[_WRITTEN] = chosen
        st.query_params[RUN] = chosen
    view(by_id[chosen])
    if len(found) > 1:
        _side_by_side(found)


def _title(run: jobs.Run) -> str:
    # Without its state: a browser keeps the words of the choice it made, and "in training" would stay when it is finished.
    return f"{run.name} · {run.id}"


def _side_by_side(found: list[jobs.Run]) -> None:
    st.markdown("##### All models side by side")
    table = runs_table.overview(found)
    st.dataframe(
        table,
        hide_index=True,
        key="runs-table",
        placeholder="",
        column_config={
            "Cells": st.column_config.NumberColumn(format="localized"),
            runs_table.GAIN: st.column_config.NumberColumn(
                format="%.1f",
                help="On cells kept aside: log-likelihood of a cell over that of the average cell, in nats. Compare by it only "
                "models of the same cells and the same kinds of measurement.",
            ),
            runs_table.SPREAD: st.column_config.NumberColumn(
                format="%.1f", help="Half the 95 % interval of the gain, over the cells kept aside; one training, one seed."
            ),
            runs_table.RANK: st.column_config.NumberColumn(
                format="%.1f", help="How many of the numbers of a cell's state are really used."
            ),
            runs_table.HIDDEN: st.column_config.TextColumn(
                help="A middle time was hidden and predicted: energy distance to the measured cells, smaller is better; in "
                "brackets the best of the simple rules, such as no change."
            ),
            "State numbers": st.column_config.NumberColumn(help="Numbers in a cell's state (latent dimensions)."),
            "Passes": st.column_config.NumberColumn(
                help="Over the cells, while states are learned (epochs); more where the cells are few."
            ),
            "Steps": st.column_config.NumberColumn(help="In which the movement of cells is fitted."),
        },
    )
    titles = {f"{run.name} ({run.id})": run for run in found}
    st.caption(
        f"{runs_table.GAIN}: nats a cell, on cells kept aside, which also chose when to stop. "
        "Everyone who can open this app sees this list."
    )
    chosen = st.multiselect(
        "Compare", list(titles), key="compare", bind="query-params", placeholder="Choose two or more models to compare",
    )  # fmt: skip
    if len(chosen) < 2:
        return
    facts = runs_table.comparison([titles[name] for name in chosen])
    differs = runs_table.differing(facts)
    whole = st.toggle("Also what is the same", key="compare-all", bind="query-params")
    shown = facts if whole else facts[differs]
    if shown.empty:
        st.caption("They do not differ in anything that is written down.")
        return
    st.dataframe(_marked(shown, differs), key="compare-table")


def _marked(table: pd.DataFrame, differs: pd.Series) -> pd.io.formats.style.Styler:
    """Rows in which the runs differ stand on a tint that reads on light and on dark pages."""
    return table.style.apply(
        lambda row: ["background-color: rgba(68, 119, 170, 0.22)" if differs[row.name] else ""] * len(row), axis=1
    )

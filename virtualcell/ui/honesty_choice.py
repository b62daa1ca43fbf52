"""By what the method that moves the cells was chosen, and how near each method was where other times were hidden."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.ui import words
from virtualcell.ui.parts import table_download


def choice(b: Bundle) -> None:
    """Says ``chosen_how``, and shows what the choice looked at where the report has it."""
    st.caption(chosen_how(b))
    table = (b.report.get("choice") or {}).get("table", [])
    if len(table) > 1:
        with st.expander("How near each method was where other times were hidden"):
            hidden = _hidden(table)
            st.dataframe(hidden, hide_index=True)
            table_download(b, hidden, "hidden-times")


def chosen_how(b: Bundle) -> str:
    """By what the predictor that moves the cells was chosen; a report may say how one was chosen for the gap."""
    found = b.report.get("choice")
    if found is not None:
        own = found["name"] == words.OURS
        still = (
            "" if own else " The cells above are moved by the landscape's own dynamics all the same: paths and landscape are one."
        )
        return f"For the time held out, {found['name']} was chosen without a look at it. {found['reason']}{still}"
    return (
        "The cells above are moved by the landscape's own dynamics, so that paths and landscape are one thing. That was settled "
        "beforehand and not by these rows: no method was picked for how it did on cells that were held out."
    )


def _hidden(table: list[dict[str, Any]]) -> pd.DataFrame:
    """What ``Choice.table`` says, for a reader: gain over the default in percent, energy distance, times hidden."""
    return pd.DataFrame(
        {
            "method": [row["candidate"] for row in table],
            "nearer than ours, %": [round(100 * row["gain"], 1) for row in table],
            "energy distance": [round(row["energy distance"], 4) for row in table],
            "times hidden": [", ".join(f"{t:g}" for t in row["times"]) for row in table],
            "chosen": [row["chosen"] for row in table],
        }
    )

"""What the check says of a reader's cells, with buttons for what can be put right here."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from virtualcell.data.check import Finding, check
from virtualcell.data.fixes import Fix, fixes
from virtualcell.data.quality import quality
from virtualcell.figures.quality import quality as quality_figure
from virtualcell.schema import DataError
from virtualcell.training.given import kinds_of
from virtualcell.ui.own_columns import say
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look
from virtualcell.ui.uploads import Given
from virtualcell.ui.words import MEASURED, literal

_CHECKED = "own-checked"
_HEADS = {
    "error": ":red[**To be put right first**]",
    "warning": ":orange[**Know this**]",
    "note": ":gray[**For your information**]",
}
_BUTTONS = 3
"""More remedies than this become one choice with one button."""


def findings(own: Given) -> list[Finding]:
    """All findings of the check; the same cells and columns are checked once."""
    known = st.session_state.get(_CHECKED)
    if known is None or known[0] is not own.cells or known[1:3] != (own.columns, own.kinds):
        with st.spinner("Checking …"):
            found = check(own.cells, own.columns, kinds_of(own.cells, own.kinds))
        known = (own.cells, own.columns, own.kinds, found)
        st.session_state[_CHECKED] = known
    return known[3]


def report(own: Given) -> bool:
    """Shows the findings and their remedies; whether a model can be trained on these cells."""
    found = findings(own)
    if not found:
        st.success("Nothing is wrong with these cells.", icon=None)
    for number, finding in enumerate(found):
        _show(own, finding, number)
    if own.changed or own.kinds:
        _changes(own)
    with st.expander("Quality of the cells"):
        _quality(own)
    return not any(finding.severity == "error" for finding in found)


def _show(own: Given, finding: Finding, number: int) -> None:
    offered = fixes(finding, own.draft)
    with st.container(border=True):
        text, act = st.columns([2.4, 1], vertical_alignment="center", gap="medium") if offered else (st.container(), None)
        text.markdown(
            f"{_HEADS[finding.severity]} · {where(finding.field)}: {literal(finding.problem)}  \n:gray[What to do: "
            f"{literal(finding.next_step)}]"
        )
        for fix in offered:
            if fix.detail:
                text.markdown(fix.detail)
        if act is None:
            return
        with act:
            if len(offered) > _BUTTONS:
                by_label = {fix.label: fix for fix in offered}
                label = st.selectbox(
                    "It is", list(by_label), key=f"own-fix-{finding.cause}-{finding.field}", label_visibility="collapsed"
                )
                st.button("Take this", key=f"own-do-{number}", on_click=_do, args=(own, by_label[label]), width="stretch")
                return
            for place, fix in enumerate(offered):
                st.button(fix.label, key=f"own-do-{number}-{place}", on_click=_do, args=(own, fix), width="stretch", wrap=True)


def where(field: str) -> str:
    """What a field of a finding is called: "obs_names" are the names of cells, "rna: var_names" those of genes."""
    if field == "obs_names":
        return "names of cells"
    modality, _, part = field.partition(": ")
    features = MEASURED.get(modality, modality)
    if part == "var_names":
        return f"names of {features}"
    return f"counts of {features}" if part else features


def _do(own: Given, fix: Fix) -> None:
    """Makes the remedy before the page is drawn again, and sets the controls that it changes."""
    new = fix.make(own.draft)
    own.cells, own.columns, own.kinds = new.cells, new.columns, new.kinds
    say(new.columns)


def _changes(own: Given) -> None:
    line, back = st.columns([4, 1], vertical_alignment="center")
    kinds = [f"'{name}' is read as {kind}." for name, kind in own.kinds.items()]
    line.markdown("**Changed here, and kept with the model:** " + " ".join([*own.changed, *kinds]))
    back.button("Undo all", key="own-undo", on_click=_undo, args=(own,), width="stretch")


def _undo(own: Given) -> None:
    own.cells, own.kinds = own.original, {}
    own.columns = own.guess
    say(own.columns)


def _quality(own: Given) -> None:
    try:
        found = quality(own.cells)
    except DataError:
        st.caption("Counts a cell can be drawn once the counts are found.")
        return
    for modality, table in found.groupby("modality", sort=False):
        measures = {
            f"counts in a cell, {MEASURED.get(modality, modality)}": table["counts"].to_numpy(),
            f"{MEASURED.get(modality, modality)} seen in a cell": table["features"].to_numpy(),
        }
        fig = quality_figure(measures, pd.Series("all cells", index=table.index).to_numpy(), look=look(), height=220)
        chart(fig, f"own-quality-{modality}", alt=f"Counts and features per cell of {modality}", file=f"quality-{modality}")

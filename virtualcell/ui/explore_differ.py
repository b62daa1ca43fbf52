"""What differs between the chosen cells and the others: a table, a picture, and a sentence on what the p-values mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore import compare, describe, short_names
from virtualcell.figures.volcano import volcano
from virtualcell.schema import DataError
from virtualcell.training.given import RNA
from virtualcell.ui import modalities, state, words
from virtualcell.ui.explore_annotations import genes_in
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

CELLS, SAMPLES = "cells (Wilcoxon)", "samples (t-test)"
CLEAR = 0.05
SHOWN = 200


def tests(b: Bundle) -> dict[str, tuple[str, str]]:
    """What a reader may choose -> (name of the test, column of the samples)."""
    found = {CELLS: ("wilcoxon", "")}
    for title, column in (("batch", b.demo.columns.batch), ("donor", b.demo.columns.donor)):
        if column is not None and b.cells.obs[column].nunique() > 1:
            found[f"{SAMPLES} by {title}" if len(b.demo.columns.covariates) > 1 else SAMPLES] = ("pseudobulk", column)
    return found


@st.cache_resource(max_entries=32, show_spinner="Comparing the cells …")
def _compared(key: str, stamp: int, modality: str, test: str, column: str, first: bytes, second: bytes | None) -> pd.DataFrame:
    b = state.bundle(key)
    rows, others = (None if packed is None else np.frombuffer(packed, dtype=np.int64) for packed in (first, second))
    assert rows is not None
    samples = b.cells.obs[column].astype(str).to_numpy() if column else None
    return compare(b.cells.mod[modality], rows, others, test=test, replicates=samples)


def compared(b: Bundle, chosen: Chosen, modality: str, test: str = "wilcoxon", column: str = "") -> pd.DataFrame:
    """Every feature of A against B or all others; the same request is computed once, so do not change it. Raises DataError."""
    second = None if chosen.b is None else chosen.b.rows.tobytes()
    return _compared(b.demo.key, state.stamp(b), modality, test, column, chosen.a.rows.tobytes(), second)


@dataclass(frozen=True)
class Differ:
    """What the panel shows: a comparison of one measurement by a test, with the column of the samples or none."""

    modality: str
    test: str
    column: str


def what_differs(b: Bundle, chosen: Chosen) -> Differ | None:
    """Controls, table and volcano."""
    kinds = {words.MEASURED.get(name, modalities.called(name)): name for name in [genes_in(b), *b.cells.mod] if name}
    left, right = st.columns([1, 1], gap="medium")
    with left:
        kind = next(iter(kinds))
        if len(kinds) > 1:
            kind = st.segmented_control(
                "Compare", list(kinds), default=kind, required=True, key=state.own(b, "compare"), bind="query-params"
            )
    offered = tests(b)
    with right:
        how = CELLS
        if len(offered) > 1:
            how = st.segmented_control(
                "Test", list(offered), default=CELLS, required=True, key=state.own(b, "test"), bind="query-params",
                help="By cells: every cell counts, so p-values are far too small. By samples: the sums of each batch or donor "
                "are compared, which is what says whether it holds in others.",
            )  # fmt: skip
    try:
        table = compared(b, chosen, kinds[kind], *offered[how])
    except DataError as error:
        st.info(f"{error.problem} Next: {error.next_step}", icon=None)
        return None
    named = "gene" if "gene" in table else "feature"
    change = table.attrs["change"]
    strong = table[table["adjusted_p"] < CLEAR]
    left, right = st.columns([1.15, 1], gap="large")
    with left:
        up = int((strong[change] > 0).sum())
        st.markdown(
            f"**{len(strong):,} of {len(table):,} {kind} differ** (adjusted p below {CLEAR:g}): {up:,} higher in A, "
            f"{len(strong) - up:,} lower."
            if len(strong)
            else f"**None of the {len(table):,} {kind} differs clearly.** The table shows all, strongest first."
        )
        shown = strong if len(strong) else table
        order = shown["score"].abs().sort_values(ascending=False, kind="stable").index
        st.dataframe(
            shown.loc[order, [named, change, "adjusted_p", "percent_first", "percent_second", "mean_first", "mean_second"]].head(
                SHOWN
            ),
            hide_index=True,
            height=380,
            column_config=_columns(named, change, table.attrs["unit"], "others" if chosen.b is None else "B"),
        )
        second = "all others" if chosen.b is None else "B"
        st.caption(describe(table, "A", second, drawn=chosen.drawn))
        table_download(b, table, "genes" if kinds[kind] == RNA else kinds[kind], f"All {len(table):,} {kind} as CSV")
    with right:
        fig = volcano(
            short_names(list(table[named])), table[change].to_numpy(), table["adjusted_p"].to_numpy(),
            title=change.replace("_", " "), look=look(),
        )  # fmt: skip
        chart(fig, "volcano", alt=f"Change against adjusted p of {len(table):,} {kind}", file=f"{b.demo.key}-volcano")
    return Differ(kinds[kind], *offered[how])


def _columns(named: str, change: str, unit: str, other: str) -> dict:
    number = st.column_config.NumberColumn
    return {
        named: named.capitalize(),
        change: number(change.replace("_", " "), format="%.2f", help="Above 0: higher in A."),
        "adjusted_p": number("adjusted p", format="%.1e", help="Benjamini-Hochberg, over all that were tested."),
        "percent_first": number("% of A", format="%.0f", help="Cells of A in which it was seen."),
        "percent_second": number(f"% of {other}", format="%.0f"),
        "mean_first": number("mean of A", format="%.2f", help=unit),
        "mean_second": number(f"mean of {other}", format="%.2f", help=unit),
    }

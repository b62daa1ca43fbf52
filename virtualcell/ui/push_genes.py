"""Which genes a push changes: bars or a volcano, the table, and the file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.data.gene_sets import symbol
from virtualcell.demo import Bundle
from virtualcell.figures.effect_volcano import effect_volcano
from virtualcell.figures.perturbation import top_genes
from virtualcell.perturbation.effect import ADDED, MEASURED, Effect
from virtualcell.perturbation.evidence import evidence
from virtualcell.ui import state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

BARS, VOLCANO = "Most changed", "Volcano"

LEAST = float(np.log2(1.2))
"""Log2 fold change of a gene that is said to change."""

SHOWN = 20


def changed(genes: pd.DataFrame) -> pd.DataFrame:
    """Genes that change by 20 % or more and whose interval leaves out no change."""
    return genes[(np.sign(genes["low"]) == np.sign(genes["high"])) & (genes["log2_fold_change"].abs() > LEAST)]


def push_genes(b: Bundle, found: Effect, name: str) -> None:
    """A picture of genes beside the table of all."""
    responded = found.kind in (MEASURED, ADDED)
    picture, table = st.columns([1, 1.2], gap="large")
    with picture:
        view = st.segmented_control(
            "Picture",
            [BARS, VOLCANO],
            default=BARS,
            required=True,
            key=state.own(b, "gene-picture"),
            bind="query-params",
            label_visibility="collapsed",
        )
        _bars(b, found, name) if view == BARS else _volcano(b, found, name)
    with table:
        _table(b, found, responded)


def _bars(b: Bundle, found: Effect, name: str) -> None:
    first = changed(found.genes).head(SHOWN)
    if first.empty:
        st.markdown("No gene changes by 20 % or more, so none is drawn; the table has the numbers.")
        return
    fig = top_genes(
        [symbol(gene) for gene in first["gene"]],
        first["log2_fold_change"].to_numpy(),
        low=first["low"].to_numpy(),
        high=first["high"].to_numpy(),
        look=look(),
        title="predicted log2 fold change",
    )
    chart(fig, "top-genes", alt=f"Predicted change of the top genes under {name}", file=f"{b.demo.key}-{name}-genes")


def _volcano(b: Bundle, found: Effect, name: str) -> None:
    genes = found.genes
    if changed(genes).empty:
        st.markdown("No gene changes by 20 % or more, so none is drawn; the table has the numbers.")
        return
    fig = effect_volcano(
        [symbol(gene) for gene in genes["gene"]],
        genes["log2_fold_change"].to_numpy(),
        evidence(genes),
        least=LEAST,
        look=look(),
    )
    chart(fig, "gene-volcano", alt=f"Change of every gene under {name} against its error", file=f"{b.demo.key}-{name}-volcano")
    st.caption(
        "Upright: the change over its standard error. Above the dotted line a gene's own 95 % interval leaves out no change; "
        "of many genes some get there by chance."
    )


def _table(b: Bundle, found: Effect, responded: bool) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        found.genes,
        hide_index=True,
        height=420,
        column_config={
            "gene": "Gene",
            "before": number("without", format="%.2f", help="counts per 10,000"),
            "after": number("with", format="%.2f", help="counts per 10,000"),
            "log2_fold_change": number("log2 fold change", format="%.2f"),
            "low": number("lower 95 %", format="%.2f"),
            "high": number("upper 95 %", format="%.2f"),
        },
    )
    table_download(b, found.genes, "perturbation", "All genes as CSV")
    st.caption(
        "Counts per 10,000, back from the mean of logarithms (as scanpy's fold changes), as measured and as predicted. Interval: "
        "1.96 standard errors of the effect where it was measured, over cells, not over donors; that it is the same in these "
        "cells is not in it. A small change that all treatments have in common "
        "cannot be told from chance in the untreated cells."
        if responded
        else "Predicted mean counts per 10,000 of the genes read, also of an edited gene: what the model makes of the cell, not "
        "what was put in. Interval: bootstrap over cells; it holds the spread of cells, not the "
        "model's own error."
    )

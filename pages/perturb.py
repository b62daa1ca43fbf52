"""Perturb: what does this treatment, or taking this gene away, do?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.perturbation import shift, top_genes
from virtualcell.ui import state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.honesty import honesty
from virtualcell.ui.parts import caveats, chart, lead, provenance, table_download
from virtualcell.ui.theme import look

inside()
b = state.bundle()
columns = b.demo.columns
treatments = list(b.model.record["treatments"])
TREATMENT, KNOCKOUT = "treatment", "gene out"

lead(
    b,
    "The same cells with and without a push, moved on by the model with the same random numbers. Arrows: how single cells differ."
    if b.model.moves
    else "The same cells as the model reads them with and without a gene's counts. Nothing moves: "
    "the edit changes how they are read.",
)
main, side = st.columns([3.2, 1], gap="medium")
with side:
    kind = st.segmented_control(
        "Push by",
        [TREATMENT, KNOCKOUT] if treatments else [KNOCKOUT],
        default=TREATMENT if treatments else KNOCKOUT,
        required=True,
        key=state.own(b, "push"),
        bind="query-params",
    )
    treatment = knockout = None
    if kind == TREATMENT:
        treatment = st.selectbox("Treatment", treatments, key=state.own(b, "treatment"), bind="query-params")
        name = treatment
    else:
        genes = b.model.features()
        usual = next((genes.index(gene) for gene in b.demo.marker_genes if gene in genes), 0)
        knockout = st.selectbox("Gene", genes, index=usual, key=state.own(b, "knockout"), bind="query-params")
        name = f"{knockout} taken out"
    groups = state.groups(b)
    everyone = {"all untreated cells": state.untreated(b)} if columns.perturbation else {"all cells": np.arange(b.cells.n_obs)}
    marked = state.selection(b)
    options = everyone | ({"cells marked on Explore": marked} if len(marked) else {})
    options |= {title: rows for title, rows in groups.items() if not title.startswith("treatment")}
    start = st.selectbox("Cells to push", list(options), key=state.own(b, "cells-to-push"), bind="query-params")
    rows = options[start]
    if columns.perturbation and start not in everyone and start != "cells marked on Explore":
        rows = np.intersect1d(rows, state.untreated(b))
if len(rows) < 3:
    st.info("Fewer than three untreated cells are in this group; choose another.", icon=None)
    st.stop()

rows = state.some(rows, 250)
found = state.effect(b, rows, treatment=treatment, knockout=knockout)
genes = found.genes
certain = genes[(np.sign(genes["low"]) == np.sign(genes["high"])) & (genes["log2_fold_change"].abs() > np.log2(1.2))]
with side:
    st.metric(
        "Genes changed by 20 %",
        f"{len(certain):,} of {len(genes):,}",
        help="Or more, up or down, and the 95 % interval over cells does not include no change.",
    )
    st.metric("Inside measured range", f"{100 * found.in_domain:.0f} %")
    if not len(certain):
        st.markdown("No gene changes by 20 % or more: the model hardly depends on this.")
    if knockout is not None:
        st.warning(words.SENSITIVITY, icon=None)
    if b.demo.key == "a549":
        st.caption(words.DRUG_IS_TIME)

with main:
    place = state.placing(b)
    fig = shift(
        b.umap2,
        place(found.untreated),
        place(found.treated),
        labels=("moved without the push", f"moved with: {name}") if b.model.moves else ("as measured", f"read with {name}"),
        look=look(),
        height=540,
        n_arrows=25,
        groups=state.values(b, columns.state)[rows] if columns.state else None,
    )
    chart(fig, f"shift-{b.demo.key}", alt=f"Cells with and without {name} on the map", file=f"{b.demo.key}-{name}-shift")

bars, table = st.columns([1, 1.2], gap="large")
with bars:
    st.markdown("##### Genes that change most")
    if len(certain):
        first = genes.head(20)
        fig = top_genes(
            list(first["gene"]), first["log2_fold_change"].to_numpy(), look=look(), title="predicted log2 fold change"
        )
        chart(fig, "top-genes", alt=f"Predicted change of the top genes under {name}", file=f"{b.demo.key}-{name}-genes")
    else:
        st.markdown("No gene changes by 20 % or more, so none is drawn; the CSV has the numbers.")
with table:
    st.markdown("##### All genes")
    number = st.column_config.NumberColumn
    st.dataframe(
        genes,
        hide_index=True,
        height=420,
        column_config={
            "gene": "Gene",
            "before": number("without", format="%.2f", help="mean counts per 10,000"),
            "after": number("with", format="%.2f", help="mean counts per 10,000"),
            "log2_fold_change": number("log2 fold change", format="%.2f"),
            "low": number("lower 95 %", format="%.2f"),
            "high": number("upper 95 %", format="%.2f"),
        },
    )
    table_download(b, genes, "perturbation", "All genes as CSV")
    st.caption(
        "Predicted mean counts per 10,000. Interval: bootstrap over cells; it holds the spread of cells, not the "
        "model's own error."
    )

if treatment is not None:
    honesty(b)
caveats(b)
provenance(b, found.kind, f"{len(rows)} cells pushed", f"prediction seed {found.seed}")

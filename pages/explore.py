"""Explore: what are these cells?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.composition import composition
from virtualcell.figures.embedding import embedding
from virtualcell.figures.volcano import volcano
from virtualcell.ui import state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.parts import chart, lead, marked_rows, provenance, table_download
from virtualcell.ui.theme import look

inside()
b = state.bundle()
known, rna = state.known_columns(b), b.cells.mod["rna"]
proteins = list(b.cells.mod["prot"].var_names) if "prot" in b.cells.mod else []
groups = state.groups(b)
GENE, PROTEIN, DRAWN = "a gene", "a surface protein", "my own drawing"

lead(
    b,
    "Each point is a cell. Colour the cells, then draw around some with the lasso, or choose a group, to see what "
    "they are made of.",
)
main, side = st.columns([3.2, 1], gap="medium")
with side:
    ways = [*known, GENE, *([PROTEIN] if proteins else [])]
    colour = st.selectbox("Colour by", ways, key=state.own(b, "colour"), bind="query-params")
    if colour == GENE:
        names = list(rna.var_names)
        usual = next((names.index(gene) for gene in b.demo.marker_genes if gene in names), 0)
        gene = st.selectbox("Gene", names, index=usual, key=state.own(b, "gene"), bind="query-params")
        values, kind, name = state.expression(b, gene), "amount", gene
    elif colour == PROTEIN:
        protein = st.selectbox("Surface protein", proteins, key=state.own(b, "protein"), bind="query-params")
        values, kind, name = state.expression(b, protein, "prot"), "amount", protein
    else:
        column, kind = known[colour]
        values, name = state.values(b, column), colour
    flat = st.segmented_control("View", ["2-D", "3-D"], default="2-D", required=True, key="view", bind="query-params") == "2-D"
    choice = st.selectbox("Look closer at", [DRAWN, *groups], key=state.own(b, "closer"), bind="query-params")
    unit = b.demo.columns.time_unit if kind == "time" else ""
    st.caption(words.MAP + (" Click a name in the legend to hide its cells." if kind != "amount" else " Log-normalised amounts."))

with main:
    positions = b.umap2 if flat else b.umap3
    fig = embedding(positions, values, name=name, kind=kind, unit=unit, look=look())
    alt = f"Map of {len(positions):,} cells coloured by {name}"
    if flat and choice == DRAWN:
        event = chart(
            fig, f"map-{b.demo.key}", alt=alt, file=f"{b.demo.key}-{name}", on_select="rerun", selection_mode=("lasso", "box")
        )
        rows = marked_rows(event)
    else:
        fig.update_layout(dragmode="pan" if flat else "orbit")
        chart(fig, f"map-{b.demo.key}-{'2' if flat else '3'}", alt=alt, file=f"{b.demo.key}-{name}")
        rows = groups[choice] if choice != DRAWN else np.empty(0, dtype=np.int64)

if choice == DRAWN and not len(rows):
    st.info(
        "Draw around cells with the lasso or the box (buttons above the map)." if flat else "Drawing works in the 2-D view.",
        icon=None,
    )
    provenance(b)
    st.stop()

state.mark(b, rows)
st.markdown(f"##### {len(rows):,} of {b.cells.n_obs:,} cells chosen")
made_of, told_by = st.columns([1, 1.3], gap="large")
with made_of:
    split_by = st.selectbox("Made of", list(known), key=state.own(b, "split"), bind="query-params")
    split_column, split_kind = known[split_by]
    split_unit = b.demo.columns.time_unit if split_kind == "time" else ""
    fig = composition(
        state.values(b, split_column), np.isin(np.arange(b.cells.n_obs), rows), kind=split_kind, unit=split_unit, look=look()
    )
    chart(fig, "composition", alt=f"Chosen cells by {split_by}", file=f"{b.demo.key}-composition")
with told_by:
    st.markdown("Genes that differ from all other cells")
    try:
        table = state.marker_table(b, rows)
    except ValueError as error:
        st.info(str(error))
        st.stop()
    strong = table[table["adjusted_p"] < 0.05]
    st.dataframe(
        strong.head(200),
        hide_index=True,
        height=260,
        column_config={
            "gene": "Gene",
            "log2_fold_change": st.column_config.NumberColumn("log2 fold change", format="%.2f"),
            "adjusted_p": st.column_config.NumberColumn("adjusted p", format="%.1e"),
            "score": st.column_config.NumberColumn("score", format="%.1f"),
            "percent_selected": st.column_config.NumberColumn("% of chosen", format="%.0f"),
            "percent_others": st.column_config.NumberColumn("% of others", format="%.0f"),
        },
    )
    st.caption(
        f"{len(strong):,} of {len(table):,} genes differ (Wilcoxon rank-sum test, Benjamini-Hochberg adjusted p below 0.05). "
        "Cells of one sample are not independent, so p-values are too small: read them as an order, not as proof."
    )
    table_download(b, table, "genes", "All genes as CSV")
with st.expander("Change against evidence, gene by gene"):
    fig = volcano(list(table["gene"]), table["log2_fold_change"].to_numpy(), table["adjusted_p"].to_numpy(), look=look())
    chart(fig, "volcano", alt="Fold change against adjusted p of every gene", file=f"{b.demo.key}-volcano")
provenance(b)

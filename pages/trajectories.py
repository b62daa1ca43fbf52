"""Trajectories: what happens next to these cells?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.fates import fates
from virtualcell.figures.gene_curves import gene_curves
from virtualcell.figures.look import LIGHT
from virtualcell.figures.trajectory import trajectory
from virtualcell.ui import measured, state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.honesty import honesty
from virtualcell.ui.parts import caveats, chart, lead, provenance, table_download
from virtualcell.ui.theme import look

inside()
b = state.bundle()
columns = b.demo.columns
if columns.time is None:
    lead(b, b.demo.sentence)
    st.info(words.ONE_TIME, icon=None)
    if b.demo.treatments:
        st.page_link("pages/perturb.py", label="See what the treatment does instead", query_params={"demo": b.demo.key})
    else:
        st.page_link("pages/explore.py", label="See what these cells are instead", query_params={"demo": b.demo.key})
    provenance(b)
    st.stop()

lead(
    b,
    "Grey: measured cells. Coloured: the chosen cells as the model moves them on, in the colour of the cells they "
    "end among. Press play.",
)
unit = columns.time_unit
times = state.values(b, columns.time)
first, last = float(times.min()), float(times.max())
groups = state.groups(b)
marked = state.selection(b)
MARKED = "cells marked on Explore"
main, side = st.columns([3.2, 1], gap="medium")
with side:
    options = [*groups, *([MARKED] if len(marked) else [])]
    chosen = st.selectbox("Start from", options, key=state.own(b, "start"), bind="query-params")
    rows = marked if chosen == MARKED else groups[chosen]
    began = float(np.mean(times[rows]))
    # At least a third of the measured span, so that the latest cells can be moved on too.
    longest = 2 * (last - first)
    duration = st.slider(
        f"Follow them for ({unit})",
        longest / 20,
        longest,
        max(last - began, (last - first) / 3),
        longest / 20,
        key=state.own(b, "for"),
        bind="query-params",
    )
    drawn_on = "map"
    if b.landscape is not None:
        drawn_on = st.segmented_control(
            "Draw on", ["map", "plane"], default="map", required=True, key="on", bind="query-params",
            help="On the plane cells stand where the model has them; on the map, among their nearest measured cells.",
        )  # fmt: skip
    n_cells = st.slider("Cells to follow", 50, 400, 200, 50, key="cells", bind="query-params")
    seed = st.number_input("Random seed", 0, 999, 0, key="seed", bind="query-params")

rows = state.some(rows, n_cells)
found = state.trajectory(b, rows, duration, seed=int(seed))
where = state.ends(b, found)
axis = found.times + began
with main:
    if drawn_on == "map" or b.landscape is None:
        background, paths, axes = b.umap2, state.placing(b)(found.states), "map"
    else:
        background, paths, axes = b.landscape.cell_xy, (found.states - b.landscape.origin) @ b.landscape.plane.T, "plane"
    fig = trajectory(background, paths, axis, where, unit=unit, axes=axes, look=look())
    chart(
        fig,
        f"moving-{b.demo.key}",
        alt=f"{len(rows)} predicted cells moving over the map of measured cells",
        file=f"{b.demo.key}-trajectory",
    )
with side:
    st.markdown("**Where they end**")
    shares = b.model.fates(found)
    shown = shares[shares["high"] > 0.005].head(8)
    palette = dict(zip(sorted(set(where)), LIGHT.categories(len(set(where))), strict=True))
    fig = fates(
        list(shown["fate"]),
        shown["fraction"],
        shown["low"],
        shown["high"],
        colours=[palette.get(f, look().quiet) for f in shown["fate"]],
        look=look(),
    )
    chart(fig, "fates", alt="Share of predicted cells by the measured cells they end among", file=f"{b.demo.key}-fates")
    inside = float(b.model.in_domain(found.states[-1]).mean())
    st.caption(
        f"Bars: share of descendants, line: 95 % interval over the {len(rows)} start cells. {b.model.record['growth_known']}"
    )
    if inside < 0.9:
        st.warning(f"{100 * (1 - inside):.0f} % of the cells end where no cells were measured: do not rely on this.", icon=None)
    beyond = began + duration - last
    if beyond > 1e-6:
        st.warning(f"The last {beyond:g} {unit} lie after the last measured time: nothing checks them.", icon=None)

st.markdown("##### Genes on the way")
genes = b.model.features()
usual = [gene for gene in b.demo.marker_genes if gene in genes][:3] or genes[:3]
picked = st.multiselect(
    "Genes", genes, default=usual, max_selections=6, key=state.own(b, "genes"), bind="query-params", label_visibility="collapsed"
)
if picked:
    table = measured.curves(b, found, axis, picked)
    points = measured.points(b, picked)
    fig = gene_curves(
        axis, table.mean, table.low, table.high, picked,
        measured_times=points.times, measured_mean=points.mean, measured_error=points.error,
        unit=unit, look=look(),
    )  # fmt: skip
    chart(fig, "curves", alt=f"Predicted and measured expression of {', '.join(picked)}", file=f"{b.demo.key}-genes")
    st.caption(
        "Mean counts per 10,000. Line: mean of the predicted cells; band: the middle 80 % of them; points: all "
        "measured cells of a time, "
        "with the standard error of their mean. The measured cells at these times were used in training."
    )
    table_download(b, measured.curve_table(table, axis, picked), "gene-curves")

honesty(b)
caveats(b)
provenance(b, f"prediction seed {found.seed}", f"{len(rows)} cells followed, {min(40, len(rows))} trails drawn")

"""Landscape: what shapes the way the cells go?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.landscape import landscape_map, landscape_surface
from virtualcell.ui import state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.parts import caveats, chart, lead, provenance
from virtualcell.ui.theme import look

inside()
b = state.bundle()
drawn = b.landscape
if drawn is None:
    lead(b, b.demo.sentence)
    st.info(words.NO_ENERGY, icon=None)
    provenance(b)
    st.stop()

lead(
    b,
    "Height = the model's energy. Lines = predicted cells, coloured by the cells they end among. Drag to rotate; "
    "press play to watch them move.",
)
columns, unit = b.demo.columns, state.unit(b)
groups = state.groups(b)
main, side = st.columns([3.2, 1], gap="medium")
with side:
    treatment = None
    if b.model.record["treatments"]:
        usual = "untreated"
        treatment = st.selectbox(
            "Cells under", [*b.model.record["treatments"], usual], key=state.own(b, "under"), bind="query-params"
        )
        treatment = None if treatment == usual else treatment
    options = {"all untreated cells": state.untreated(b)} if columns.perturbation else {}
    options |= {title: rows for title, rows in groups.items() if not title.startswith("treatment")}
    start = st.selectbox("Start from", list(options), key=state.own(b, "start"), bind="query-params")
    n_cells = st.slider("Paths to draw", 20, 120, 60, 20, key="paths", bind="query-params")

rows = state.some(options[start], 300)
began = float(np.mean(state.values(b, columns.time)[rows])) if columns.time else 0.0
found = state.trajectory(b, rows, b.model.span, treatment=treatment)
where = state.ends(b, found)
shown = state.some(np.arange(len(rows)), n_cells)
paths = (found.states[:, shown] - drawn.origin) @ drawn.plane.T
axis = found.times + began

with main:
    surface, above = st.tabs(["Surface", "Map from above"])
    with surface:
        fig = landscape_surface(drawn, paths, axis, where[shown], unit=unit, look=look())
        chart(
            fig, f"surface-{b.demo.key}", alt="Energy surface with predicted cells falling on it", file=f"{b.demo.key}-landscape"
        )
    with above:
        fig = landscape_map(drawn, paths, where[shown], look=look())
        chart(
            fig, f"contours-{b.demo.key}", alt="Energy contours with the same predicted cells", file=f"{b.demo.key}-landscape-map"
        )
with side:
    shares = b.model.fates(found)
    before = b.model.fates(state.trajectory(b, rows, b.model.span)).set_index("fate")["fraction"] if treatment else None
    for row in shares.head(4).itertuples():
        change = None if before is None else f"{100 * (row.fraction - before[row.fate]):+.0f} points against untreated"
        st.metric(
            f"End among {row.fate}",
            f"{100 * row.fraction:.0f} %",
            change,
            delta_color="off",
            help=f"{100 * row.low:.0f} to {100 * row.high:.0f} %: 95 % interval over start cells, without the model's error.",
        )
    fall = float(np.mean(b.model.energy(found.states[-1]) - b.model.energy(found.states[0])))
    st.metric("Mean change of energy" + (" (untreated surface)" if treatment else ""), f"{fall:+.1f} D")
    provenance(b, f"prediction seed {found.seed}", f"{len(shown)} of {len(rows)} paths drawn")

st.markdown("##### Resting places")
if drawn.attractors:
    ended = "Untreated cells that end here" if b.model.record["treatments"] else "Measured cells that end here"
    st.dataframe(
        [
            {
                "Named by the cells around it": a.name, "Share of them": f"{100 * a.purity:.0f} %",
                ended: a.n_cells,
                # Without times nothing was seen to go from one valley to another: their heights cannot be compared.
                **({"Energy (D)": round(a.energy, 2)} if b.demo.columns.time else {}),
            }
            for a in drawn.attractors
        ],
        hide_index=True,
    )  # fmt: skip
else:
    st.markdown("The model found no minimum of the energy among the measured cells.")
tilt = " A treatment tilts this surface; what is drawn is the untreated one." if b.model.record["treatments"] else ""
st.caption(
    f"{drawn.method}{tilt} Left to right: {drawn.axis_names[0]}; front to back: {drawn.axis_names[1]}. Paths are "
    f"laid on the surface."
)
st.caption(
    "The surface ends where no measured cell is near. A unit of D is the energy that noise alone easily overcomes. "
    "Heights can be compared within a valley and along paths that measured populations took. Between valleys that no "
    "measured cells connect, and on the way back over a barrier that none crossed, they are the model's guess."
)
caveats(b)

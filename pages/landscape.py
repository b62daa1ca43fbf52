"""Landscape: what shapes the way the cells go?"""

from __future__ import annotations

from contextlib import nullcontext

import pandas as pd
import streamlit as st

from virtualcell.ui import code_landscape, code_pages, passes, put_in, state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.landscape_ball import dropped_ball
from virtualcell.ui.landscape_cells import cells_on_their_way
from virtualcell.ui.landscape_first import which_first
from virtualcell.ui.landscape_scene import draw
from virtualcell.ui.landscape_way import way_between
from virtualcell.ui.methods import methods
from virtualcell.ui.parts import caveats, lead, provenance, table_download
from virtualcell.ui.share import share

inside()
b = state.bundle()
drawn = b.landscape
if drawn is None:
    place = lead(b, words.literal(b.demo.sentence))
    st.info(words.NO_ENERGY, icon=None)
    st.page_link("pages/explore.py", label="See what these cells are instead", query_params={"demo": b.demo.key})
    provenance(b)
    share(b, code=lambda: code_pages.all_cells(b, "Landscape"), methods=lambda: methods(b, ""), place=place)
    st.stop()
assert drawn is not None, "without a landscape the page has stopped"

timed, kind = b.demo.columns.time is not None, words.measured(b.demo.simulated)
FIRST = "Cells on their way"
VIEWS = {FIRST: cells_on_their_way, "Drop a ball": dropped_ball}
if timed:  # Without times nothing was seen to go from one valley to another: heights between them mean nothing.
    VIEWS["A way between two"] = way_between
    if len(drawn.attractors) > 1:
        VIEWS["Which one first"] = which_first

said = st.empty()
view = st.segmented_control(
    "View",
    list(VIEWS),
    default=FIRST,
    required=True,
    key="show",
    bind="query-params",
    label_visibility="collapsed",
)
main, side = st.columns([3.2, 1], gap="medium")
with side:
    scene = VIEWS[view if view in VIEWS else FIRST](b, drawn)
with said.container():
    place = lead(b, f"Height = the model's energy. {scene.said}")
with main:
    picture = draw(b, drawn, scene)
    if drawn.attractors:
        legend = "◆ resting place, the lowest point of a valley"
        if drawn.barriers:
            legend += " · × highest point between two of them · solid line: enough cells crossed; dotted: the model's guess"
        st.caption(legend)
if scene.below is not None:
    scene.below()

st.markdown("##### Resting places")
if drawn.attractors:
    known = passes.joined(drawn.barriers, [a.name for a in drawn.attractors])
    energy = "Energy (D)" if known else "Energy (D), the model's guess"
    untreated = "Untreated cells" if b.model.record["treatments"] else f"{kind.capitalize()} cells"
    resting = pd.DataFrame(
        [
            {
                "Named by the cells around it": a.name,
                "Share of them": f"{100 * a.purity:.0f} %",
                f"{untreated} in this valley": a.n_cells,
                **({energy: round(a.energy, 2)} if timed else {}),
            }
            for a in drawn.attractors
        ]
    )
    st.dataframe(resting, hide_index=True)
    table_download(b, resting, "resting-places", "Resting places as CSV")
else:
    st.markdown(f"The model found no minimum of the energy among the {kind} cells.")

if drawn.barriers:
    st.markdown("##### Passes between them")
    for sentence in passes.reading(drawn.barriers):
        st.markdown(sentence)
    with nullcontext() if any(way.identifiable for way in drawn.barriers) else st.expander("The directions that were asked"):
        st.dataframe(passes.table(drawn.barriers, put_in.heights(b)), hide_index=True)
    table_download(b, passes.numbers(drawn.barriers), "passes", "Passes as CSV")
    band = (
        f"Interval: from how far {b.model.settings.predictor.refits} fits to cells drawn again lie from this one; what all have "
        "wrong is not in it. "
        if any(way.low is not None for way in drawn.barriers)
        else ""
    )
    st.caption(
        f"{band}Cells that changed valley: as many as explain how the share of {kind} cells in each valley "
        "changed from time to time, each counted where the model has it arrive first; those that came back are not seen. "
        "Of ways that too few crossed, the picture shows the lowest out of each valley."
    )
    if not b.model.settings.predictor.diffusion_known:
        st.caption(words.NOISE_LEARNED)
    if not b.model.record["growth_identified"]:
        st.caption(
            ":orange[**Growth is not known.**] Cells that divide in a valley and cells that cross into it look alike here, so "
            "heights and crossings hold only if growth is what the model took it to be."
        )
if b.model.record["linear"]:
    st.markdown(
        f"**One valley was assumed.** A straight slope does the job for these {kind} populations, so nothing more was learned: "
        "it is what these cells do not contradict. With few of them at each time, two valleys can pass for one."
    )
turning = drawn.rotation_share
if turning is not None:
    amount = "Less than 1 %" if turning < 0.01 else f"About {100 * turning:.0f} %"
    least = (
        ""
        if b.model.record["linear"]
        else " Take it as a lower bound: of a simulated switch a twentieth of which turned, such a fit found none."
    )
    st.markdown(
        f"{amount} of the squared motion over the {kind} cells turns and is explained by no landscape, in a fit that "
        f"was free to turn.{least}"
    )

tilt = " A treatment tilts this surface; what is drawn is the untreated one." if b.model.record["treatments"] else ""
method = words.of_kind(drawn.method, b.demo.simulated)
st.caption(
    f"{method}{tilt} Left to right: {drawn.axis_names[0]}; front to back: {drawn.axis_names[1]}. "
    "What moves is laid on the surface."
)
st.caption(
    f"The surface ends where no {kind} cell is near. A unit of D is the energy that noise alone easily overcomes. "
    f"Heights can be compared within a valley and along paths that {kind} populations took. Between valleys that no "
    f"{kind} cells connect, and on the way back over a barrier that none crossed, they are the model's guess."
)
caveats(b)
share(
    b,
    code=lambda: code_landscape.drawn(b, scene, picture),
    methods=lambda: methods(b, f"{scene.asked} {method}{tilt}"),
    place=place,
)

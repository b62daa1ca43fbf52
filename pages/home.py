"""Home: the cells at once, what they are, and the questions that they can answer."""

from __future__ import annotations

import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.figures.embedding import embedding
from virtualcell.ui import state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.parts import chart, lead, provenance
from virtualcell.ui.theme import look

inside()
b = state.bundle()
known = state.known_columns(b)
title = next(iter(known))
column, kind = known[title]

lead(
    b,
    "Measured cells go in; a model learns a state for each, moves the states through time on an energy it learned, "
    "and shows both.",
)
main, side = st.columns([3.2, 1], gap="medium")
with main:
    fig = embedding(
        b.umap2,
        state.values(b, column),
        name=title,
        kind=kind,
        unit=b.demo.columns.time_unit if kind == "time" else "",
        look=look(),
        height=520,
    )
    fig.update_layout(dragmode="pan")
    chart(fig, "home-map", alt=f"Map of {len(b.umap2):,} cells coloured by {title}", file=f"{b.demo.key}-map")
with side:
    st.markdown(f"**{b.demo.title}**")
    st.markdown(b.demo.sentence)
    st.caption(f"Coloured by {title}. {words.MAP}")
    link = {"demo": b.demo.key}
    asked = 1 if b.demo.columns.time else 0  # the question that these cells can answer
    for number, (question, page) in enumerate(
        (
            ("What are these cells?", "pages/explore.py"),
            ("What happens next?", "pages/trajectories.py"),
            ("What shapes it?", "pages/landscape.py"),
        )
    ):
        if st.button(question, key=f"ask-{number}", width="stretch", type="primary" if number == asked else "secondary"):
            st.switch_page(page, query_params=link)
    if b.demo.treatments and st.button("What does a treatment do?", key="ask-treatment", width="stretch"):
        st.switch_page("pages/perturb.py", query_params=link)
    if len(b.cells.mod) > 1 and st.button("What do assays share?", key="ask-modalities", width="stretch"):
        st.switch_page("pages/modalities.py", query_params=link)
    provenance(b)


def choose(key: str) -> None:
    st.session_state[state.DEMO] = key


st.markdown("##### Other cells to look at")
keys = list(DEMOS)
for start in range(0, len(keys), 3):
    for place, key in zip(st.columns(3), keys[start : start + 3], strict=False):
        demo = DEMOS[key]
        with place.container(border=True, height="stretch"):
            st.markdown(f"**{demo.title}**" + ("  \n:orange[simulated, not measured]" if demo.simulated else ""))
            st.caption(demo.sentence)
            shown = key == b.demo.key
            st.button("Shown above" if shown else "Show these", key=f"show-{key}", on_click=choose, args=(key,), disabled=shown)

"""Home: the cells at once, one finding about them, and the questions that they can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.figures.embedding import embedding
from virtualcell.ui import cards, glance, state, tour, words
from virtualcell.ui.frame import go_to, inside
from virtualcell.ui.parts import chart, provenance
from virtualcell.ui.theme import look

if TYPE_CHECKING:
    from virtualcell.demo import Bundle


def picture(shown: glance.Glance, key: str, unit: str) -> None:
    """The map: one main figure."""
    values, kind = shown.values, shown.kind
    if values is None:
        values = [shown.name] * len(shown.positions)
    fig = embedding(
        shown.positions, values, name=shown.name, kind=kind, unit=unit if kind == "time" else "", look=look(), height=470
    )
    fig.update_layout(dragmode="pan", showlegend=shown.values is not None)
    chart(fig, "home-map", alt=f"Map of {len(values):,} cells coloured by {shown.name}", file=f"{key}-map")
    coloured = f"Coloured by {shown.name}. " if shown.values is not None else ""
    st.caption(f"{coloured}{words.MAP}")


def finding(b: Bundle) -> None:
    """One sentence that was computed from these cells, and the way to see it."""
    from virtualcell.ui.insight import insight  # opens what the first figure does without

    found = insight(b)
    st.markdown(f"#### {found.headline}")
    st.caption(found.detail)
    link = {"demo": b.demo.key, **found.view}
    st.button(found.ask, key="see-it", type="primary", on_click=go_to, args=(found.page, link))


def questions(b: Bundle) -> None:
    """What else these cells can answer, a page each."""
    link = {"demo": b.demo.key}
    asked = [("What are these cells?", "pages/explore.py")]
    if b.demo.columns.time:
        asked.append(("What happens next?", "pages/trajectories.py"))
    if b.landscape is not None:
        asked.append(("Where do they settle, and why?", "pages/landscape.py"))
    if b.model.record["treatments"]:
        asked.append(("What does a treatment do?", "pages/perturb.py"))
    if len(b.cells.mod) > 1:
        asked.append(("What do the measurements share?", "pages/modalities.py"))
    asked.append(("What was not measured?", "pages/generate.py"))
    asked.append(("How far can I trust this?", "pages/card.py"))
    for number, (question, page) in enumerate(asked):
        st.button(question, key=f"ask-{number}", width="stretch", on_click=go_to, args=(page, link))


inside()
key = st.session_state[state.DEMO]
seen = glance.of_demo(key)
simulated = key in DEMOS and DEMOS[key].simulated
if simulated:
    st.warning(words.SIMULATED, icon=None)
hello, start = st.columns([3.2, 1], gap="medium", vertical_alignment="center")
with hello:
    st.markdown(":gray[What single cells become, what treatments do to them, and how far a model of it can be trusted.]")
with start:
    tour.invitation()
main, side = st.columns([3.2, 1], gap="medium")
with main:
    said, drawn = st.container(), st.empty()
if seen is not None:
    # The map needs neither the model nor the counts: on a fresh server it is there seconds before them.
    with drawn.container():
        picture(seen, key, DEMOS[key].columns.time_unit)
with side:
    about = st.container()
cards.cards(key)
cards.show_top()
b = state.bundle()
with about:
    st.markdown(f"**{words.literal(b.demo.title)}**")
    st.markdown(words.literal(b.demo.sentence))
    questions(b)
    provenance(b)
with said:
    finding(b)
if seen is None:
    with drawn.container():
        picture(glance.of_bundle(b), key, b.demo.columns.time_unit)

"""Cards at the foot of Home: the data sets that come with the product, trainings of one's own, and the way to start one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import streamlit as st

from virtualcell import jobs
from virtualcell.data.catalogue import DEMOS, models_folder
from virtualcell.figures.look import Look
from virtualcell.figures.thumbnail import thumbnail
from virtualcell.schema import Columns
from virtualcell.ui import glance, state, unfinished
from virtualcell.ui.frame import PAGES, go_to
from virtualcell.ui.theme import look
from virtualcell.ui.words import literal

WIDTH = 236
"""Of a card in pixels: five side by side on a wide page, three on a narrow one."""

MOST_RUNS = 4


@st.cache_resource(max_entries=64, show_spinner=False)
def _picture(folder: Path, changed: int, _columns: Columns, _look: Look, theme: str) -> bytes | None:
    seen = glance.of_folder(folder, _columns)
    return None if seen is None else thumbnail(seen.positions, *seen.colours(_look))


_CHOSEN = "cards-chosen"


def _choose(key: str) -> None:
    st.session_state[state.DEMO] = key
    st.session_state[_CHOSEN] = st.session_state.get(_CHOSEN, 0) + 1


def show_top() -> None:
    """Scrolls up where a card was just chosen: its cells are drawn at the top of the page, out of sight of who chose them."""
    n = st.session_state.get(_CHOSEN, 0)
    if not n or st.session_state.get(f"{_CHOSEN}-seen") == n:
        return
    st.session_state[f"{_CHOSEN}-seen"] = n
    # The number makes it another script each time, or the browser would not run it again.
    script = f"document.querySelector('[data-testid=\"stMain\"]').scrollTo({{top: 0, behavior: 'smooth'}}); // {n}"
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def _card(key: str, title: str, sentence: str, folder: Path, columns: Columns, *, shown: bool, simulated: bool) -> None:
    with st.container(border=True, width=WIDTH, height="stretch", key=f"card-{key}"):
        tints = look()
        found = _picture(folder, state.changed(folder), columns, tints, tints.name)
        if found is not None:
            st.image(found, width="stretch", alt=f"Small map of: {title}")
        st.markdown(f"**{literal(title)}**" + ("  \n:orange[simulated, not measured]" if simulated else ""))
        st.caption(sentence)
        label = "Shown above" if shown else "Show these"
        st.button(label, key=f"show-{key}", on_click=_choose, args=(key,), disabled=shown, width="stretch")


def _own(finished: list[jobs.Run]) -> None:
    page = next((file for file, title in PAGES if title == unfinished.YOURS), None)
    if page is None:
        return
    with st.container(border=True, width=WIDTH, height="stretch", key="card-own"):
        st.markdown("**Your own cells**")
        st.caption(
            "Upload a file with counts; it is checked, and what is missing is asked for. A model is then trained here, and these "
            "pages show your cells as they show the ones above."
        )
        if finished:
            st.caption(f"{len(finished)} training{'s' if len(finished) > 1 else ''} finished on this server.")
        st.button("Start with your cells", key="start-own", type="primary", width="stretch", on_click=go_to, args=(page,))


def cards(chosen: str) -> None:
    """All data sets that can be looked at; ``chosen`` is the one shown above."""
    finished = state.finished_runs()
    st.markdown("##### Cells to look at")
    with st.container(horizontal=True, gap="small"):
        _own(finished)
        for key, demo in DEMOS.items():
            folder = models_folder() / key
            _card(key, demo.title, demo.sentence, folder, demo.columns, shown=key == chosen, simulated=demo.simulated)
        for run in finished[:MOST_RUNS]:
            said = f"{run.n_cells:,} cells, trained here on {datetime.fromtimestamp(run.created):%d %B %Y}."
            _card(run.id, run.name, said, run.model_folder, run.columns, shown=run.id == chosen, simulated=False)

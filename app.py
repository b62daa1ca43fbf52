"""VirtualCell in the browser: navigation, theme and the choice of data; nothing else."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from virtualcell.ui import tour
from virtualcell.ui.faults import asked_in_vain
from virtualcell.ui.frame import navigation, run
from virtualcell.ui.state import DEMO, cells_to_choose, follow_link, keep_training, write_link
from virtualcell.ui.words_list import words_list

# A local picture: named icons would be fetched from another host.
st.set_page_config(
    page_title="VirtualCell",
    page_icon=str(Path(__file__).parent / "assets" / "icons" / "cell.svg"),
    layout="wide",
    initial_sidebar_state="collapsed",
)
page = navigation()
keep_training()
title, choice, glossary = st.columns([1.5, 1.05, 0.42], vertical_alignment="bottom")
with choice:
    follow_link()
    titles = cells_to_choose()
    st.selectbox("Cells", list(titles), format_func=titles.__getitem__, key=DEMO, label_visibility="collapsed")
    write_link()
with glossary:
    words_list()
with title:
    st.markdown(f"## {'VirtualCell' if page.title == 'Home' else page.title}")
asked_in_vain(st.session_state[DEMO])
tour.band(page.title)
run(page)

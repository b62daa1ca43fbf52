"""VirtualCell in the browser: navigation, theme and the choice of data; nothing else."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.ui.frame import navigation, run
from virtualcell.ui.state import DEMO, follow_link, write_link

# A local picture: named icons would be fetched from another host.
st.set_page_config(
    page_title="VirtualCell",
    page_icon=str(Path(__file__).parent / "assets" / "icons" / "cell.svg"),
    layout="wide",
    initial_sidebar_state="collapsed",
)
page = navigation()
title, choice = st.columns([1.7, 1], vertical_alignment="bottom")
with choice:
    follow_link()
    st.selectbox("Cells", list(DEMOS), format_func=lambda key: DEMOS[key].title, key=DEMO, label_visibility="collapsed")
    write_link()
with title:
    st.markdown(f"## {'VirtualCell' if page.title == 'Home' else page.title}")
run(page)

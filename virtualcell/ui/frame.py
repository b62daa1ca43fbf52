"""The pages of the app and the frame around them."""

from __future__ import annotations

import streamlit as st

from virtualcell.figures.look import DARK
from virtualcell.ui.theme import look

PAGES = (
    ("pages/home.py", "Home"),
    ("pages/explore.py", "Explore"),
    ("pages/modalities.py", "Modalities"),
    ("pages/trajectories.py", "Trajectories"),
    ("pages/perturb.py", "Perturb"),
    ("pages/landscape.py", "Landscape"),
    ("pages/card.py", "Data & model card"),
)
"""File and title, in the order of the questions that a reader asks."""

_DRAWN = "frame-drawn"


def run(page: st.Page) -> None:
    """Runs the page inside the frame that app.py has drawn."""
    st.session_state[_DRAWN] = True
    if look() is DARK:
        # The theme writes white on its primary colour, which on a dark page must be a light one: 2.3 : 1.
        named = "[data-testid='stBaseButton-primary'], [data-testid='stBaseButton-primaryFormSubmit'], [data-baseweb='tag']"
        st.html(f"<style>{named} {{ color: {DARK.paper}; }}</style>")
    page.run()


def navigation() -> st.Page:
    """The page that the link asks for, with the others in the bar above."""
    return st.navigation([st.Page(file, title=title, default=i == 0) for i, (file, title) in enumerate(PAGES)], position="top")


def inside() -> None:
    """Called first by every page: makes sure that the page stands in the frame that app.py draws.

    Until some reader has opened the start page, Streamlit takes a folder named pages for the old kind of app and runs a page
    that is opened by its own link without app.py. Asking for the navigation once ends that for the whole server; then the page
    is run again.
    """
    if not st.session_state.pop(_DRAWN, False):
        navigation()
        st.rerun()

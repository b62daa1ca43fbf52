"""The pages of the app and the frame around them."""

from __future__ import annotations

import streamlit as st

from virtualcell.figures.look import DARK, Look
from virtualcell.ui.faults import told
from virtualcell.ui.theme import look

PAGES = (
    ("pages/home.py", "Home"),
    ("pages/cells.py", "Your cells"),
    ("pages/explore.py", "Explore"),
    ("pages/modalities.py", "Modalities"),
    ("pages/trajectories.py", "Trajectories"),
    ("pages/perturb.py", "Perturb"),
    ("pages/landscape.py", "Landscape"),
    ("pages/generate.py", "Generate"),
    ("pages/card.py", "Data & model card"),
)
"""File and title, in the order of the questions that a reader asks."""

_DRAWN, _HERE, _WANTED = "frame-drawn", "frame-here", "frame-wanted"


def go_to(file: str, link: dict[str, str] | None = None) -> None:
    """Leads to another page with its controls set by link; for ``on_click``, so that the page that is left is not drawn again on
    the way."""
    if st.session_state.get(_HERE) != file:
        st.session_state[_WANTED] = (file, link or {})
        return
    # Of the page that is shown, what is bound to a control cannot be written into the link: the control is set, and writes it.
    st.session_state.update(link or {})


def moving() -> bool:
    """Whether the reader is on the way to another page, so that nothing need be drawn on this one."""
    return _WANTED in st.session_state


def run(page: st.Page) -> None:
    """Runs the page inside the frame that app.py has drawn; where it fails, says what to do."""
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is not None:
        st.switch_page(wanted[0], query_params=wanted[1])
    st.session_state[_DRAWN] = True
    st.html(f"<style>{_legible(look())}</style>")
    st.session_state[_HERE] = next((file for file, title in PAGES if title == page.title), None)
    with told(page.title, PAGES[0][0]):
        page.run()


def _legible(look: Look) -> str:
    """Where no setting of the theme reaches and words would have less than 4.5 : 1 (tests/browser/test_contrast.py).

    Small print is text at six tenths of its strength, which washes out coloured words. Code is coloured by its grammar, down to
    2.8 : 1. And white is written on the primary colour, which on a dark page must be a light one.
    """
    rules = f"[data-testid='stCaptionContainer'] {{ opacity: 1; color: {look.quiet}; }}"
    rules += f"[data-testid='stCode'] code span {{ color: {look.text} !important; }}"  # its own colours stand in each word
    if look is DARK:
        filled = ("stBaseButton-primary']", "stBaseButton-primaryFormSubmit']", "stMultiSelect'] [data-tag]")
        named = ", ".join(f"[data-testid='{name}" for name in filled)
        rules += f"{named} {{ color: {look.paper}; }}"
    return rules


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

"""A tour of the pages in seven steps: a band at the top of the page that says what one sees, computed from what is shown.

A step is a link (``?tour=3``): opened on any page it leads to the page and the view that it speaks of. A reader who walks off on
the way finds a way back, and nothing else.
"""

from __future__ import annotations

import streamlit as st

from virtualcell.ui import state
from virtualcell.ui.frame import PAGES, go_to, moving
from virtualcell.ui.tour_steps import STEPS, Step

PARAMETER = "tour"
_AT, _LEFT = "tour-at", "tour-left"


def _asked() -> int | None:
    """The step in the link, from 0; None where it names none."""
    said = st.query_params.get(PARAMETER, "")
    return int(said) - 1 if said.isdecimal() and 1 <= int(said) <= len(STEPS) else None


def _go(number: int) -> None:
    step = STEPS[number]
    st.session_state[_AT] = number
    file = next(file for file, title in PAGES if title == step.page)
    st.query_params[PARAMETER] = str(number + 1)
    go_to(file, {state.DEMO: step.demo, **step.view, PARAMETER: str(number + 1)})


def _leave() -> None:
    st.session_state[_AT] = None
    st.query_params.pop(PARAMETER, None)


def _finish() -> None:
    _leave()
    go_to(PAGES[0][0], {"demo": STEPS[0].demo})


def band(title: str) -> None:
    """The band at the top of the page with this title, while a tour is taken; nothing otherwise. Called by app.py before the
    page runs."""
    if moving():
        return  # the link still names the step that the reader comes from
    asked, at = _asked(), st.session_state.get(_AT)
    if asked is not None and asked != at:
        _go(asked)  # a link from outside
        return
    if at is None:
        return
    step = STEPS[at]
    here = title == step.page and st.session_state.get(state.DEMO) == step.demo
    with st.container(border=True, key="tour"):
        said, buttons = st.columns([3.2, 1], vertical_alignment="center", gap="medium")
        with said:
            _say(step, at) if here else _away(at)
        with buttons, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            _steer(at, here)
    if here:
        st.query_params[PARAMETER] = str(at + 1)


def _say(step: Step, at: int) -> None:
    b = state.bundle(step.demo)
    with st.spinner("Working out what this step shows …"):
        sentence = step.said(b)
    st.markdown(f":small[:gray[Tour, {at + 1} of {len(STEPS)}]] **{step.title}**  \n{sentence}")


def _away(at: int) -> None:
    st.markdown(f":gray[You left the tour at step {at + 1} of {len(STEPS)}, “{STEPS[at].title}”.]")


def _steer(at: int, here: bool) -> None:
    # Leave comes last and looks least: the way on is what a reader looks for.
    if not here:
        st.button("Go on with it", key="tour-on", type="primary", on_click=_go, args=(at,))
    else:
        if at > 0:
            st.button("Back", key="tour-back", on_click=_go, args=(at - 1,))
        if at + 1 < len(STEPS):
            st.button("Next", key="tour-next", type="primary", on_click=_go, args=(at + 1,))
        else:
            st.button("Finish", key="tour-finish", type="primary", on_click=_finish)
    st.button("Leave", key="tour-leave", type="tertiary", on_click=_leave)


def invitation() -> None:
    """The button on Home that begins the tour."""
    if st.session_state.get(_AT) is None:
        long = f"{len(STEPS)} steps over the pages, about two minutes. It can be left at any step."
        st.button("Take the tour", key="tour-begin", width="stretch", help=long, on_click=_go, args=(0,))

"""Generate: other cells open with the view that was on screen."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.ui import modalities, state
from virtualcell.ui.generate import ASSAYS, MISSING, NEW, TURN, sources

_LAST = "generate-last"


def carried(b: Bundle) -> None:
    """Opens cells chosen in place of others with the same view, where they can answer it; called before the choice is drawn."""
    key, (demo, view) = state.own(b, "generate"), st.session_state.get(_LAST, (b.demo.key, NEW))
    if demo == b.demo.key or key in st.session_state or key in st.query_params:
        return
    answers = {
        MISSING: bool(sources(b)),
        ASSAYS: len(modalities.modalities(b)) > 1,
        TURN: b.model.codes is not None,
    }
    if answers.get(view, True):
        st.session_state[key] = view


def remember(b: Bundle, view: str) -> None:
    """Keeps which view is on screen, for ``carried``."""
    st.session_state[_LAST] = (b.demo.key, view)

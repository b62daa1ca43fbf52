"""The look of figures that suits the theme of the reader's page."""

from __future__ import annotations

import streamlit as st

from virtualcell.figures.look import DARK, LIGHT, Look


def look() -> Look:
    """Dark on a dark page, otherwise light."""
    return DARK if st.context.theme.type == "dark" else LIGHT

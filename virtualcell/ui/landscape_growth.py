"""What is known of division, where shares of cells are shown."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle


def growth_flag(b: Bundle) -> None:
    """Says how growth was found; visibly where the cells themselves cannot tell it from movement."""
    said = b.model.record["growth_known"]
    if not said:
        return
    if b.model.record["growth_identified"]:
        st.caption(said)
    else:
        st.caption(f":orange[**Growth is not known.**] {said}")

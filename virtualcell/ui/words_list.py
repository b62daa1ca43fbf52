"""The glossary within reach of every page: a button in the frame that opens it, with a field to search."""

from __future__ import annotations

import streamlit as st

from virtualcell.ui.glossary import GROUPS, search
from virtualcell.ui.glossary_cells import Word


def _written(word: Word) -> str:
    also = f" :gray[(also: {', '.join(word.also)})]" if word.also else ""
    curious = f"  \n:small[:gray[For the curious: {word.curious}]]" if word.curious else ""
    return f"**{word.term}**{also}  \n{word.plain}{curious}"


@st.fragment
def words_list() -> None:
    """The button "Words". What it opens is made when it is opened, and searching does not run the page again."""
    box = st.popover("Words", key="words-open", on_change="rerun", help="What the words on these pages mean.", width="stretch")
    if not box.open:
        return
    with box:
        sought = st.text_input("Look up", key="words-sought", placeholder="for example: energy, baseline, peak")
        found = search(sought)
        if sought.strip():
            st.caption(f"{len(found)} word{'' if len(found) == 1 else 's'}")
            if not found:
                st.markdown("Nothing here has that name. Try a shorter piece of it, or empty the field to see all words.")
            for word in found:
                st.markdown(_written(word))
            return
        for title, words in GROUPS.items():
            st.markdown(f"###### {title}")
            for word in words:
                st.markdown(_written(word))

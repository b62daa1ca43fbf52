"""Says on the page which cells are not judged, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import streamlit as st

from virtualcell.ui import words
from virtualcell.ui.modalities import called


def refused(why: Iterable[str], n: int, *modalities: str) -> None:
    """Draws how many of n cells are refused and for which reasons; nothing where none is. why: the reason of each cell that is,
    "" of others; modalities: names in the reasons that the page calls by other names."""
    found = Counter(str(reason) for reason in why if reason)
    if not found:
        return
    st.metric(
        "Refused", f"{found.total()} of {n:,}", help="Cells of which nothing is said, because the model never saw the like."
    )
    for reason, cells in found.most_common():
        said = reason
        for name in modalities:
            said = re.sub(rf"\b{re.escape(name)}\b", called(name), said)
        st.caption(f"{cells}: {words.literal(said)}")

"""Generate, what codes of cells and of pictures share: did they settle while they were learned, in a word and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from virtualcell.figures.drawn_codes import settling
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

SETTLED = 0.1
"""Share of the uncertainty of kinds that are all as likely, below which what is left of it is called little."""


def settled_verdict(log: list[dict[str, Any]], kinds: int, one: str) -> str:
    """A sentence on the end of a training: does each ``one`` (cell, picture) have one kind. log: as the model keeps it."""
    left = float(log[-1]["entropy_of_code"]) / np.log(kinds) if kinds > 1 else 0.0
    if left < SETTLED:
        return f"**Yes.** At the end of the training almost every {one} has one clear kind."
    return f"**Not entirely.** At the end of the training {left:.0%} of the uncertainty about the kind of a {one} is left."


def training_log(log: list[dict[str, Any]], kinds: int, *, key: str, file: str, said: str) -> None:
    """The curves of a training, with words; said: what else is to be known of it."""
    left, right = st.columns([2, 1], gap="large")
    steps, of_code, of_use = (
        np.array([one[name] for one in log], float) for name in ("step", "entropy_of_code", "entropy_of_use")
    )
    with left:
        fig = settling(steps, of_code, of_use, n_codes=kinds, look=look())
        chart(fig, key, alt="Uncertainty of single codes and evenness of the use of all codes, over the training", file=file)
    with right:
        st.markdown(
            "Solid: how uncertain the kind of a single one is; it falls to 0 where kinds settle. Dashed: how evenly the kinds "
            f"are used; at the dotted line all are used alike. {said}"
        )

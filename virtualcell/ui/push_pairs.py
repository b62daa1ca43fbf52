"""Pairs of treatments: what was measured against the sum of the parts, and what the sum would be elsewhere."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.pair_matrix import pair_matrix
from virtualcell.figures.pair_scales import pair_scales
from virtualcell.perturbation.interaction import ADDITIVE
from virtualcell.ui import pushed, state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

MOST = 40
"""Treatments measured alone that fit into one picture."""


def has_pairs(b: Bundle) -> bool:
    """Whether some pair was measured together with both of its parts, or could be."""
    if b.model.response is None:
        return False
    known = b.model.response.treatments
    return any("+" in name for name in known) and 2 <= sum("+" not in name for name in known) <= MOST


def push_pairs(b: Bundle) -> None:
    """The matrix, of which a click chooses the pair to push by, and measured pairs with their intervals."""
    additive, measured = pushed.additive_pairs(b), pushed.interactions(b)
    together = [name for name in b.model.record["treatments"] if "+" in name]
    picture, rest = st.columns([1.5, 1], gap="large")
    key = state.own(b, "pair-matrix")

    def chosen() -> None:
        points = st.session_state[key].selection.points
        if points:
            first, second, *_ = points[0]["customdata"]
            st.session_state[state.own(b, "treatment")] = first
            st.session_state[state.own(b, "together-with")] = second

    with picture:
        st.markdown("Each mark is a pair. **Click one to push by it.**")
        fig = pair_matrix(additive, measured, (measured["kind"] != ADDITIVE).to_numpy(), look=look())
        chart(fig, key, alt="Pairs of treatments", file=f"{b.demo.key}-pairs", on_select=chosen, selection_mode="points")
    with rest:
        if len(measured):
            clear = (measured["kind"] != ADDITIVE).to_numpy()
            depart = f"**{clear.sum()} of {len(measured)}** measured pairs depart"
            none = f"**None of the {len(measured)}** measured pairs departs"
            st.markdown(f"{depart if clear.any() else none} from the sum of both alone by more than chance would do.")
            fig = pair_scales(
                list(measured["pair"]),
                measured["scale"].to_numpy(),
                measured["scale_low"].to_numpy(),
                measured["scale_high"].to_numpy(),
                clear,
                look=look(),
            )
            chart(fig, "pair-scales", alt="Measured pairs against the sum of their parts", file=f"{b.demo.key}-pair-scales")
            table_download(b, measured, "pairs", "Measured pairs as CSV")
        few = int(measured["fewest_cells"].min()) if len(measured) else 0
        unjudged = len(together) - len(measured)
        st.caption(
            "Share of the sum: above 100 % synergy, below it buffering (the model of Norman et al. 2019 with one coefficient; "
            "both coefficients and their magnitude are in the CSV). Noise of the untreated cells, which all effects share, is "
            "taken off. Open: cannot be told from the sum at a false discovery rate of 5 %"
            + (f", with {few} cells or more of each; that is no proof that effects add. " if few else ". ")
            + (f"{unjudged} more pairs were measured, but not both of their parts alone." if unjudged else "")
        )
        table_download(b, additive, "pairs-added", "Sums of all pairs as CSV")

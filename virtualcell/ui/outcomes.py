"""What a push does, one view at a time: genes, gene sets, fates, pairs."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.perturbation.effect import Effect
from virtualcell.ui import state
from virtualcell.ui.push_fates import has_fates, push_fates
from virtualcell.ui.push_genes import push_genes
from virtualcell.ui.push_pairs import has_pairs, push_pairs
from virtualcell.ui.push_sets import push_sets

GENES, SETS, FATES, PAIRS = "Genes", "Gene sets", "Fates", "Pairs"


def outcomes(b: Bundle, found: Effect, name: str, *, by_treatment: bool) -> None:
    """Choice of a view and the view; only those that have something to say about this push."""
    views = [GENES, SETS, *([FATES] if has_fates(b, found) else []), *([PAIRS] if by_treatment and has_pairs(b) else [])]
    st.markdown("##### What changes")
    view = st.segmented_control(
        "What changes",
        views,
        default=GENES,
        required=True,
        key=state.own(b, "outcome"),
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == SETS:
        push_sets(b, found, name)
    elif view == FATES:
        push_fates(b, found, name)
    elif view == PAIRS:
        push_pairs(b)
    else:
        push_genes(b, found, name)

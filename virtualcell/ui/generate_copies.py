"""Generate, new cells: are they copies of training cells? Their distances to these, beside those of cells kept out."""

from __future__ import annotations

import numpy as np
import streamlit as st
from sklearn.neighbors import NearestNeighbors

from virtualcell.demo import Bundle
from virtualcell.figures.pair_figures import nearest
from virtualcell.ui import modalities, state, words
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

NEAREST = 0.05
"""Share of the kept-out cells, the nearest to the training cells, beside which drawn ones are counted."""


@st.cache_resource(max_entries=24, show_spinner="Looking for the nearest training cell of each …")
def _distances(
    key: str, stamp: int, request: tuple[object, ...], packed: bytes, _drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Distance to the nearest training cell: of the drawn states (request: what they were drawn with) and of the measured cells
    of the packed rows, which are no copies; and whether training cells were read as if they were new."""
    b, rows = state.bundle(key), np.frombuffer(packed, dtype=np.int64)
    known = b.model.states_as_new
    as_new = known is not None
    if known is None:
        known = b.state[np.setdiff1d(np.arange(b.cells.n_obs), modalities.kept_out(b))]
    near = NearestNeighbors(n_neighbors=1).fit(known)
    of_unseen = near.kneighbors(b.state[rows])[0][:, 0] if len(rows) else np.empty(0)
    return near.kneighbors(_drawn)[0][:, 0], of_unseen, as_new


def copies(b: Bundle, drawn: np.ndarray, request: tuple[object, ...], unseen: np.ndarray) -> None:
    """The figure and what it says. drawn: states (cells, d), drawn with ``request``; unseen: rows of measured cells kept out of
    training, like the drawn ones where there are enough."""
    packed = unseen.astype(np.int64).tobytes()
    of_drawn, of_unseen, as_new = _distances(b.demo.key, state.stamp(b), request, packed, drawn)
    kind = words.measured(b.demo.simulated)
    st.markdown("##### Are they copies?")
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        fig = nearest(of_drawn, of_unseen, cells=kind, look=look())
        chart(fig, f"nearest-{b.demo.key}", alt="Distance of drawn and of unseen cells to the nearest training cell",
              file=f"{b.demo.key}-synthetic-nearest")  # fmt: skip
    with right:
        said = f"Half of the drawn cells lie {np.median(of_drawn):.2g} or less from the nearest cell that the model learned from"
        if len(of_unseen):
            said += f"; of {kind} cells kept out of its training, half lie {np.median(of_unseen):.2g} or less"
        st.markdown(f"{said}.")
        if len(of_unseen):
            st.markdown(nearer(of_drawn, of_unseen))
        st.caption(f"A copy of a training cell would lie at 0. Distances are in the numbers of the cell state. {_read(as_new)}")


def _read(as_new: bool) -> str:
    if as_new:
        return "Training cells are read as if the model had never seen them, as the cells kept out are."
    return "The model reads cells that it learned from as more varied than new ones, so all of these distances are too large."


def nearer(drawn: np.ndarray, unseen: np.ndarray) -> str:
    """What the distances to the nearest training cell, (drawn,) and (unseen,), say of copies."""
    close = float((drawn < np.quantile(unseen, NEAREST)).mean())
    said = f"{close:.0%} of the drawn cells lie as near as the nearest {NEAREST:.0%} of those kept out"
    if close > 2 * NEAREST:
        return (
            f"{said}: **they keep closer to the training cells than new cells do**. Take them as variations of cells that were "
            "measured; counting them adds no evidence."
        )
    return f"{said}: no sign of copies."

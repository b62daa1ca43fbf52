"""Generate, new cells: are they copies of training cells? Their distances to these, beside those of cells kept out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from scipy.stats import betabinom
from sklearn.neighbors import NearestNeighbors

from virtualcell.demo import Bundle
from virtualcell.figures.pair_figures import nearest
from virtualcell.ui import modalities, state, words
from virtualcell.ui.generate import FEW
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

NEAREST = 0.05
"""Share of the kept-out cells, the nearest to the training cells or the furthest, beside which drawn ones are counted."""


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


@dataclass(frozen=True)
class Unseen:
    """Measured cells kept out of training that drawn ones are compared with. rows: of them; called: words after "cells" that say
    which; like: how many of the kept-out cells are like the drawn ones; even: whether they have kinds as often as these."""

    rows: np.ndarray
    called: str
    like: int
    even: bool

    @property
    def why_not(self) -> str:
        """Why they give no verdict; "" where they do."""
        if self.like < FEW:
            return (
                f"Kept out of training and like the drawn ones: {self.like} cells, fewer than {FEW}, too few for a verdict. "
                "Shown are those of every kind and condition."
            )
        if not self.even:
            return "Rare kinds are drawn as often as common ones, the cells kept out are as they were found: so no verdict."
        return ""


def copies(b: Bundle, drawn: np.ndarray, request: tuple[object, ...], unseen: Unseen, noise: float) -> None:
    """The figure and what it says. drawn: states (cells, d), drawn with ``request``."""
    packed = unseen.rows.astype(np.int64).tobytes()
    of_drawn, of_unseen, as_new = _distances(b.demo.key, state.stamp(b), request, packed, drawn)
    kind = words.measured(b.demo.simulated)
    st.markdown("##### Are they copies?")
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        fig = nearest(of_drawn, of_unseen, cells=f"{kind}{unseen.called}", look=look())
        chart(fig, f"nearest-{b.demo.key}", alt="Distance of drawn and of unseen cells to the nearest training cell",
              file=f"{b.demo.key}-synthetic-nearest")  # fmt: skip
    with right:
        said = f"Half of the drawn cells lie {np.median(of_drawn):.2g} or less from the nearest cell that the model learned from"
        if len(of_unseen):
            said += f"; of {len(of_unseen):,} {kind} cells{unseen.called} kept out of its training, half lie "
            said += f"{np.median(of_unseen):.2g} or less"
        st.markdown(f"{said}.")
        if noise == 0:
            different = len(np.unique(np.round(drawn, 4), axis=0))
            st.markdown(f"Distinct cell states among the {len(drawn):,} draws without noise: {different:,}. So no verdict.")
        elif len(of_unseen):
            st.markdown(unseen.why_not or words.of_kind(nearer(of_drawn, of_unseen), b.demo.simulated))
        st.caption(f"A copy of a training cell would lie at 0. Distances are in the numbers of the cell state. {_read(as_new)}")


def _read(as_new: bool) -> str:
    if as_new:
        return "Training cells are read as if the model had never seen them, as the cells kept out are."
    return "The model reads cells that it learned from as more varied than new ones, so all of these distances are too large."


def nearer(drawn: np.ndarray, unseen: np.ndarray) -> str:
    """What the distances to the nearest training cell, (drawn,) and (unseen,), say of copies and of cells that stray."""
    near = float((drawn < np.quantile(unseen, NEAREST)).mean())
    far = float((drawn > np.quantile(unseen, 1 - NEAREST)).mean())
    chance = by_chance(len(drawn), len(unseen))
    said = (
        f"{near:.0%} of the drawn cells lie as near as the nearest {NEAREST:.0%} of those kept out, {far:.0%} as far as the "
        f"furthest {NEAREST:.0%} (of so many, chance makes up to {chance:.0%})"
    )
    if near <= chance and far <= chance:
        return f"{said}: no sign of copies, none of cells that stray."
    found = []
    if near > chance:
        found.append(
            "**they keep closer to the training cells than new cells do**. Take them as variations of cells that were "
            "measured; counting them adds no evidence"
        )
    if far > chance:
        found.append("**some stray further from the training cells than new cells do**. Do not take these for a new kind of cell")
    return f"{said}: {'; '.join(found)}."


def by_chance(drawn: int, unseen: int) -> float:
    """Share of so many drawn cells that lie nearer than the nearest NEAREST of so many unseen ones, at most, in 39 of 40 cases
    where both follow one law: the unseen ones' place is uncertain, too (beta-binomial law of exceedances)."""
    place = NEAREST * (unseen - 1) + 1  # where np.quantile looks
    return max(2 * NEAREST, float(betabinom.ppf(0.975, drawn, place, unseen + 1 - place)) / drawn)

"""Colour scales for amounts and the range that they span, as a reader chooses them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from plotly.colors import sample_colorscale

from virtualcell.demo import Bundle
from virtualcell.figures.colouring import SHADES, Colouring
from virtualcell.figures.look import DIVERGING, Look
from virtualcell.figures.look import scale as stops
from virtualcell.ui import state

HOUSE, AROUND_0 = "Blues", "Blue to red, around 0"
NAMED = {"Viridis": "Viridis", "Cividis": "Cividis"}
RANGES = {"usual": (0.0, 99.5), "all values": (0.0, 100.0), "1 to 99 %": (1.0, 99.0), "5 to 95 %": (5.0, 95.0)}


@dataclass(frozen=True)
class Scale:
    """Name of a colour scale, and the percentiles of the amounts at its ends; below and above the end colours hold."""

    name: str = HOUSE
    span: tuple[float, float] = RANGES["usual"]


def choose_scale(b: Bundle, *, signed: bool) -> Scale:
    """The controls. signed: amounts lie on both sides of 0, as scores of gene sets do."""
    names = [AROUND_0, HOUSE, *NAMED] if signed else [HOUSE, *NAMED]
    left, right = st.columns(2, gap="small")
    with left:
        name = st.selectbox(
            "Colours", names, key=state.own(b, "scale-signed" if signed else "scale"), bind="query-params",
            help="All can be told apart by colour-blind readers.",
        )  # fmt: skip
    with right:
        span = st.selectbox(
            "Range", list(RANGES), key=state.own(b, "range"), bind="query-params",
            help="The share of the cells' amounts between the ends of the scale. Usual: from nothing to the 99.5th percentile, "
            "so that a few very high cells do not leave all others pale.",
        )  # fmt: skip
    return Scale(name, RANGES[span])


def amount(values: np.ndarray, *, name: str, unit: str, scale: Scale, look: Look) -> Colouring:
    """Colours of amounts, (n,) numbers; missing ones have the faint colour after the last shade."""
    values = np.asarray(values, dtype=np.float32)
    low, high = ends(values, scale)
    share = np.clip((values - low) / (high - low), 0, 1)
    missing = np.isnan(share)
    codes = np.where(missing, SHADES, np.rint(np.nan_to_num(share) * (SHADES - 1))).astype(np.uint8)
    colours = NAMED.get(scale.name) or stops(DIVERGING if scale.name == AROUND_0 else look.expression)
    palette = sample_colorscale(colours, np.linspace(0, 1, SHADES).tolist())
    return Colouring(
        name=name, kind="amount", codes=codes, palette=(*palette, look.faint), low=low, high=high, unit=unit
    )  # fmt: skip


def ends(values: np.ndarray, scale: Scale) -> tuple[float, float]:
    """Amounts at both ends of the scale: the percentiles, the lower no higher than 0 where the lowest percentile is asked for."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    if scale.name == AROUND_0:
        far = max(float(np.percentile(np.abs(finite), scale.span[1])), 1e-6)
        return -far, far
    low, high = (float(end) for end in np.percentile(finite, scale.span))
    low = min(low, 0.0) if scale.span[0] == 0 else low
    # Of a gene in very few cells all percentiles are 0: what there is decides.
    high = high if high > low else float(finite.max())
    return low, max(high, low + 1e-6)

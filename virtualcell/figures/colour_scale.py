"""Colour scales for amounts and the range that they span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from plotly.colors import sample_colorscale

from virtualcell.figures.colouring import SHADES, Colouring
from virtualcell.figures.look import DARK, DIVERGING, LIGHT, Look
from virtualcell.figures.look import scale as stops

HOUSE, AROUND_0 = "Blues", "Blue to red, around 0"
NAMED = ("Viridis", "Cividis")
"""Scales of matplotlib that go from dark to light; the second is made for readers who see no red (Nunez et al. 2018)."""

DIVERGING_DARK = ("#A9CBF5", "#6C9BD8", "#44618C", "#343C4D", "#8A4B45", "#D9756A", "#FFB9A8")
"""As ``DIVERGING``, but 0 is near the page where that is dark: cells of which nothing is said must not shine."""

USUAL = (0.0, 99.5)
"""A few very high cells leave no other pale."""


@dataclass(frozen=True)
class Scale:
    """Name of a colour scale, and the percentiles of the amounts at its ends; below and above the end colours hold."""

    name: str = HOUSE
    span: tuple[float, float] = USUAL


def coloured_amount(
    values: np.ndarray, *, name: str, unit: str = "", scale: Scale | None = None, look: Look = LIGHT
) -> Colouring:
    """Colours of amounts, (n,) numbers, by a chosen scale; missing ones have the faint colour after the last shade."""
    scale = scale or Scale()
    values = np.asarray(values, dtype=np.float32)
    low, high = ends(values, scale)
    share = np.clip((values - low) / (high - low), 0, 1)
    missing = np.isnan(share)
    codes = np.where(missing, SHADES, np.rint(np.nan_to_num(share) * (SHADES - 1))).astype(np.uint8)
    if scale.name not in (HOUSE, AROUND_0, *NAMED):
        raise ValueError(f"there is no colour scale {scale.name!r}")
    colours = scale.name if scale.name in NAMED else stops(_around_0(look) if scale.name == AROUND_0 else look.expression)
    palette = sample_colorscale(colours, np.linspace(0, 1, SHADES).tolist())
    return Colouring(name=name, kind="amount", codes=codes, palette=(*palette, look.faint), low=low, high=high, unit=unit)


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


def _around_0(look: Look) -> tuple[str, ...]:
    return DIVERGING_DARK if look.name == DARK.name else DIVERGING

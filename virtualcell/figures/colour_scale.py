"""Colour scales for amounts and the range that they span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from virtualcell.figures.colouring import Colouring, shaded
from virtualcell.figures.look import LIGHT, Look

HOUSE, AROUND_0 = "Blues", "Blue to red, around 0"
NAMED = ("Viridis", "Cividis")
"""Scales of matplotlib that go from dark to light; the second is made for readers who see no red (Nunez et al. 2018)."""

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
    if scale.name not in (HOUSE, AROUND_0, *NAMED):
        raise ValueError(f"there is no colour scale {scale.name!r}")
    own = {HOUSE: look.expression, AROUND_0: look.diverging}
    return shaded(values, low, high, own.get(scale.name, scale.name), name=name, unit=unit, look=look)


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

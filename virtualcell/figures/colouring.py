"""What colour each cell has, in one byte a cell: what a browser needs to recolour a map without moving its points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from plotly.colors import hex_to_rgb, sample_colorscale

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import LIGHT, Look
from virtualcell.figures.look import scale as stops
from virtualcell.schema import DataError

SHADES = 200
"""Colours of an amount: more than an eye tells apart, and 1M random codes stay under 1 MB when compressed (log2 200 < 8 bits)."""

STEPS = {2: 14, 3: 6}
"""Steps a gene in a blend of two or three genes: 196 and 216 colours."""

BLEND = ("#004488", "#DDAA33", "#009988")
"""Blue, yellow and teal of Paul Tol's schemes: each alone and all together stay apart for colour-blind readers on both pages."""

MISSING = ("nan", "None", "unknown")


@dataclass(frozen=True)
class Colouring:
    """Codes of n cells into a palette, and what the legend says of them. Nothing of it may be changed."""

    name: str
    """What the colour shows: "time", "FKBP5", "ISG15 + CD74"."""
    kind: str
    """"category", "time" (a category in ordered colours), "amount" or "blend"."""
    codes: np.ndarray
    """(n,) uint8, index into the palette."""
    palette: tuple[str, ...]
    """CSS colours, at most 256."""
    labels: tuple[str, ...] = ()
    """Category and time: the name of each code, "3 h"; blend: the names of the channels."""
    counts: tuple[int, ...] = ()
    """Cells of each label; blend: cells in which the channel is above its lowest step."""
    low: float = 0.0
    high: float = 1.0
    """Amount: values of the palette's first and last shade. A missing value has the code after the last shade."""
    unit: str = ""

    @property
    def shades(self) -> int:
        """Length of the continuous part of an amount's palette; 0 for the other kinds."""
        return SHADES if self.kind == "amount" else 0

    @property
    def channels(self) -> tuple[str, ...]:
        """Blend: the colour of each channel alone at its highest step."""
        if self.kind != "blend":
            return ()
        steps = STEPS[len(self.labels)]
        return tuple(self.palette[(steps - 1) * steps**channel] for channel in range(len(self.labels)))

    def values(self) -> np.ndarray:
        """Amount: the value that each cell's shade stands for, (n,) float32, missing as nan. Other kinds: the codes."""
        if self.kind != "amount":
            return self.codes
        share = np.append(np.linspace(0, 1, SHADES), np.nan)
        return (self.low + share * (self.high - self.low)).astype(np.float32)[self.codes]


def colouring(
    values: np.ndarray | Sequence,
    *,
    name: str,
    kind: str = "category",
    unit: str = "",
    look: Look = LIGHT,
) -> Colouring:
    """Colours of the cells by one annotation or one amount, in the order and colours of ``embedding``.

    values: (n,) names or numbers. kind: ``"category"``, ``"time"`` or ``"amount"`` (from the lowest value or 0 to the 99.5th
    percentile; other scales: ``colour_scale``). DataError on more than 255 categories.
    """
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"one value a cell (n,), not {values.shape}")
    if kind == "amount":
        amounts = values.astype(np.float32)
        return shaded(amounts, *_ends(amounts), look.expression, name=name, unit=unit, look=look)
    if kind not in ("category", "time"):
        raise ValueError(f"kind {kind!r} is none of category, time, amount")
    places, found = pd.factorize(values, use_na_sentinel=False)
    if len(found) > 255:
        raise DataError(
            f"{name!r} has {len(found):,} different values; that many colours cannot be told apart.",
            next_step="Colour by an annotation with at most 255 groups, or treat the numbers as an amount.",
            field=name,
        )
    groups = ordered(found)
    rank = {_key(group): code for code, group in enumerate(groups)}
    codes = np.array([rank[_key(group)] for group in found.tolist()], dtype=np.uint8)[places] if len(values) else _no_codes()
    colours = look.times(len(groups)) if kind == "time" else look.categories(len(groups))
    return Colouring(
        name=name,
        kind=kind,
        codes=codes,
        palette=tuple(look.faint if str(group) in MISSING else colour for group, colour in zip(groups, colours, strict=True)),
        labels=tuple(f"{group:g} {unit}".strip() if isinstance(group, int | float) else str(group) for group in groups),
        counts=tuple(np.bincount(codes, minlength=len(groups)).tolist()),
        unit=unit,
    )


def blend(values: np.ndarray, names: Sequence[str], *, look: Look = LIGHT) -> Colouring:
    """Colours of the cells by two or three genes at once: inks that mix on a light page, lights that mix on a dark one.

    values: (n, 2 or 3), each column from 0 (or its lowest) to its 99.5th percentile; missing counts as lowest. names: of the
    columns. Code = sum over channels of step * steps**channel, with ``STEPS`` steps a channel.
    """
    values = np.asarray(values, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] not in STEPS or len(names) != values.shape[1]:
        raise ValueError(f"two or three columns with a name each, not {values.shape} and {len(names)} names")
    channels = values.shape[1]
    steps = STEPS[channels]
    step = np.column_stack([_shares(column, *_ends(column)) for column in values.T]) if len(values) else values
    step = np.rint(np.nan_to_num(step, nan=0.0) * (steps - 1)).astype(np.uint8)
    codes = (step @ np.array([steps**channel for channel in range(channels)], dtype=np.uint8)).astype(np.uint8)
    grid = np.arange(steps**channels)
    shares = np.column_stack([grid // steps**channel % steps for channel in range(channels)]) / (steps - 1)
    base, inks = _rgb(look.expression[0]), np.array([_rgb(colour) for colour in BLEND[:channels]])
    if sum(base) > 1.5:  # a light page: an ink takes away what it does not reflect
        mixed = base * np.prod(1 - shares[:, :, None] * (1 - inks), axis=1)
    else:  # a dark page: a light adds what is left to full brightness
        mixed = 1 - (1 - base) * np.prod(1 - shares[:, :, None] * inks, axis=1)
    return Colouring(
        name=" + ".join(names),
        kind="blend",
        codes=codes,
        palette=tuple("#" + "".join(f"{round(255 * part):02X}" for part in colour) for colour in mixed),
        labels=tuple(names),
        counts=tuple(int(count) for count in (step > 0).sum(axis=0)),
    )


def shaded(
    values: np.ndarray, low: float, high: float, colours: str | tuple[str, ...], *, name: str, unit: str = "", look: Look = LIGHT
) -> Colouring:
    """Colours of amounts, (n,) numbers: ``colours`` (evenly spaced stops, or a scale that Plotly knows by name) from ``low`` to
    ``high``, held beyond; missing amounts have the faint colour after the last shade."""
    share = _shares(np.asarray(values, dtype=np.float32), low, high)
    missing = np.isnan(share)
    codes = np.where(missing, SHADES, np.rint(np.nan_to_num(share) * (SHADES - 1))).astype(np.uint8)
    palette = sample_colorscale(colours if isinstance(colours, str) else stops(colours), np.linspace(0, 1, SHADES).tolist())
    return Colouring(name=name, kind="amount", codes=codes, palette=(*palette, look.faint), low=low, high=high, unit=unit)


def _ends(values: np.ndarray) -> tuple[float, float]:
    # The 99.5th percentile, as in ``embedding``: a few very high cells would leave all others pale.
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(min(finite.min(), 0.0)), float(np.percentile(finite, 99.5))
    if high <= low:  # a gene of very few cells
        high = float(finite.max())
    return low, max(high, low + 1e-6)


def _shares(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0, 1)


def _rgb(colour: str) -> np.ndarray:
    return np.array(hex_to_rgb(colour)) / 255


def _key(group: object) -> object:
    # nan is not equal to itself: as a key of a dict it would not be found again.
    return "nan" if group != group else group


def _no_codes() -> np.ndarray:
    return np.empty(0, dtype=np.uint8)

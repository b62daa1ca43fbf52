"""What a prediction shows, in words that are computed from its numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from virtualcell.schema import Trajectory

SHARES_MIX = (
    "**Shares mix growth and drift.** A large share can mean that many cells move there, or that those that do divide more: "
    "these cells cannot tell which. Rings: the shares if all had divided alike."
)
"""Said next to the shares where nothing but the snapshots says how cells divide."""

SAID = 0.05
"""Smallest share that a sentence names."""
CHANGED = 1.25
"""Times more, or less, from which a gene is said to change."""
NOTHING = 0.05
"""Counts per 10,000 below which no ratio is taken."""


def fate_words(shares: pd.DataFrame, start: str, when: str) -> str:
    """Where the descendants are: shares as ``VirtualCell.fates`` gives them, in a hundred, with their intervals."""
    named = shares[shares["fraction"] >= SAID].head(4)
    parts = [
        f"**{100 * row.fraction:.0f}** [{100 * row.low:.0f}, {100 * row.high:.0f}] {'are ' if i == 0 else ''}among the {row.fate}"
        f"{' cells' if i == 0 else ''}"
        for i, row in enumerate(named.itertuples(index=False))
    ]
    rest = 100 * (1 - float(named["fraction"].sum()))
    if rest >= 0.5 and len(shares) > len(named):
        parts.append(f"{rest:.0f} elsewhere")
    return f"Of 100 descendants of {start}, at {when} {', '.join(parts)}."


def evenly(found: Trajectory) -> Trajectory:
    """The same paths, every start cell with as many descendants as every other: what shares would be without growth."""
    return dataclasses.replace(found, log_weights=np.zeros_like(found.log_weights))


def gene_words(gene: str, times: np.ndarray, mean: np.ndarray, unit: str) -> str:
    """How a gene moves: times (T,), mean (T,) counts per 10,000, from the first time to the last."""
    first, last = float(mean[0]), float(mean[-1])
    top = int(np.argmax(mean))
    turned = 0 < top < len(mean) - 1 and mean[top] >= CHANGED * max(last, NOTHING) and mean[top] >= CHANGED * max(first, NOTHING)
    if turned:
        risen = _times(first, float(mean[top]))
        return f"**{gene}** rises {risen} by {times[top]:.3g} {unit}, then falls {_times(float(mean[top]), last)}"
    if max(first, last) < NOTHING:
        return f"**{gene}** stays close to nothing"
    if max(first, NOTHING) * CHANGED > last and max(last, NOTHING) * CHANGED > first:
        return f"**{gene}** hardly changes"
    way = "rises" if last > first else "falls"
    half = times[int(np.argmax((mean - first) / (last - first) >= 0.5))]
    done = f", half of it by {half:.3g} {unit}" if half < times[-1] else ""
    return f"**{gene}** {way} {_times(first, last)} by {times[-1]:.3g} {unit}{done}"


def _times(first: float, last: float) -> str:
    if min(first, last) < NOTHING:
        return f"from {first:.2f} to {last:.2f}"
    if last >= first:
        ratio = last / first
        return f"{ratio:.0f}-fold" if ratio >= 9.5 else f"{ratio:.1f}-fold"
    return f"to {100 * last / first:.0f} %" if last / first < 0.995 else "no further"

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

LEAST_NAMED = 8
"""Cells of a kind that are needed to be most of the 15 nearest, which name an end (``landscape.fates.assign``)."""

FEWEST = 10
"""Start cells from which an interval over them is given."""

SAID = 0.05
"""Smallest share that a sentence names."""
CHANGED = 1.25
"""Times more, or less, from which a gene is said to change."""
SMOOTHED = 1.5
"""Times the measured amount from which the start of a curve is said to be too high."""
LOW_COUNTS = (
    "A curve that starts above its points: the model reads cells through few dimensions, which smooths low counts. Compare "
    "levels at the end there; a fold change comes out too small."
)
NOTHING = 0.05
"""Counts per 10,000 below which no ratio is taken."""


def fate_words(shares: pd.DataFrame, start: str, when: str, n_start: int = FEWEST) -> str:
    """Where the descendants are: shares as ``VirtualCell.fates`` gives them, in a hundred, with their intervals; without those of
    fewer than FEWEST start cells."""
    named = shares[shares["fraction"] >= SAID].head(4)
    spread = [f" [{100 * row.low:.0f}, {100 * row.high:.0f}]" if n_start >= FEWEST else "" for row in named.itertuples()]
    parts = [
        f"**{100 * row.fraction:.0f}**{spread[i]} {'are ' if i == 0 else ''}among the {row.fate}{' cells' if i == 0 else ''}"
        for i, row in enumerate(named.itertuples(index=False))
    ]
    rest = 100 * (1 - float(named["fraction"].sum()))
    if rest >= 0.5 and len(shares) > len(named):
        rarer = shares.drop(named.index)["fate"]
        parts.append(f"{rest:.0f} among {' and '.join(rarer) if len(rarer) <= 2 else 'rarer ones'}")
    said = f"Of 100 descendants of {start}, at {when} {', '.join(parts)}."
    if n_start < FEWEST:
        n = f"{n_start} cell{'s' if n_start > 1 else ''}"
        said += f" :orange[Only {n} to start from: no interval can be given, and the shares say little of other cells.]"
    return said


def too_rare(labels: np.ndarray) -> list[str]:
    """Kinds among the labels (n,) that are too few to be most of the nearest cells anywhere."""
    names, counts = np.unique(labels.astype(str), return_counts=True)
    return [str(name) for name in names[counts < LEAST_NAMED]]


def evenly(found: Trajectory) -> Trajectory:
    """The same paths, every start cell with as many descendants as every other: what shares would be without growth."""
    return dataclasses.replace(found, log_weights=np.zeros_like(found.log_weights))


def gene_words(gene: str, times: np.ndarray, mean: np.ndarray, unit: str) -> str:
    """How a gene moves: times (T,), mean (T,) counts per 10,000, from the first time to the last."""
    first, last, top = float(mean[0]), float(mean[-1]), int(np.argmax(mean))
    highest = float(mean[top])
    if highest >= CHANGED * max(last, NOTHING) and highest >= CHANGED * max(first, NOTHING):
        return f"**{gene}** {change_words(first, highest)} by {times[top]:.3g} {unit}, then {change_words(highest, last)}"
    said = f"**{gene}** {change_words(first, last)}"
    if not changed(first, last):
        return said
    half = times[int(np.argmax((mean - first) / (last - first) >= 0.5))]
    return f"{said} by {times[-1]:.3g} {unit}" + (f", half of it by {half:.3g} {unit}" if half < times[-1] else "")


def changed(first: float, last: float) -> bool:
    """Whether two amounts, counts per 10,000, differ enough to be called a change."""
    return max(first, last) >= NOTHING and max(first, last) >= CHANGED * max(min(first, last), NOTHING)


def change_words(first: float, last: float) -> str:
    """From one amount to another: "rises 3.2-fold", "falls to 40 %", "hardly changes"; amounts where there is too little for a
    ratio."""
    if not changed(first, last):
        return "hardly changes" if max(first, last) >= NOTHING else "stays close to nothing"
    way = "rises" if last > first else "falls"
    if min(first, last) < NOTHING:
        return f"{way} from {first:.2f} to {last:.2f}"
    if last < first:
        return f"falls to {100 * last / first:.0f} %"
    return f"rises {last / first:.0f}-fold" if last / first >= 9.5 else f"rises {last / first:.1f}-fold"

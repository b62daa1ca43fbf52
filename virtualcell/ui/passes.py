"""Passes between resting places, in a table and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import pandas as pd

from virtualcell.figures.saddles import height
from virtualcell.schema import Barrier
from virtualcell.ui import words


def table(barriers: Sequence[Barrier], put_in: Mapping[tuple[str, str], float] | None = None) -> pd.DataFrame:
    """A row a direction, in words; a height that too few cells crossed for is not given. put_in: true heights by (from, to), in
    D, of cells that were simulated."""
    true = [put_in.get((way.start, way.end)) for way in barriers] if put_in else []

    def beside(way: Barrier, value: float | None) -> str:
        if value is None:
            return ""
        missed = way.low is not None and way.high is not None and not way.low <= value <= way.high
        return f"{value:.1f} D{' (missed)' if missed else ''}"

    return pd.DataFrame(
        {
            "From": [way.start for way in barriers],
            "To": [way.end for way in barriers],
            "Height over the start (interval)": [height(way) for way in barriers],
            **({"Put in": [beside(way, value) for way, value in zip(barriers, true, strict=True)]} if put_in else {}),
            "Cells that changed valley": [round(way.crossings) for way in barriers],
        }
    )


def joined(barriers: Sequence[Barrier], names: Sequence[str]) -> bool:
    """Whether passes that enough cells crossed in both directions join all of the resting places: only then does anything
    measured say how much lower one lies than another."""
    both = {(way.start, way.end) for way in barriers if way.identifiable}
    reached, known = set(names[:1]), -1
    while known < len(reached):
        known = len(reached)
        reached |= {end for start, end in both if start in reached and (end, start) in both}
    return reached >= set(names)


def numbers(barriers: Sequence[Barrier]) -> pd.DataFrame:
    """The same in numbers, in D, for a file."""
    known = [(way.height, way.low, way.high) if way.identifiable else (None, None, None) for way in barriers]
    return pd.DataFrame(
        {
            "from": [way.start for way in barriers],
            "to": [way.end for way in barriers],
            "identifiable": [way.identifiable for way in barriers],
            "height_D": [values[0] for values in known],
            "low_D": [values[1] for values in known],
            "high_D": [values[2] for values in known],
            "cells_that_changed_valley": [way.crossings for way in barriers],
        }
    )


def reading(barriers: Sequence[Barrier]) -> list[str]:
    """What the heights say, a sentence a start; where intervals overlap, only that."""
    said = []
    for start, group in groupby(sorted(barriers, key=lambda way: way.start), key=lambda way: way.start):
        ways = list(group)
        known = sorted((way for way in ways if way.identifiable), key=lambda way: way.height)
        if not known:
            continue
        lowest, others = known[0], known[1:]
        if not others:
            said.append(f"From **{start}**, cells crossed to **{lowest.end}**: the pass is {height(lowest)} high.")
        else:
            apart = [way for way in others if way.low is not None and lowest.high is not None and way.low > lowest.high]
            alike = [way for way in others if way not in apart]
            if apart:
                said.append(
                    f"From **{start}**, the pass to **{lowest.end}**, {height(lowest)}, is lower than "
                    f"{words.listed([f'the one to **{way.end}**, {height(way)}' for way in apart])}."
                )
            if alike:
                named = [f"**{way.end}**, {height(way)}," for way in (lowest, *alike)]
                said.append(f"From **{start}**, the heights of the passes to {words.listed(named)} cannot be told apart.")
        easy = [way.end for way in known if way.high is not None and way.high < 1]
        if easy:
            said[-1] += f" Lower than 1 D, so that noise alone carries cells over it, is the one to {words.listed(easy)}."
    missing = sum(not way.identifiable for way in barriers)
    if missing == len(barriers):
        said.append(
            f"From these cells **no pass can be given a height**: in each of the {missing} directions between neighbouring "
            "resting places, too few cells crossed, as far as the shares of the valleys tell."
        )
    elif missing:
        said.append(f"For {missing} of the {len(barriers)} directions, too few cells crossed to say how high the pass is.")
    return said

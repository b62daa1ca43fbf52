"""Passes between resting places as they are drawn: one way and one mark for both directions."""

from __future__ import annotations

from dataclasses import dataclass

from virtualcell.figures.overlay import Line
from virtualcell.schema import Barrier, Landscape


@dataclass(frozen=True)
class Saddle:
    """A pass on the plane. line: its way, dotted where cells crossed in neither direction. label: heights that are known, as
    short as they are drawn; said: both directions in words."""

    line: Line
    label: str
    said: str


def height(barrier: Barrier) -> str:
    """Height in D with its interval, "1.4 D (1.2 to 1.7)"; says so where too few cells crossed for a height."""
    if not barrier.identifiable:
        return "not identifiable: too few cells crossed"
    if barrier.low is None or barrier.high is None:
        return f"{barrier.height:.1f} D (no interval)"
    return f"{barrier.height:.1f} D ({barrier.low:.1f} to {barrier.high:.1f})"


def saddles(landscape: Landscape) -> list[Saddle]:
    """Each pass once, both directions together: those that cells crossed, and of the others the lowest way out of each valley.

    All of them between many valleys would bury the landscape under guesses; each has its row in the table of passes.
    """
    both: dict[frozenset[str], list[Barrier]] = {}
    for barrier in landscape.barriers:
        both.setdefault(frozenset((barrier.start, barrier.end)), []).append(barrier)
    lowest: dict[str, Barrier] = {}
    for barrier in sorted(landscape.barriers, key=lambda way: way.height):
        lowest.setdefault(barrier.start, barrier)
    ways_out = {frozenset((way.start, way.end)) for way in lowest.values()}
    found = []
    for pair, ways in both.items():
        if pair not in ways_out and not any(way.identifiable for way in ways):
            continue
        path = ways[0].path
        known = [way for way in ways if way.identifiable]
        name = f"{ways[0].start} to {ways[0].end}"
        line = Line(landscape.on_plane(path.states), name, dash="solid" if known else "dot", top=path.saddle)
        said = "<br>".join(f"{way.start} → {way.end}: {height(way)}" for way in ways)
        found.append(Saddle(line, " and ".join(f"{way.height:.1f} D" for way in known), f"pass<br>{said}"))
    return found

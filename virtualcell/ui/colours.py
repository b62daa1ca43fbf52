"""One colour for each annotation of a data set, the same on every page."""

from __future__ import annotations

from collections.abc import Iterable

from virtualcell.demo import Bundle
from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import FATES
from virtualcell.schema import MIXED, UNKNOWN

NAMELESS = "#8490A3"
"""Cells without an annotation, and resting places that no annotation names."""


def of(b: Bundle, names: Iterable[str]) -> dict[str, str]:
    """Colour of each of the names, decided by its place among the sorted annotations of all of the model's cells.

    Which names are asked for, and in which order, changes nothing. The second resting place of a name, "Monocyte (2)", has the
    colour of the first. Colours repeat after as many as ``FATES`` has.
    """
    known = [str(name) for name in ordered(b.model.record["labels"]) if str(name) not in (UNKNOWN, MIXED)]
    palette = {name: FATES[i % len(FATES)] for i, name in enumerate(known)}
    return {name: palette.get(name, palette.get(name.rsplit(" (", 1)[0], NAMELESS)) for name in names}

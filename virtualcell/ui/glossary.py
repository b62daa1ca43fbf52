"""The words on the pages, explained in plain ones: how to look one up. No Streamlit."""

from __future__ import annotations

import re
from functools import cache

from virtualcell.ui.glossary_cells import CELLS, MOTION, Word
from virtualcell.ui.glossary_trust import DRAWN, TABLES, TRUST

GROUPS = {
    "Cells and what is measured": CELLS,
    "How cells move": MOTION,
    "How far to trust it": TRUST,
    "Drawn cells": DRAWN,
    "Tables and pictures": TABLES,
}
"""In the order in which a newcomer meets them."""

WORDS: tuple[Word, ...] = tuple(word for group in GROUPS.values() for word in group)


@cache
def _patterns() -> tuple[tuple[Word, re.Pattern[str]], ...]:
    found = []
    for word in WORDS:
        names = sorted((word.term, *word.also), key=len, reverse=True)
        found.append((word, re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})s?(?![\w-])", re.IGNORECASE)))
    return tuple(found)


def words_in(text: str) -> tuple[Word, ...]:
    """Terms of the glossary that a text uses, by any of their names, in the glossary's order."""
    return tuple(word for word, pattern in _patterns() if pattern.search(text))


def explain(name: str) -> Word:
    """The word with this name, whatever its capitals. Raises KeyError where the glossary has none."""
    for word, pattern in _patterns():
        if pattern.fullmatch(name.strip()):
            return word
    raise KeyError(f"The glossary does not explain {name!r}.")


def search(text: str) -> tuple[Word, ...]:
    """Words whose names hold the text, then those that are explained with it; all of them where it is empty."""
    sought = text.strip().casefold()
    named = [word for word in WORDS if any(sought in name.casefold() for name in (word.term, *word.also))]
    told = [word for word in WORDS if word not in named and sought in f"{word.plain} {word.curious}".casefold()]
    return (*named, *told)

"""Named selections as an annotation of the cells, and how it can be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from virtualcell.schema import UNKNOWN, DataError


@dataclass(frozen=True)
class Definition:
    """How cells of one name were chosen: how is "polygon", "group" or "rows"; what is the polygon's text (``polygon.pack``), the
    group's title or anything that repeats the choice; on is the map it was drawn on. cells: how many."""

    name: str
    how: str
    what: str
    cells: int
    on: str = ""


@dataclass(frozen=True, eq=False)
class Annotation:
    """column: of ``obs``; values: categorical (cells,), "unknown" where no name was given; definitions: one a name, in order;
    overwritten: cells that a later name took from an earlier one."""

    column: str
    values: pd.Series
    definitions: tuple[Definition, ...]
    overwritten: int

    def record(self) -> dict[str, Any]:
        """Plain values for ``uns``: column, and the definitions as JSON text."""
        return {"column": self.column, "definitions": json.dumps([asdict(one) for one in self.definitions])}


def annotate(
    obs_names: Any,
    assignments: Sequence[tuple[str, np.ndarray]],
    column: str,
    *,
    definitions: Mapping[str, tuple[str, str, str]] | None = None,
    start: Any = None,
) -> Annotation:
    """Names for chosen cells; where two choices overlap the later one wins, as with paint, and ``overwritten`` counts such cells.

    obs_names: names of all cells. assignments: name and rows, in the order they were made; a name may come more than once.
    column: how the annotation is called. definitions: name -> (how, what, on) of its choice (see ``Definition``). start: (cells,)
    names of an annotation that is renamed in part, "unknown" everywhere without. Raises DataError on empty names, on a column
    name that files cannot hold and on rows that are not there.
    """
    index = pd.Index(np.asarray(obs_names).astype(str))
    title = column.strip()
    if not title or "/" in title or title.startswith("_") or title == "measured":
        raise DataError(
            f"{column!r} cannot be the name of an annotation.",
            next_step="use letters, digits, blanks and underscores; no slash, no underscore in front.",
            field="column",
        )
    names = np.full(len(index), UNKNOWN, dtype=object) if start is None else np.asarray(start).astype(str).astype(object)
    if names.shape != (len(index),):
        raise DataError(f"It has {len(names)} values for {len(index)} cells.", next_step="give one a cell.", field="start")
    set_by_us, overwritten = np.zeros(len(index), bool), 0
    for name, rows in assignments:
        name, rows = name.strip(), np.unique(np.asarray(rows, dtype=np.int64))
        if not name:
            raise DataError("A selection has no name.", next_step="type one.", field="name")
        if len(rows) and not (rows[0] >= 0 and rows[-1] < len(index)):
            raise DataError(f"Rows of {name!r} are none of {len(index)} cells.", next_step="choose cells again.", field=name)
        overwritten += int((set_by_us[rows] & (names[rows] != name)).sum())
        names[rows], set_by_us[rows] = name, True
    given = list(dict.fromkeys(name.strip() for name, _ in assignments))
    rest = sorted(set(names.tolist()) - set(given) - {UNKNOWN})
    order = [*given, *rest, *([UNKNOWN] if (names == UNKNOWN).any() else [])]
    how = definitions or {}
    found = []
    for name in given:
        kind, what, on = how.get(name, ("rows", "", ""))
        found.append(Definition(name, kind, what, int((names == name).sum()), on))
    values = pd.Series(pd.Categorical(names, categories=list(dict.fromkeys(order))), index=index, name=title)
    return Annotation(title, values, tuple(found), overwritten)

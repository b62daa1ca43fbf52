"""The form in which every benchmark reports: a table for people, one JSON object on the last line for programs."""

from __future__ import annotations

import json
import math
import operator
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TextIO

import numpy as np
from rich.console import Console
from rich.table import Table

from virtualcell.evaluation.intervals import Interval, seed_interval

RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Row:
    """One line of the table: what a method, ours or a baseline, reached by one metric."""

    method: str
    metric: str
    value: float
    low: float | None = None
    """Bounds of the interval around ``value``; both or none."""
    high: float | None = None
    interval: str = ""
    """What the interval is over: cells or seeds, method and number of resamples."""
    where: str = ""
    """Data, held-out part and space, such as "A549, 1 h held out, latent"."""
    seeds: tuple[int, ...] = ()
    n_cells: int | None = None
    """Measured cells that were compared with."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.method}, {self.metric}: the value {self.value} is not a number that can be reported.")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.method}, {self.metric}: an interval has two bounds.")
        if self.low is not None and self.high is not None and not (math.isfinite(self.low) and self.low <= self.high < math.inf):
            raise ValueError(f"{self.method}, {self.metric}: {self.low} to {self.high} is no interval.")

    @classmethod
    def of(cls, method: str, metric: str, interval: Interval, **others: Any) -> Row:
        """A row from an estimate with its interval; others: where, seeds, n_cells."""
        name = f"{interval.level:.0%}, {interval.method}"
        return cls(method, metric, interval.value, interval.low, interval.high, name, **others)

    @classmethod
    def over_seeds(cls, method: str, metric: str, values: Sequence[float], **others: Any) -> Row:
        """A row from one value a seed: their mean with an interval over seeds; one value alone has no interval."""
        if len(values) == 1:
            return cls(method, metric, float(values[0]), **others)
        return cls.of(method, metric, seed_interval(values), **others)


@dataclass(frozen=True)
class Claim:
    """One line of what we say of ourselves: ``value`` stands in ``relation`` to ``bound``, or does not."""

    name: str
    value: float
    relation: Literal["<", "<=", ">", ">="]
    bound: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and math.isfinite(self.bound)):
            raise ValueError(f"{self.name}: {self.value} {self.relation} {self.bound} compares something that is not a number.")

    @property
    def target(self) -> str:
        return f"{self.relation} {self.bound:.6g}"

    @property
    def holds(self) -> bool:
        """Computed, never stated."""
        return bool(RELATIONS[self.relation](self.value, self.bound))


def payload(rows: Sequence[Row], claims: Sequence[Claim]) -> dict[str, list[dict[str, Any]]]:
    """``{"rows": [...], "claims": [{"name", "value", "target", "holds"}]}`` of plain numbers, strings and lists."""
    said = [{"name": c.name, "value": float(c.value), "target": c.target, "holds": c.holds} for c in claims]
    return {"rows": [{key: _plain(value) for key, value in asdict(row).items()} for row in rows], "claims": said}


def emit(rows: Sequence[Row], claims: Sequence[Claim], as_json: bool, file: TextIO | None = None) -> None:
    """Print the table and the claims, and with as_json the JSON object on the last line, which nothing follows.

    file: where to, standard output by default. Raises ValueError for an empty table.
    """
    if not rows:
        raise ValueError("there are no rows to report.")
    out = file or sys.stdout
    console = Console(file=out, width=130 if not out.isatty() else None)
    table = Table("where", "method", "metric", "value", "interval", "seeds", "cells")
    for row in rows:
        bounds = "" if row.low is None else f"{row.low:.4g} to {row.high:.4g}"
        cells = "" if row.n_cells is None else str(row.n_cells)
        table.add_row(row.where, row.method, row.metric, f"{row.value:.4g}", bounds, ", ".join(map(str, row.seeds)), cells)
    console.print(table)
    for kind in dict.fromkeys(row.interval for row in rows if row.interval):
        console.print(f"interval: {kind}", markup=False, highlight=False)
    for claim in claims:
        word = "holds" if claim.holds else "does not hold"
        console.print(f"{word}: {claim.name}: {claim.value:.4g} (target {claim.target})", markup=False, highlight=False)
    if as_json:
        out.write(json.dumps(payload(rows, claims), allow_nan=False) + "\n")
    out.flush()


def _plain(value: Any) -> Any:
    """numpy's numbers as Python's, tuples as lists: what JSON knows."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value

"""Two methods on the same splits: how much the one differs from the other, and whether that is more than splits differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from virtualcell.evaluation.intervals import seed_interval
from virtualcell.evaluation.report import Claim, Row

Tables = Sequence[Mapping[str, Mapping[str, float]]]
"""Of each seed: method -> metric -> value."""


def paired(tables: Tables, metric: str, ours: str, other: str, where: str, seeds: Sequence[int]) -> tuple[list[Row], list[Claim]]:
    """Differences ours - other with a 95 % interval over seeds, and the claim that ours is smaller: that the whole interval lies
    below 0. Of one seed there is no interval and no claim."""
    found = [table[ours][metric] - table[other][metric] for table in tables]
    name = f"{metric}, {ours} minus another"
    rows = [Row.over_seeds(other, name, found, where=where, seeds=tuple(seeds))]
    if len(found) == 1:
        return rows, []
    bound = seed_interval(found).high
    return rows, [Claim(f"{where}: {metric}, {ours} minus {other}, upper 95 % bound over seeds", bound, "<", 0.0)]

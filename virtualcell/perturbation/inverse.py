"""Which push leads from here to there: treatments ranked by how likely the goal is theirs, and how near they bring it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from virtualcell.perturbation.arrival import FEWEST, Arrival
from virtualcell.perturbation.response import COMPONENTS, Response, apart

MOST = 500
"""Cells of start and of goal that are compared."""

MOST_ALONE = 40
"""Treatments measured alone whose pairs, nearly 800, are still tried."""


def rank_treatments(
    model: Response, start: np.ndarray, goal: np.ndarray, treatments: Sequence[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Treatments, the most probable first; by default all measured and all pairs of those that were measured alone.

    start, goal: cells (n, genes), (m, genes) of expression. Columns: treatment; probability: that the goal's cells were given it,
    had they been given one of these (``InverseHead.population``), NaN where it is the only one or there is no head; apart:
    energy distance of the pushed start to the goal, in components of both; closer: how much less that is than untreated, over the
    distance untreated: 1 there, 0 no nearer, below 0 farther, NaN where the goal is not apart from the start at all;
    arriving, low, high: share of pushed cells that lie among the goal's (``Arrival``); arriving_untreated: without any push;
    arriving_goal: of the goal's own cells; NaN for fewer than ten cells on either side. Without a probability the nearest comes
    first. ValueError for fewer than two cells on either side, LookupError for a treatment that was not measured.
    """
    if min(len(start), len(goal)) < 2:
        raise ValueError("Two cells or more are needed on either side to tell how far apart they are.")
    names = all_pushes(model) if treatments is None else list(dict.fromkeys(treatments))
    if not names:
        raise ValueError("There is no treatment to rank.")
    start, goal = some(start, seed), some(goal, seed)
    both = np.concatenate([start, goal])
    space = PCA(min(COMPONENTS, *np.subtract(both.shape, 1)), random_state=seed).fit(both)
    there = space.transform(goal)
    before = apart(space.transform(start), there)
    changes = {name: model.change(start, name) for name in names}
    far = np.array([apart(space.transform(start + change), there) for change in changes.values()])
    table = pd.DataFrame({"treatment": names, "probability": np.nan, "apart": far})
    table["closer"] = (before - far) / before if before > 0 else np.nan
    table = table.assign(**_arriving(start, goal, list(changes.values()), seed))
    if model.head is None or len(set(names)) < 2:
        return table.sort_values("apart", kind="stable").reset_index(drop=True)
    said = model.head.population(start, goal, names, {name: model.otherwise(start, name) for name in names})
    table["probability"] = np.exp(said)
    return table.iloc[np.argsort(-said, kind="stable")].reset_index(drop=True)


def _arriving(start: np.ndarray, goal: np.ndarray, changes: list[np.ndarray], seed: int) -> dict[str, np.ndarray | float]:
    columns = ("arriving", "low", "high", "arriving_untreated", "arriving_goal")
    if min(len(start), len(goal)) < FEWEST:
        return dict.fromkeys(columns, np.nan)
    arrival = Arrival(start, goal, seed)
    shares = [arrival.of(start + change) for change in changes]
    values = [np.array([getattr(share, which) for share in shares]) for which in ("value", "low", "high")]
    return dict(zip(columns, [*values, arrival.without_push.value, arrival.of_goal.value], strict=True))


def all_pushes(model: Response) -> list[str]:
    """Measured treatments, and pairs of those measured alone that were not measured together, unless those are too many."""
    known = {frozenset(name.split("+")) for name in model.treatments}
    alone = [name for name in model.treatments if "+" not in name]
    if len(alone) > MOST_ALONE:
        return list(model.treatments)
    return [*model.treatments, *(f"{a}+{b}" for a, b in combinations(alone, 2) if frozenset((a, b)) not in known)]


def some(cells: Any, seed: int) -> Any:
    """At most ``MOST`` rows of a table, dense or sparse: distances are between all pairs."""
    n = cells.shape[0]
    if n <= MOST:
        return cells
    return cells[np.sort(np.random.default_rng(seed).choice(n, MOST, replace=False))]

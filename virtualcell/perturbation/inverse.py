"""Which push leads from here to there: treatments ranked by how near they are said to bring a population to its goal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from virtualcell.perturbation.response import COMPONENTS, Response, apart

MOST = 500
"""Cells of start and of goal that are compared."""

MOST_ALONE = 40
"""Treatments measured alone whose pairs, nearly 800, are still tried."""


def rank_treatments(
    model: Response, start: np.ndarray, goal: np.ndarray, treatments: Sequence[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Treatments, the one that is said to end nearest to the goal first; by default all measured and all pairs of those that were
    measured alone.

    start, goal: cells (n, genes), (m, genes) of expression. Columns treatment, apart: energy distance of the pushed start to the
    goal, in components of start and goal; closer: how much less that is than untreated, over the distance untreated: 1 there, 0
    no nearer, below 0 farther, NaN where the goal is not apart from the start at all. ValueError for fewer than two cells on
    either side.
    """
    if min(len(start), len(goal)) < 2:
        raise ValueError("Two cells or more are needed on either side to tell how far apart they are.")
    start, goal = some(start, seed), some(goal, seed)
    both = np.concatenate([start, goal])
    space = PCA(min(COMPONENTS, *np.subtract(both.shape, 1)), random_state=seed).fit(both)
    there = space.transform(goal)
    before = apart(space.transform(start), there)
    names = all_pushes(model) if treatments is None else list(treatments)
    far = np.array([apart(space.transform(start + model.change(start, name)), there) for name in names])
    table = pd.DataFrame({"treatment": names, "apart": far, "closer": (before - far) / before if before > 0 else np.nan})
    return table.sort_values("apart", kind="stable").reset_index(drop=True)


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

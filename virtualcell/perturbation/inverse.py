"""Which push leads from here to there: treatments ranked by how near they are said to bring a population to its goal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from virtualcell.perturbation.response import COMPONENTS, Response, apart

MOST = 500
"""Cells of start and of goal that are compared."""


def rank_treatments(
    model: Response, start: np.ndarray, goal: np.ndarray, treatments: Sequence[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Treatments, the one that is said to end nearest to the goal first; by default all measured and all pairs of those that were
    measured alone.

    start, goal: cells (n, genes), (m, genes) of expression. Columns treatment, apart: energy distance of the pushed start to the
    goal, in components of start and goal; closer: how much less that is than untreated, over the distance untreated: 1 there, 0
    no nearer, below 0 farther.
    """
    start, goal = some(start, seed), some(goal, seed)
    both = np.concatenate([start, goal])
    space = PCA(min(COMPONENTS, *np.subtract(both.shape, 1)), random_state=seed).fit(both)
    there = space.transform(goal)
    before = apart(space.transform(start), there)
    names = all_pushes(model) if treatments is None else list(treatments)
    far = np.array([apart(space.transform(start + model.change(start, name)), there) for name in names])
    table = pd.DataFrame({"treatment": names, "apart": far, "closer": (before - far) / max(before, 1e-12)})
    return table.sort_values("apart", kind="stable").reset_index(drop=True)


def all_pushes(model: Response) -> list[str]:
    """Measured treatments, and pairs of those measured alone that were not measured together."""
    known = {frozenset(name.split("+")) for name in model.treatments}
    alone = [name for name in model.treatments if "+" not in name]
    return [*model.treatments, *(f"{a}+{b}" for a, b in combinations(alone, 2) if frozenset((a, b)) not in known)]


def some(cells: np.ndarray, seed: int) -> np.ndarray:
    """At most ``MOST`` of them: distances are between all pairs."""
    if len(cells) <= MOST:
        return cells
    return cells[np.sort(np.random.default_rng(seed).choice(len(cells), MOST, replace=False))]

"""Which push leads from here to there: treatments ranked by how near they are said to bring a population to its goal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from virtualcell.perturbation.response import COMPONENTS, Response, apart


def rank_treatments(
    model: Response, start: np.ndarray, goal: np.ndarray, treatments: Sequence[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Treatments (by default all measured), the one that is said to end nearest to the goal first.

    start, goal: cells (n, genes), (m, genes) of expression. Columns treatment, apart: energy distance of the pushed start to the
    goal, in components of start and goal; closer: how much less that is than untreated, over the distance untreated: 1 there, 0
    no nearer, below 0 farther.
    """
    both = np.concatenate([start, goal])
    space = PCA(min(COMPONENTS, *np.subtract(both.shape, 1)), random_state=seed).fit(both)
    there = space.transform(goal)
    before = apart(space.transform(start), there)
    names = list(model.treatments if treatments is None else treatments)
    far = np.array([apart(space.transform(start + model.change(start, name)), there) for name in names])
    table = pd.DataFrame({"treatment": names, "apart": far, "closer": (before - far) / max(before, 1e-12)})
    return table.sort_values("apart", kind="stable").reset_index(drop=True)

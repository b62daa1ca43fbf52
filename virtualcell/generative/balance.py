"""How often each cell is shown in training, so that rare states are learned."""

from __future__ import annotations

import numpy as np

BETA = 0.999


def chances(labels: np.ndarray, *, balanced: bool) -> np.ndarray:
    """Chance of each cell (cells,), mean 1: all alike, or balanced by the effective number of cells of its label.

    A label of n cells weighs 1 / [(1 - beta^n) / (1 - beta)] a cell (Cui et al. 2019, eq. 2): evenly over labels of fewer than
    about a thousand cells, less so above, where more cells of one label bring more that is new.
    """
    if not balanced:
        return np.ones(len(labels))
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weight = (1 - BETA) / (1 - BETA**counts)
    found = weight[place]
    return np.asarray(found / found.mean())

"""The noise floor: how far apart two halves of one and the same measured population are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from virtualcell.evaluation.metrics import wasserstein1
from virtualcell.evaluation.populations import as_population


def split_half(
    cells: np.ndarray,
    n_splits: int = 10,
    seed: int = 0,
    metric: Callable[[np.ndarray, np.ndarray], float] = wasserstein1,
) -> np.ndarray:
    """Distance between two random halves of the cells, one value a split, (n_splits,).

    cells (n, d), n >= 4; an odd cell is left out. Halves have n / 2 cells, and W1 falls with more cells: at full n the floor of
    W1 is lower than this (a prediction may pass it), while that of the energy distance is 0 at any n.
    """
    cells = as_population(cells, "cells")
    if len(cells) < 4 or n_splits < 1:
        raise ValueError(f"{len(cells)} cells and {n_splits} splits: two halves need at least 4 cells and one split.")
    rng, half = np.random.default_rng(seed), len(cells) // 2
    orders = [rng.permutation(len(cells)) for _ in range(n_splits)]
    return np.array([metric(cells[order[:half]], cells[order[half : 2 * half]]) for order in orders])

"""How far a state lies from those that a model has seen, and whether that is too far to speak of it."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 10
QUANTILE = 0.99


class Domain:
    """The region of latent space where training cells lie: states (cells, d) no further from their tenth neighbour than 99 % of
    them."""

    def __init__(self, reference: np.ndarray, limit: float | None = None):
        """limit: how far from its tenth neighbour a state may lie; by default as far as 99 % of the reference do."""
        self._tree = cKDTree(reference)
        self._k = min(NEIGHBOURS, len(reference) - 1)
        if limit is None:
            limit = float(np.quantile(self._tree.query(reference, k=self._k + 1)[0][:, -1], QUANTILE))
        self.limit = limit

    def distance(self, states: np.ndarray) -> np.ndarray:
        """To the tenth neighbour, (...,), of states (..., d)."""
        far = self._tree.query(states.reshape(-1, states.shape[-1]), k=self._k)[0]
        return np.asarray(far[:, -1] if far.ndim == 2 else far).reshape(states.shape[:-1])

    def contains(self, states: np.ndarray) -> np.ndarray:
        """Boolean (...,) for states (..., d)."""
        return self.distance(states) <= self.limit

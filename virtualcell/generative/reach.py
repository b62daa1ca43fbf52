"""How far a state lies from those that a model has seen, and whether that is too far to speak of it."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 10
QUANTILE = 0.99


class Domain:
    """The region of latent space where training cells lie: states (cells, d) no further from their tenth neighbour than 99 % of
    them."""

    def __init__(self, reference: np.ndarray):
        self._tree = cKDTree(reference)
        self._k = min(NEIGHBOURS, len(reference) - 1)
        own = self._tree.query(reference, k=self._k + 1)[0][:, -1]
        self.limit = float(np.quantile(own, QUANTILE))

    def contains(self, states: np.ndarray) -> np.ndarray:
        """Boolean (...,) for states (..., d)."""
        flat = states.reshape(-1, states.shape[-1])
        far = self._tree.query(flat, k=self._k)[0]
        far = far[:, -1] if far.ndim == 2 else far
        return (far <= self.limit).reshape(states.shape[:-1])

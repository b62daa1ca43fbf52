"""Where predicted states stand on a map that was made of the measured cells."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors


class Placing:
    """Puts a state at the weighted mean of its nearest measured cells on the map.

    states: (n, d) measured cell states. positions: (n, k) their places. A UMAP has no formula for new points; the ``neighbours``
    (10) nearest cells stand in for it, so a placed cell is never outside the measured ones, however far its state is from them.
    """

    def __init__(self, states: np.ndarray, positions: np.ndarray, neighbours: int = 10):
        if len(states) != len(positions):
            raise ValueError(f"{len(states)} states but {len(positions)} positions")
        self._positions = np.asarray(positions, dtype=np.float32)
        self._near = NearestNeighbors(n_neighbors=min(neighbours, len(states))).fit(np.asarray(states, dtype=np.float32))
        self._reach = max(0.1 * float(np.linalg.norm(self._positions.std(axis=0))), 1e-6)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """states: (..., d) -> (..., k) float32."""
        states = np.asarray(states, dtype=np.float32)
        distance, rows = self._near.kneighbors(states.reshape(-1, states.shape[-1]))
        near = self._positions[rows]
        # Neighbours that lie in another part of the map than the nearest one would pull the cell into the empty space between.
        apart = np.linalg.norm(near - near[:, :1], axis=-1)
        weight = np.exp(-0.5 * (apart / self._reach) ** 2) / np.maximum(distance, 1e-6)
        weight /= weight.sum(axis=1, keepdims=True)
        placed = np.einsum("nj,njk->nk", weight, near)
        return placed.reshape(*states.shape[:-1], self._positions.shape[1]).astype(np.float32)

"""The two directions in which measured cells differ most: where drawn cells are put without being pulled among measured ones."""

from __future__ import annotations

import numpy as np


class Plane:
    """The two leading principal components of measured states (n, d), d >= 2; rows that are not finite are left out.

    Unlike ``placing.Placing`` on a UMAP it is a formula: a state far from all measured ones stands far from them here.
    """

    def __init__(self, states: np.ndarray):
        states = np.asarray(states, dtype=float)
        states = states[np.isfinite(states).all(axis=1)]
        if states.ndim != 2 or states.shape[1] < 2 or len(states) < 3:
            raise ValueError(f"states {states.shape} must be three cells or more of two numbers or more")
        self._mean = states.mean(axis=0)
        _, directions = np.linalg.eigh(np.cov((states - self._mean).T))
        leading = directions[:, :-3:-1]
        # An eigenvector has no sign of its own; its largest number is made positive, so that a picture is the same every time.
        largest = leading[np.abs(leading).argmax(axis=0), np.arange(2)]
        self._axes = leading * np.where(largest < 0, -1.0, 1.0)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """states: (..., d) -> (..., 2) float32; NaN stays NaN."""
        return ((np.asarray(states, dtype=float) - self._mean) @ self._axes).astype(np.float32)

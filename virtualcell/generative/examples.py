"""Cells as a sampler learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Examples:
    """Cells of one kind: embedding (n, e), e may be 0; conditions (n, q) as ``Vocabulary.encode`` gives them; target (n, d);
    chance (n,): how often each is shown where its label is known; first (n,) bool: cells that judge before others do."""

    embedding: np.ndarray
    conditions: np.ndarray
    target: np.ndarray
    chance: np.ndarray
    first: np.ndarray

    @property
    def n(self) -> int:
        return len(self.target)

    def take(self, rows: np.ndarray) -> Examples:
        return Examples(self.embedding[rows], self.conditions[rows], self.target[rows], self.chance[rows], self.first[rows])

    @property
    def given(self) -> np.ndarray:
        """Condition as a sampler takes it, (n, e + q)."""
        return np.concatenate([self.embedding, self.conditions], 1).astype(np.float64)

"""Covariances of few cells, and their powers."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import LedoitWolf

TINY = 1e-9


def covariance(values: np.ndarray) -> np.ndarray:
    """Covariance (d, d) of values (cells, d), its correlations shrunk (Ledoit & Wolf 2004)."""
    spread = values.std(0) + TINY
    return np.asarray(LedoitWolf().fit(values / spread).covariance_ * np.outer(spread, spread))


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Symmetric power of a covariance matrix; directions without variance keep a trace of it."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1e-8 * max(values.max(), TINY)) ** exponent) @ vectors.T)

"""Checks that every comparison of populations shares."""

from __future__ import annotations

import numpy as np


def as_population(cells: np.ndarray, name: str) -> np.ndarray:
    """Cells as float64 (n, d), n >= 1, all finite; otherwise ValueError that names the population."""
    values = np.asarray(cells, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"{name} must be a table of cells x features, but has shape {values.shape}.")
    if not len(values):
        raise ValueError(f"{name} has no cells.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not numbers (NaN or infinite).")
    return values


def as_pair(a: np.ndarray, b: np.ndarray, names: tuple[str, str] = ("a", "b")) -> tuple[np.ndarray, np.ndarray]:
    """Two populations with the same features."""
    first, second = as_population(a, names[0]), as_population(b, names[1])
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{names[0]} has {first.shape[1]} features and {names[1]} has {second.shape[1]}; compare them in one space."
        )
    return first, second


def as_weights(weights: np.ndarray | None, n: int) -> np.ndarray:
    """Weights (n,) that sum to one; None: each cell counts the same. ValueError for a negative or all-zero weight."""
    if weights is None:
        return np.full(n, 1.0 / n)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n,) or not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise ValueError(f"weights must be {n} numbers, none of them negative and not all zero.")
    return values / values.sum()

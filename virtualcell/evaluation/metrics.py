"""How far a predicted population or change is from a measured one."""

from __future__ import annotations

import numpy as np
import ot
from scipy.spatial.distance import cdist

from virtualcell.evaluation.populations import as_pair, as_weights

MAX_ITERATIONS = 10_000_000
"""Of the network simplex: what the field's protocol uses, so that the optimum is reached and not approached."""


def wasserstein1(a: np.ndarray, b: np.ndarray, weights_a: np.ndarray | None = None) -> float:
    """1-Wasserstein distance: the least mean distance over which cells must be carried to turn a into b; exact, not regularised.

    a (n, d), b (m, d), weights_a (n,) or None, Euclidean cost; the result is in the units of the space and >= 0. It grows with
    fewer cells even for equal laws, so compare it at equal n and beside ``floor.split_half``. Takes n x m x 8 bytes. Source:
    Peyre & Cuturi 2019, Computational Optimal Transport, sec. 2.4; solver of POT (Bonneel et al. 2011).
    """
    a, b = as_pair(a, b)
    weights = as_weights(weights_a, len(a))
    value, log = ot.emd2(weights, as_weights(None, len(b)), cdist(a, b), numItermax=MAX_ITERATIONS, log=True)
    if log.get("warning"):
        raise ArithmeticError(f"The exact transport between {len(a)} and {len(b)} cells was not solved: {log['warning']}")
    return float(value)


def energy_distance(a: np.ndarray, b: np.ndarray, weights_a: np.ndarray | None = None) -> float:
    """Unbiased energy distance 2 E|A - B| - E|A - A'| - E|B - B'|; 0 in expectation for equal laws, so it can be slightly
    negative.

    a (n, d), b (m, d), n and m >= 2, weights_a (n,) or None; Euclidean, in the units of the space. Pairs of a cell with itself
    are left out (U-statistic); with weights w the term within a is w'Dw / (1 - sum w^2), which is unbiased for weights that do
    not depend on the cells drawn. Source: Szekely & Rizzo 2013 (there with n^2 instead of n (n - 1)).
    """
    a, b = as_pair(a, b)
    weights = as_weights(weights_a, len(a))
    across = float(weights @ cdist(a, b).mean(1))
    return 2.0 * across - _within(cdist(a, a), weights) - _within(cdist(b, b), as_weights(None, len(b)))


def mmd(a: np.ndarray, b: np.ndarray, weights_a: np.ndarray | None = None) -> float:
    """Unbiased squared maximum mean discrepancy with five Gaussian kernels; can be slightly negative, as ``energy_distance``.

    a (n, d), b (m, d), n and m >= 2. Kernels exp(-|x - y|^2 / s), s = 1/4, 1/2, 1, 2, 4 times the median squared distance within
    b, averaged: the measured population alone sets the scale. Range about -2 to 2. Source: Gretton et al. 2012, eq. 3.
    """
    a, b = as_pair(a, b)
    weights, even = as_weights(weights_a, len(a)), as_weights(None, len(b))
    square = cdist(b, b, "sqeuclidean")
    scale = float(np.median(square[~np.eye(len(b), dtype=bool)])) if len(b) > 1 else 0.0
    if scale <= 0:
        raise ValueError("b has no spread (most of its cells are equal), so it sets no scale for the kernels.")

    def kernel(squared: np.ndarray) -> np.ndarray:
        return np.mean([np.exp(-squared / (scale * factor)) for factor in (0.25, 0.5, 1.0, 2.0, 4.0)], axis=0)

    across = float(weights @ kernel(cdist(a, b, "sqeuclidean")) @ even)
    # Off the diagonal only; on it the kernel is 1.
    within_a = _within(kernel(cdist(a, a, "sqeuclidean")) - np.eye(len(a)), weights)
    within_b = _within(kernel(square) - np.eye(len(b)), even)
    return within_a + within_b - 2.0 * across


def pearson_delta(predicted: np.ndarray, measured: np.ndarray, reference: np.ndarray, top: int | None = None) -> float:
    """Pearson correlation of the predicted with the measured change of the genes, both from the same reference; -1 to 1.

    predicted, measured, reference: mean expression (genes,). top: only the genes whose measured change is largest. A change that
    is the same for all genes (no change, above all) has no correlation and scores 0. The reference must hold no cell of the
    measured mean: a shared control raises every score. Source: Lotfollahi et al. 2019 (scGen); Ahlmann-Eltze & Huber 2025.
    """
    predicted, measured, reference = (np.asarray(values, dtype=np.float64) for values in (predicted, measured, reference))
    if predicted.ndim != 1 or predicted.shape != measured.shape or predicted.shape != reference.shape:
        raise ValueError("predicted, measured and reference must be one mean a gene, for the same genes.")
    if len(predicted) < 2:
        raise ValueError("a correlation needs at least two genes.")
    expected, seen = predicted - reference, measured - reference
    if top is not None:
        if top < 2:
            raise ValueError("a correlation needs at least two genes: top must be 2 or more.")
        order = np.argsort(-np.abs(seen), kind="stable")[:top]
        expected, seen = expected[order], seen[order]
    expected, seen = expected - expected.mean(), seen - seen.mean()
    size = float(np.linalg.norm(expected) * np.linalg.norm(seen))
    # Rounding leaves about 1e-16 of a constant change; its correlation would be noise.
    return float(np.clip(expected @ seen / size, -1.0, 1.0)) if size > 1e-20 else 0.0


def rmse(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Root of the mean squared difference over all entries, in their units; the shapes must be equal."""
    predicted, measured = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if predicted.shape != measured.shape or not predicted.size:
        raise ValueError(
            f"predicted {predicted.shape} and measured {measured.shape} must have one and the same shape, not empty."
        )
    return float(np.sqrt(np.mean((predicted - measured) ** 2)))


def _within(values: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean of a symmetric table with zero diagonal over pairs of different cells."""
    pairs = 1.0 - float(weights @ weights)
    if pairs <= 1e-12:
        raise ValueError("pairs of different cells are needed: at least two cells with a weight in each population.")
    return float(weights @ values @ weights) / pairs

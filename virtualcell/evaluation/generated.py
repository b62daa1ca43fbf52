"""How good drawn cells are: sharp and right about each cell, varied as the measured ones are, and no copies."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from virtualcell.evaluation.populations import as_population
from virtualcell.generative.intervals import pit


def conditional_energy_distance(drawn: np.ndarray, measured: np.ndarray, condition: np.ndarray | None = None) -> float:
    """Unbiased energy distance between measured cells and one draw for each of them, given their conditions; 0 for equal laws.

    drawn, measured: (cells, d), row i of both has the condition (cells, c) of cell i; where the condition is given, it is part of
    both clouds, so that a draw that ignores it is far. Rows i of the two share their condition and are not independent:
    they are left out of the mean across, as a cell with itself is within (``metrics.energy_distance``; Szekely & Rizzo 2013).
    """
    if condition is not None:
        drawn, measured = np.hstack([condition, drawn]), np.hstack([condition, measured])
    drawn, measured = as_population(drawn, "drawn"), as_population(measured, "measured")
    if drawn.shape != measured.shape or len(drawn) < 2:
        raise ValueError(f"drawn {drawn.shape} and measured {measured.shape} must be tables of the same cells, two at least.")
    pairs = len(drawn) * (len(drawn) - 1)
    across = cdist(drawn, measured)
    across = (across.sum() - np.trace(across)) / pairs
    return float(2 * across - (cdist(drawn, drawn).sum() + cdist(measured, measured).sum()) / pairs)


def energy_score(draws: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """How far what was drawn for each cell is from what was measured in it, (cells,); lower is better, >= 0 in expectation.

    draws: (m, cells, d), measured: (cells, d); E|X - y| - E|X - X'| / 2, each pair of draws once. A proper score: in expectation
    no law scores better than the true one given the condition, neither a narrower nor a wider one. One draw alone (m = 1) is a
    point prediction and scores its distance. Source: Gneiting & Raftery 2007, eq. 22, with the unbiased second term.
    """
    draws, measured = _checked(draws, measured)
    m = len(draws)
    across = np.linalg.norm(draws - measured, axis=2).mean(0)
    if m == 1:
        return across
    within = np.zeros(draws.shape[1])
    for lag in range(1, m):
        within += np.linalg.norm(draws[lag:] - draws[:-lag], axis=2).sum(0)
    return across - within / (m * (m - 1))


def randomised_pit(draws: np.ndarray, measured: np.ndarray, seed: int = 0) -> np.ndarray:
    """Where each measured value lies among its draws, (cells, d) between 0 and 1: even over cells where draws are calibrated.

    draws: (m, cells, d). Values that equal the measured one, as counts often do, are split at random, so that counts and
    amounts are judged alike (``generative.intervals.pit``). Raises ValueError for what is not finite or of other shapes.
    """
    return pit(*_checked(draws, measured), np.random.default_rng(seed))


def coverage(places: np.ndarray, level: float = 0.9) -> float:
    """Share of the places of ``randomised_pit`` inside the central interval that should hold ``level`` of them."""
    if not 0 < level < 1:
        raise ValueError(f"level = {level} must lie between 0 and 1.")
    return float((np.abs(np.asarray(places) - 0.5) <= level / 2).mean())


def covariance_error(drawn: np.ndarray, measured: np.ndarray, drawn_groups: np.ndarray, groups: np.ndarray) -> float:
    """How far the covariance of features within groups is from the measured one: |C_drawn - C_measured| / |C_measured|.

    drawn: (m, features) with the group of each (m,), measured: (n, features) with the group of each (n,). Each cell is taken
    relative to the mean of its group on its own side, and all groups are pooled; Frobenius norm, variances count, too. 0: alike;
    the error of two halves of the measured cells is what few cells alone make.
    """
    truth = _within(measured, groups)
    return float(np.linalg.norm(_within(drawn, drawn_groups) - truth) / np.linalg.norm(truth))


def _within(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Pooled covariance about the means of groups, (features, features)."""
    names, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(groups) != len(values) or len(values) - len(names) < 20:
        raise ValueError(f"{len(values)} cells in {len(names)} groups ({len(groups)} named) say too little of covariances.")
    means = np.stack([np.bincount(place, column) / counts for column in np.asarray(values, dtype=np.float64).T], 1)
    left = values - means[place]
    return left.T @ left / (len(values) - len(names))


def nearest_ratio(drawn: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> float:
    """Median distance from a drawn cell to its nearest training cell over that of held-out cells.

    All (cells, d). About 1: drawn cells are as new as other measured cells; far below 1: they are copies of training cells.
    """
    drawn, training, held_out = (
        as_population(x, name) for x, name in ((drawn, "drawn"), (training, "training"), (held_out, "held_out"))
    )
    tree = cKDTree(training)
    usual = float(np.median(tree.query(held_out)[0]))
    if usual <= 0:
        raise ValueError("held-out cells coincide with training cells, so nothing says what is new.")
    return float(np.median(tree.query(drawn)[0]) / usual)


def nearer_share(drawn: np.ndarray, training: np.ndarray, held_out: np.ndarray, quantile: float = 0.05) -> float:
    """Share of drawn cells that lie nearer to a training cell than all but a share ``quantile`` of held-out cells do.

    All (cells, d). About ``quantile``: none is a copy; more: so many copies are among them, which a median would not show.
    """
    tree = cKDTree(as_population(training, "training"))
    near = np.quantile(tree.query(as_population(held_out, "held_out"))[0], quantile)
    return float((tree.query(as_population(drawn, "drawn"))[0] < near).mean())


def _checked(draws: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    draws, measured = np.asarray(draws, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if draws.ndim != 3 or draws.shape[1:] != measured.shape or not len(draws):
        raise ValueError(f"draws {draws.shape} must be (draws, cells, d) of measured {measured.shape}.")
    if not (np.isfinite(draws).all() and np.isfinite(measured).all()):
        raise ValueError("draws and measurements must be finite; leave refused cells out.")
    return draws, measured

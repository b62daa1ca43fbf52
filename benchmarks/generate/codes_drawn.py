"""Cells drawn with codes, beside measured cells: do they lie where those lie, and spread as those do where codes are the same?"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from virtualcell.evaluation.metrics import energy_distance
from virtualcell.generative.infogan import Codes
from virtualcell.generative.infogan_spread import spread_ratio

ENERGY = "energy distance of drawn from test cells"
"""In deviations of the learned cells."""
SPREAD = "spread of drawn cells at fixed codes over measured"
"""Of measured test cells from which the same codes are read; 1 is right."""
PLANTED_SPREAD = "spread of drawn cells of near codes over measured of near factors"
"""No code is read for it: of pairs of drawn cells of one category that are nearest in codes, over pairs of measured cells of
one state that are nearest in the planted factors."""


def beside_measured(codes: Codes, test: np.ndarray, seed: int) -> dict[str, float]:
    """How drawn cells lie and spread beside the test cells (n, d)."""
    drawn, _, _ = _of_prior(codes, len(test), seed)
    return {ENERGY: distance(codes, drawn, test), SPREAD: spread_ratio(codes, test, seed=seed)}


def distance(codes: Codes, first: np.ndarray, second: np.ndarray) -> float:
    """Energy distance of states (n, d) and (m, d)."""
    return energy_distance(first / codes.scale, second / codes.scale)


def planted_spread(codes: Codes, test: np.ndarray, state: np.ndarray, factors: np.ndarray, seed: int) -> float:
    """``PLANTED_SPREAD`` of test cells (n, d) of a known state (n,) and factors (n, F) in [0, 1]."""
    drawn, category, continuous = _of_prior(codes, len(test), seed)
    made = drawn - drawn[nearest(category, continuous)]
    real = test - test[nearest(state, 2 * factors - 1)]  # codes go from -1 to 1
    return float(np.sqrt(((made / codes.scale) ** 2).sum() / ((real / codes.scale) ** 2).sum()))


def nearest(group: np.ndarray, places: np.ndarray) -> np.ndarray:
    """For each of places (n, C) the number of the nearest other one of its group (n,); its own where it is alone."""
    found = np.arange(len(places))
    for name in np.unique(group):
        rows = np.flatnonzero(group == name)
        if len(rows) > 1:
            found[rows] = rows[cKDTree(places[rows]).query(places[rows], k=2)[1][:, 1]]
    return found


def _of_prior(codes: Codes, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n drawn states, their categories and continuous codes."""
    rng = np.random.default_rng(seed)
    category = rng.choice(codes.n_categories, n, p=codes.prior / codes.prior.sum())
    continuous = rng.uniform(-1, 1, (n, codes.n_continuous))
    return codes.draw(category, continuous, seed=seed), category, continuous

"""Where the codes start: groups and directions that the states alone show, without any label.

A generator that starts from nothing gives a large state two categories and two small ones a single one, or lets the category
swallow a continuous factor (``benchmarks.generate.codes`` shows it). The start is a mixture of Gaussians with one shared
covariance, which is what the generator's straight part is, and within its groups the independent directions of largest spread.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA, FastICA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

EXTENT = np.sqrt(3.0)
"""Half the length of a uniform interval of standard deviation 1."""
LEAST_NOISE = 0.05
"""Variance that noise keeps in every direction of standardised states: without it, the generator's cells lie in a plane."""
ODD = 4.0
"""Times the median distance from the centre of the own group: cells further away have no say in directions and spread."""
RIDGE = 1e-3
"""Added to the variances of the mixture."""
MOST_GROUPS = 8
ENOUGH = 0.9
SMALLEST = 0.03
"""Share of the cells: smaller groups are a few odd cells."""


@dataclass(frozen=True)
class Start:
    """prior (K,); centres (K, d); directions (C, d), what a code of 1 adds, the strongest first; spread (d, d), by which standard
    normal noise is multiplied; all in standardised states."""

    prior: np.ndarray
    centres: np.ndarray
    directions: np.ndarray
    spread: np.ndarray


def find_start(x: np.ndarray, scale: np.ndarray, n_categories: int, n_continuous: int, tries: int, seed: int) -> Start:
    """Of states x (n, d) that were divided by their deviations scale (d,).

    Groups are sought in standardised states; directions are ranked and separated in the states' own units, where a coordinate
    that only carries noise is small. The separation is into independent directions (FastICA, Hyvarinen 1999), as codes are.
    """
    mixture = fit_mixture(x, n_categories, tries, seed)
    inside = x - mixture.means_[mixture.predict(x)]
    length = np.linalg.norm(inside, axis=1)
    # A few odd cells would give a direction of their own.
    inside = inside[length <= ODD * np.median(length)] * scale
    directions = _directions(inside, n_continuous, seed) / scale
    left = np.atleast_2d(np.cov(inside.T)) / np.outer(scale, scale) - directions.T @ directions / EXTENT**2
    values, vectors = np.linalg.eigh(left)
    spread = (vectors * np.sqrt(np.maximum(values, LEAST_NOISE))) @ vectors.T
    return Start(mixture.weights_, mixture.means_, directions, spread)


def _directions(inside: np.ndarray, n: int, seed: int) -> np.ndarray:
    """What a code of 1 adds, (n, d), in the units of ``inside`` (cells, d)."""
    if n == 0:
        return np.zeros((0, inside.shape[1]))
    parts = PCA(n, svd_solver="full").fit(inside)
    scores = parts.transform(inside)
    mixing = np.diag(scores.std(axis=0))
    if n > 1:
        with warnings.catch_warnings():
            # Where factors are close to normal no rotation is better than another, and any will do to start from.
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixing = FastICA(whiten="unit-variance", random_state=seed, max_iter=500).fit(scores).mixing_.T
    found = EXTENT * mixing @ parts.components_
    return found[np.argsort(-np.linalg.norm(found, axis=1))]


def fit_mixture(x: np.ndarray, n: int, tries: int, seed: int) -> GaussianMixture:
    """n Gaussians that share a covariance, the best of some tries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(n, covariance_type="tied", n_init=tries, random_state=seed, reg_covar=RIDGE).fit(x)


def choose_groups(x: np.ndarray, tries: int, seed: int, most: int = MOST_GROUPS) -> int:
    """How many groups states x (n, d) fall into, 2 to ``most``: the fewest with which a mixture has ``ENOUGH`` of the gain in the
    Bayesian information criterion that any number brings. Numbers with a group smaller than ``SMALLEST`` are not looked at.

    The lowest criterion itself cuts every factor that is not normal into pieces, and takes as many groups as it may.
    """
    one = float(fit_mixture(x, 1, 1, seed).bic(x))
    gains = {}
    for n in range(2, most + 1):
        mixture = fit_mixture(x, n, tries, seed)
        if mixture.weights_.min() >= SMALLEST:
            gains[n] = one - float(mixture.bic(x))
    most_gained = max(gains.values(), default=0.0)
    return next((n for n, gain in gains.items() if gain >= ENOUGH * most_gained), 2)

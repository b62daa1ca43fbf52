"""What a likelihood leaves out: features of one cell that are high or low together, and spreads that are too wide.

A decoder gives each feature a law of its own. Tags of one cell, though, rise and fall together with how much was captured of the
whole cell, and a law that is too wide for every feature alone makes drawn cells differ far more than measured ones do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from sklearn.covariance import LedoitWolf

MOST_FEATURES = 256
"""Above it a covariance of features would be mostly noise, and counts of single molecules hardly tell one."""
FEWEST_CELLS = 50
CANDIDATES = 128
"""Of each value: with fewer, an order statistic is itself too noisy to narrow a law or to tie features together."""
PLACES = 200

Draw = Callable[[np.random.Generator], np.ndarray]
"""One value of every feature of every cell, (cells, features), independent of each other, from the decoder's likelihood."""


@dataclass(frozen=True)
class Residuals:
    """Normal scores of measured values among their likelihoods: mean (features,) and root (features, features) of covariance."""

    mean: np.ndarray
    root: np.ndarray

    @classmethod
    def fit(cls, draw: Draw, measured: np.ndarray, seed: int = 0) -> Residuals | None:
        """measured: (cells, features), ``draw`` of these very cells. None where features are too many or cells too few.

        A value's place among draws, ties split at random (Czado et al. 2009), becomes a normal score; were the likelihood right
        and features independent, scores would be standard normal. Their covariance is shrunk (Ledoit & Wolf 2004).
        """
        n, features = measured.shape
        if features > MOST_FEATURES or n < FEWEST_CELLS:
            return None
        rng = np.random.default_rng(seed)
        below, equal = np.zeros(measured.shape), np.zeros(measured.shape)
        for _ in range(PLACES):
            drawn = draw(rng)
            below += drawn < measured
            equal += drawn == measured
        score = norm.ppf((below + rng.random(measured.shape) * (equal + 1)) / (PLACES + 1))
        found = LedoitWolf().fit(score)
        return cls(found.location_.astype(np.float32), np.linalg.cholesky(found.covariance_).astype(np.float32))

    def draw(self, draw: Draw, generator: np.random.Generator) -> np.ndarray:
        """Values (cells, features) whose places in their likelihoods are as dependent and as spread as measured ones: a Gaussian
        copula (Nelsen 2006) with scores that need not have variance 1. Each is the order statistic of 128 candidates at its
        place, which is a draw of the likelihood itself where the place is uniform."""
        candidates = np.stack([draw(generator) for _ in range(CANDIDATES)])
        candidates.sort(axis=0)
        score = self.mean + generator.standard_normal(candidates.shape[1:]) @ self.root.T
        place = np.minimum((norm.cdf(score) * CANDIDATES).astype(int), CANDIDATES - 1)
        return np.take_along_axis(candidates, place[None], axis=0)[0]

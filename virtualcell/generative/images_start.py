"""The kinds that images of cells fall into by themselves, without any label: what the categorical code of InfoGAN starts from.

A mixture of Gaussians on images from which position around the clock is taken out. Codes that find their kinds by being read back
alone split the many red cells over and over, and the generator of one code then draws two rare kinds.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from virtualcell.generative.images_data import orientations

COMPONENTS = 20
"""Of the images' principal components, with 99 % of what varies. With 16 or 20 the criterion names the same number of kinds
whichever slides are left out (8 splits), with 12 it does not (3 or 4)."""
TRIES = 5
RIDGE = 1e-3
"""Added to the variances of the mixture, of pixels in [0, 1]."""


def unturned(images: np.ndarray) -> np.ndarray:
    """(n, side, side, 3) uint8 -> (n, side * side * 3) in [0, 1]: the mean of the eight orientations, alike for a turned cell."""
    total = np.zeros(images.shape, dtype=np.float32)
    for turned in orientations(images):
        total += turned
    return total.reshape(len(images), -1) / (8 * 255)


@dataclass(frozen=True)
class Kinds:
    """A mixture of K Gaussians on principal components of ``unturned`` images."""

    axes: PCA
    mixture: GaussianMixture

    @property
    def count(self) -> int:
        return int(self.mixture.n_components)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Probabilities of the kinds, (n, K) float32, of (n, side, side, 3) uint8."""
        return self.mixture.predict_proba(self.axes.transform(unturned(images))).astype(np.float32)


def find_kinds(images: np.ndarray, most: int, seed: int) -> Kinds:
    """2 to ``most`` kinds of (n, side, side, 3) uint8: the number with the lowest Bayesian information criterion (Schwarz 1978).

    Each kind has a covariance of its own, as platelets vary in other ways than white cells do. Such a covariance has 210 numbers:
    a kind with fewer images than about a hundred is counted with another one.
    """
    x = unturned(images)
    axes = PCA(min(COMPONENTS, len(x) - 1), svd_solver="covariance_eigh").fit(x)
    x = axes.transform(x)
    with warnings.catch_warnings():
        # A number of kinds that does not settle is not the one with the lowest criterion.
        warnings.simplefilter("ignore", ConvergenceWarning)
        tried = [GaussianMixture(k, n_init=TRIES, reg_covar=RIDGE, random_state=seed).fit(x) for k in range(2, most + 1)]
    return Kinds(axes, min(tried, key=lambda mixture: float(mixture.bic(x))))

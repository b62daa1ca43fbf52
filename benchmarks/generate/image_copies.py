"""Are drawn images copies of training images? Turned and mirrored ones are copies, too: training shows every image so."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA

from virtualcell.generative.images_data import orientations

COMPONENTS = 30
RATIO = "distance to the nearest training image over that of test images"
NEARER = "share nearer to a training image than 99 % of test images are"


def copied(drawn: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """How near images come to training images in any of their eight orientations; all (n, side, side, 3) uint8.

    Distances are between principal components of training images in all orientations, so that soft and grainy images are judged
    by the same. RATIO: median of drawn over median of held-out images; about 1: as new as those, 0: copies. NEARER: 0.01 where
    drawn images are as new as held-out ones; more tells of some copies among many new ones.
    """
    everyway = np.concatenate([_flat(turned) for turned in orientations(training)])
    axes = PCA(COMPONENTS, svd_solver="covariance_eigh").fit(everyway)
    tree = cKDTree(axes.transform(everyway))
    mine, usual = (tree.query(axes.transform(_flat(images)))[0] for images in (drawn, held_out))
    if np.median(usual) <= 0:
        raise ValueError("held-out images coincide with training images, so nothing says what is new.")
    return {RATIO: float(np.median(mine) / np.median(usual)), NEARER: float((mine < np.quantile(usual, 0.01)).mean())}


def _flat(images: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels, in [0, 1]: the components are coarser than that."""
    n, side = images.shape[:2]
    return images.reshape(n, side // 2, 2, side // 2, 2, 3).mean((2, 4), dtype=np.float32).reshape(n, -1) / 255

"""Where cells were measured, drawn like a landscape and named otherwise: a density says nothing of where cells go."""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde


def density_map(xy: np.ndarray, x: np.ndarray, y: np.ndarray, supported: np.ndarray) -> np.ndarray:
    """-log density of measured cells xy (n, 2) over the grid x (gx,), y (gy,): (gy, gx), 0 at the fullest supported point.

    supported: (gy, gx); NaN outside. Gaussian kernels of Scott's width (Scott 1992).
    """
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    height = -gaussian_kde(xy.T.astype(np.float64)).logpdf(grid.T).reshape(supported.shape)
    return np.where(supported, height - height[supported].min(), np.nan).astype(np.float32)

"""The populations of the field's protocol: embryoid body cells at five times, in some of their principal components."""

from __future__ import annotations

import anndata as ad
import numpy as np

from virtualcell.data.catalogue import data_folder

SPACES = {"EB, 5 PCs": (5, True), "EB, 10 PCs": (10, False), "EB, 50 PCs": (50, False)}
"""Number of components, and whether each is scaled to unit variance."""


def populations(space: str, held: float | None = None) -> dict[float, np.ndarray]:
    """Time index -> cells (550, d), float64. Components come from all cells, as their source gives no others.

    held: a time whose cells shall not have a say in the scaling; by default all have, as in the protocol (Tong et al. 2024).
    """
    d, scaled = SPACES[space]
    cells = ad.read_h5ad(data_folder() / "embryoid_body_pca.h5ad")
    x, time = np.asarray(cells.X, dtype=np.float64)[:, :d], cells.obs["time_bin"].to_numpy(dtype=float)
    if scaled:
        seen = x if held is None else x[time != held]
        x = (x - seen.mean(0)) / seen.std(0)
    return {float(t): x[time == t] for t in np.unique(time)}

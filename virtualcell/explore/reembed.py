"""A map of some cells anew."""

from __future__ import annotations

import warnings

import numpy as np
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from sklearn.decomposition import TruncatedSVD

from virtualcell.explore.amounts import amounts
from virtualcell.schema import DataError

FEW = 50
"""Fewer cells than this have no map to speak of."""

COMPONENTS = 30

NEIGHBOURS, MIN_DIST = 15, 0.3
"""As the map of all cells is made (``virtualcell.demo``)."""


class FewCells(UserWarning):
    """A map of so few cells says little."""


def reembed(
    values: np.ndarray | AnnData, rows: np.ndarray, *, neighbours: int = NEIGHBOURS, dimensions: int = 2, seed: int = 0
) -> np.ndarray:
    """A map of chosen cells alone, float32 (chosen, dimensions), by UMAP; seeded, so that it is the same each time.

    values: states of all cells (cells, d), or one prepared modality, of which the leading components are then taken on the chosen
    cells alone (see ``components``). neighbours: at most one less than there are cells. Distances between groups and their sizes
    on a UMAP mean nothing. Warns (``FewCells``) below ``FEW`` cells; raises DataError below five. The first call of a process
    compiles for many seconds.

    Source: McInnes et al. 2018.
    """
    rows = np.unique(np.asarray(rows, dtype=np.int64))
    if len(rows) < 5:
        raise DataError(f"{len(rows)} cells make no map.", next_step="choose at least five, better fifty.", field="rows")
    if len(rows) < FEW:
        warnings.warn(f"A map of {len(rows)} cells says little about them.", FewCells, stacklevel=2)
    found = components(values[rows], seed=seed) if isinstance(values, AnnData) else np.asarray(values, np.float32)[rows]
    return _umap(found, neighbours, dimensions, seed)


def components(adata: AnnData, *, n: int = COMPONENTS, seed: int = 0) -> np.ndarray:
    """Leading components of one prepared modality, float32 (cells, at most n).

    RNA: principal components of centred log amounts (scanpy); ATAC: TF-IDF reduced by truncated SVD (LSI), each cell scaled to
    length 1 and without the component that follows the depth (|correlation| above 0.8); others: principal components of centred
    and scaled values. Features are those that the preparation kept.
    """
    data = amounts(adata)
    n = min(n, adata.n_obs - 1, adata.n_vars - 1)
    if n < 2:
        raise DataError("There are too few cells or features for a map.", next_step="choose more cells.", field="rows")
    if data.kind == "atac":
        scores = TruncatedSVD(n, random_state=seed).fit_transform(sp.csr_matrix(data.values))
        scores /= np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-9)
        if data.depth is not None:
            deep = [abs(_correlation(scores[:, i], np.log1p(data.depth))) > 0.8 for i in range(n)]
            scores = scores[:, ~np.array(deep)] if not all(deep) else scores
        return scores.astype(np.float32)
    values = data.values
    if data.kind != "rna":
        values = np.asarray(values, float)
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    return np.asarray(sc.pp.pca(values, n_comps=n, svd_solver="arpack", random_state=seed), dtype=np.float32)


def _umap(values: np.ndarray, neighbours: int, dimensions: int, seed: int) -> np.ndarray:
    from umap import UMAP  # compiles for half a minute: only here

    near = max(2, min(neighbours, len(values) - 1))
    # Few cells have no spectrum that its solver can find.
    start = "spectral" if len(values) > 3 * dimensions + 10 else "random"
    found = UMAP(
        n_components=dimensions, n_neighbors=near, min_dist=MIN_DIST, init=start, random_state=seed, n_jobs=1
    ).fit_transform(values)
    return np.ascontiguousarray(found, dtype=np.float32)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-9 and b.std() > 1e-9 else 0.0

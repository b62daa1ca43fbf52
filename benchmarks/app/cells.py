"""As many cells as asked for: those of a measured demo over and over, each copy moved a little."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from virtualcell.demo import Bundle

GENES = 12


def make_cells(bundle: Bundle, n: int, folder: Path, seed: int = 0) -> Path:
    """Writes ``<n>.npz`` into the folder: positions (n, 2) float32, state (n,) with its names, amounts (n, 12) float32.

    Cells are drawn with replacement; places get noise of 1.5 % of the map's width, amounts above 0 a factor of exp(N(0, 0.1)), so
    that no two cells are the same and nothing compresses better than real cells do.
    """
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(bundle.umap2), n)
    width = np.ptp(bundle.umap2, axis=0).max()
    positions = (bundle.umap2[rows] + rng.normal(0, 0.015 * width, (n, 2))).astype(np.float32)
    names, state = np.unique(_state(bundle), return_inverse=True)
    rna = bundle.cells.mod["rna"]
    genes = [gene for gene in bundle.demo.marker_genes if gene in rna.var_names]
    genes += [gene for gene in rna.var_names if gene not in genes][: GENES - len(genes)]
    amounts = rna[:, genes[:GENES]].X
    amounts = np.asarray(amounts.todense() if hasattr(amounts, "todense") else amounts, dtype=np.float32)[rows]
    amounts *= np.exp(rng.normal(0, 0.1, amounts.shape)).astype(np.float32)
    path = folder / f"{n}.npz"
    texts = {"states": names.astype(str), "genes": np.array(genes[:GENES], dtype=str)}
    np.savez(path, positions=positions, state=state[rows].astype(np.int8), amounts=amounts, **texts)
    return path


def _state(bundle: Bundle) -> np.ndarray:
    column = bundle.demo.columns.state or bundle.demo.columns.time
    assert column is not None, "a demo has cell states or times"
    return bundle.cells.obs[column].astype(str).to_numpy()


def slice_of(positions: np.ndarray, share: float) -> np.ndarray:
    """Corners (4, 2) of an outline around this share of the cells: the leftmost ones, and a margin around the map."""
    (left, bottom), (right, top) = positions.min(axis=0).astype(float), positions.max(axis=0).astype(float)
    across = float(np.quantile(positions[:, 0].astype(float), share))
    edge = 0.01 * max(right - left, top - bottom)
    return np.array([[left - edge, bottom - edge], [across, bottom - edge], [across, top + edge], [left - edge, top + edge]])

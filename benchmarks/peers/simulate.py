"""Cells for measuring speed: the shape and the sparsity of real RNA and ATAC, and nothing to learn of biology.

numpy and scipy only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq

DISPERSION = 2.0
"""Size parameter of the negative binomial counts."""


def simulate(
    n_cells: int = 4000,
    n_genes: int = 2000,
    n_peaks: int = 10_000,
    *,
    rna_density: float = 0.15,
    atac_density: float = 0.045,
    n_types: int = 8,
    seed: int = 0,
) -> dict[str, sp.csr_matrix]:
    """Negative binomial RNA counts and Bernoulli ATAC of cells of ``n_types`` types, CSR float32 (cells, features).

    Features have log-normal means that differ by type, cells log-normal depths; one factor on all means is solved for so that the
    expected share of non-zero entries is the one asked for.
    """
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, n_types, n_cells)
    depth = rng.lognormal(0.0, 0.3, n_cells)
    rna_rate = rng.lognormal(0.0, 1.2, n_genes) * rng.lognormal(0.0, 0.6, (n_types, n_genes))
    atac_rate = rng.lognormal(0.0, 1.2, n_peaks) * rng.lognormal(0.0, 0.8, (n_types, n_peaks))

    def rna_zero(mean: np.ndarray) -> np.ndarray:
        return (1.0 + mean / DISPERSION) ** -DISPERSION

    def atac_zero(mean: np.ndarray) -> np.ndarray:
        return np.exp(-mean)

    rna_scale = _scale(rna_rate, depth, rna_zero, rna_density)
    atac_scale = _scale(atac_rate, depth, atac_zero, atac_density)
    rna, atac = [], []
    for rows in np.array_split(np.arange(n_cells), max(n_cells // 500, 1)):  # dense only a part at a time
        mean = rna_scale * rna_rate[kind[rows]] * depth[rows, None]
        rna.append(sp.csr_matrix(rng.poisson(mean * rng.gamma(DISPERSION, 1 / DISPERSION, mean.shape)).astype(np.float32)))
        closed = atac_zero(atac_scale * atac_rate[kind[rows]] * depth[rows, None])
        atac.append(sp.csr_matrix((rng.random(closed.shape) > closed).astype(np.float32)))
    return {"rna": sp.vstack(rna, format="csr"), "atac": sp.vstack(atac, format="csr")}


def _scale(rate: np.ndarray, depth: np.ndarray, zero: Callable[[np.ndarray], np.ndarray], density: float) -> float:
    """The factor on all means at which the expected share of non-zero entries is ``density``."""
    depths = np.quantile(depth, np.linspace(0.05, 0.95, 10))  # ten typical depths stand for all

    def excess(log_scale: float) -> float:
        return float(np.mean([1.0 - zero(np.exp(log_scale) * rate * d).mean() for d in depths])) - density

    return float(np.exp(brentq(excess, -20.0, 10.0, xtol=1e-6)))

"""Values of every kind of measurement, made anew for every test."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from virtualcell.modalities import MODALITIES, Counts, Modality, Values


def make_values(name: str, n_cells: int = 60, n_features: int = 15, seed: int = 0) -> np.ndarray:
    """Dense values (cells, width * features); the first feature is never zero, so that every cell has a depth."""
    rng = np.random.default_rng(seed)
    if name == "continuous":
        return rng.normal(3.0, rng.uniform(0.5, 4.0, n_features), (n_cells, n_features)).astype(np.float32)
    if name == "methylation":
        coverage = rng.poisson(6.0, (n_cells, n_features)) + (np.arange(n_features) == 0)
        fraction = rng.beta(2.0, 3.0, (n_cells, n_features))
        return np.hstack([rng.binomial(coverage, fraction), coverage]).astype(np.float32)
    mean = rng.gamma(1.0, 3.0, n_features) * rng.gamma(2.0, 0.5, (n_cells, n_features))
    counts = rng.poisson(mean) + (np.arange(n_features) == 0)
    if name == "atac":
        counts = (counts > 3) | (np.arange(n_features) == 0)
    return counts.astype(np.float32)


def as_values(kind: Modality, dense: np.ndarray) -> Values:
    return Counts.of(sp.csr_matrix(dense)) if kind.sparse else torch.from_numpy(dense)


def make_fitted(name: str, dense: np.ndarray, n_components: int = 4, *, moved: bool = False) -> Modality:
    """A kind fitted to values; moved: with parameters pushed at random from where they start."""
    kind = MODALITIES[name](dense.shape[1] // MODALITIES[name].width, n_components)
    kind.fit(sp.csr_matrix(dense) if kind.sparse else dense, seed=0)
    if moved:
        generator = torch.Generator().manual_seed(9)
        with torch.no_grad():
            for parameter in kind.parameters():
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    return kind

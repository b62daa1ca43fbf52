"""How many directions of a latent space are really used."""

from __future__ import annotations

import numpy as np


def effective_rank(z: np.ndarray) -> float:
    """exp of the entropy of the covariance spectrum (Roy & Vetterli 2007), between 1 (collapsed) and d (all directions used
    alike)."""
    spectrum = np.linalg.eigvalsh(np.atleast_2d(np.cov(z.T)))
    share = np.clip(spectrum, 1e-12, None) / np.clip(spectrum, 1e-12, None).sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def collapsed_below(latent_dim: int) -> float:
    """Effective rank under which states count as collapsed: a fifth of the dimensions, and no less than 1.2 (a convention of
    ours, not a test)."""
    return max(1.2, 0.2 * latent_dim)

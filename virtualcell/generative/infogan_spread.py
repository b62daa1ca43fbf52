"""What codes leave open: how far cells with the same codes spread, measured and drawn."""

from __future__ import annotations

import numpy as np

from virtualcell.generative.infogan_codes import Codes


def spread_of_measured(codes: Codes, states: np.ndarray, category: int, continuous: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance (d,) of measured states (n, d) with the codes, category from 0 and continuous (C,) in [-1, 1], and how many cells
    say so: the inverse of the sum of squared shares (Kish 1965). Zeros where it is one cell.

    Each cell counts by the posterior density of the codes in it (``Codes.likeness``). If cells are drawn as measured ones are,
    and codes are read as they were drawn, this is the variance of cells drawn with the codes.
    """
    shares = codes.likeness(states, category, continuous)
    alone = float(shares @ shares)
    if alone > 1 - 1e-6:
        return np.zeros(states.shape[1]), 1.0
    return shares @ (states - shares @ states) ** 2 / (1 - alone), 1 / alone


def spread_ratio(codes: Codes, states: np.ndarray, *, n_codes: int = 200, n: int = 50, seed: int = 0) -> float:
    """Root mean square deviation of cells drawn with the same codes over that of measured states (cells, d), each coordinate in
    deviations of the learned states; 1 is right. NaN where no two measured cells have the same codes.

    Over n_codes codes from the prior, n cells drawn with each. A code counts the more the more measured cells have it.
    """
    rng = np.random.default_rng(seed)
    drawn = measured = 0.0
    for category in rng.choice(codes.n_categories, n_codes, p=codes.prior / codes.prior.sum()):
        continuous = rng.uniform(-1, 1, codes.n_continuous).astype(np.float32)
        variance, cells = spread_of_measured(codes, states, int(category), continuous)
        made = codes.draw(np.full(n, category), np.tile(continuous, (n, 1)), seed=int(rng.integers(2**31)))
        weight = 1 - 1 / cells
        measured += weight * float((variance / codes.scale**2).sum())
        drawn += weight * float((made.var(0, ddof=1) / codes.scale**2).sum())
    return float(np.sqrt(drawn / measured)) if measured > 0 else float("nan")

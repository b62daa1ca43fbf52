"""Which measured states a simulated population ends in, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

NEIGHBOURS = 15
RESAMPLES = 500


def assign(ends: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Label of most of the 15 nearest measured cells, (n,), for end states (n, d)."""
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    _, near = cKDTree(reference).query(ends, k=min(NEIGHBOURS, len(reference)))
    near = near.reshape(len(ends), -1)
    votes = np.stack([(codes[near] == code).sum(1) for code in range(len(names))], 1)
    return names[votes.argmax(1)]


def fate_fractions(
    fate: np.ndarray,
    names: Sequence[str],
    log_weights: np.ndarray,
    start: np.ndarray,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of the descendants that end in each state: columns fate, fraction, low, high (95 % bootstrap over start cells).

    fate: (n,) one of names; log_weights: (n,) log number of descendants, start: (n,) which start cell each comes from. All
    simulated copies of a start cell are drawn together, so that the interval is one over cells, not over random numbers.
    """
    found = np.unique(names)
    cells, cell_of = np.unique(start, return_inverse=True)
    weight = np.exp(log_weights - log_weights.max())
    mass = np.zeros((len(cells), len(found)))
    np.add.at(mass, (cell_of, np.searchsorted(found, fate)), weight)
    total = mass.sum(0)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(cells), np.full(len(cells), 1 / len(cells)), size=RESAMPLES) @ mass
    shares = draws / draws.sum(1, keepdims=True)
    table = pd.DataFrame(
        {
            "fate": found,
            "fraction": total / total.sum(),
            "low": np.quantile(shares, 0.025, axis=0),
            "high": np.quantile(shares, 0.975, axis=0),
        }
    )
    return table.sort_values("fraction", ascending=False, ignore_index=True)

"""Barcoded sister cells: what the descendants of a clone say of where its cells go."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from virtualcell.predictor.distance import energy_score
from virtualcell.predictor.dynamics import Dynamics

CLONE_DRAWS = 8
"""Simulated descendants of each barcoded cell at each step."""


def sisters_of(clones: sp.csr_matrix | None, time: np.ndarray | None) -> np.ndarray:
    """Pairs (early row, late row) of the same clone at different times, (pairs, 2)."""
    if clones is None or time is None:
        return np.empty((0, 2), np.int64)
    together = (clones @ clones.T).tocoo()
    keep = time[together.row] < time[together.col]
    return np.stack([together.row[keep], together.col[keep]], 1).astype(np.int64)


def clone_loss(model: Dynamics, states: Tensor, pairs: np.ndarray, time: np.ndarray, generator: torch.Generator) -> Tensor:
    """Energy score of simulated descendants against a measured descendant of the same clone: soft targets, never hard pairs."""
    total, n = torch.zeros((), device=states.device), 0
    gap = np.round(time[pairs[:, 1]] - time[pairs[:, 0]], 6)
    for duration in np.unique(gap):
        some = pairs[gap == duration]
        start = states[torch.from_numpy(some[:, 0]).to(states.device)].repeat(CLONE_DRAWS, 1)
        end, _ = model.rollout(start, float(duration), generator)
        seen = states[torch.from_numpy(some[:, 1]).to(states.device)]
        total = total + len(some) * energy_score(end.reshape(CLONE_DRAWS, len(some), -1), seen)
        n += len(some)
    return total / n

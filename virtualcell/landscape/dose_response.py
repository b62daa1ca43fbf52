"""What becomes of cells that are pushed for a while and then let go: do they settle in another valley or roll back?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from virtualcell.landscape.attractors import descend
from virtualcell.predictor.dynamics import Dynamics

STAYED, BACK, SETTLED = "stayed in their valley", "left it and rolled back", "settled in another valley"
OUTCOMES = (STAYED, BACK, SETTLED)


def valley_of(dynamics: Dynamics, valleys: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Which of the resting places (k, d) of the untreated landscape is nearest to where states (n, d) come to rest on it without
    noise, (n,)."""
    ends = descend(dynamics.potential, torch.from_numpy(np.asarray(states, dtype=np.float32))).numpy()
    return ((ends[:, None] - valleys) ** 2).sum(-1).argmin(1)


def outcomes(start: np.ndarray, pushed: np.ndarray, rested: np.ndarray) -> np.ndarray:
    """One of ``OUTCOMES`` for each cell, from its valley (n,) at the start, when the push ends, and after the rest."""
    return np.where(rested != start, SETTLED, np.where(pushed != start, BACK, STAYED))


@torch.no_grad()
def dose_response(
    dynamics: Dynamics,
    valleys: np.ndarray,
    start: np.ndarray,
    treatment: str,
    doses: np.ndarray,
    *,
    duration: float = 1.0,
    rest: float = 1.0,
    seed: int = 0,
) -> pd.DataFrame:
    """What becomes of cells start (n, d) under each dose (k,), times the measured force, with the noise that was learned, the
    same for each dose; duration and rest in spans, valleys (k, d) as in ``valley_of``.

    Columns dose, outcome (``OUTCOMES``), share, low, high (Wilson's 95 % interval over cells, without the model's error).
    """
    n = len(start)
    z = torch.from_numpy(np.tile(np.asarray(start, dtype=np.float32), (len(doses), 1)))
    amount = torch.from_numpy(np.repeat(np.asarray(doses, dtype=np.float32), n))[:, None]
    generator = torch.Generator().manual_seed(seed)
    pushed, _ = dynamics.rollout(z, duration, generator, treatment, dose=amount, copies=len(doses))
    rested, _ = dynamics.rollout(pushed, rest, generator, copies=len(doses))
    at = [valley_of(dynamics, valleys, states.numpy()).reshape(-1, n) for states in (z[:n], pushed, rested)]
    rows = []
    for dose, there, after in zip(doses, *at[1:], strict=True):
        found = outcomes(at[0][0], there, after)
        for name in OUTCOMES:
            count = int((found == name).sum())
            low, high = binomtest(count, n).proportion_ci(method="wilson")
            rows.append((float(dose), name, count / n, float(low), float(high)))
    return pd.DataFrame(rows, columns=["dose", "outcome", "share", "low", "high"])

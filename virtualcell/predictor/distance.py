"""How far a predicted population is from a measured one, as a loss."""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-9


def energy_distance(a: Tensor, b: Tensor, log_weight: Tensor | None = None) -> Tensor:
    """Unbiased energy distance 2E|A-B| - E|A-A'| - E|B-B'| of samples a (n, d), weighted, and b (m, d) (Szekely & Rizzo 2013, eq.
    5).

    Zero in expectation for equal laws, so a single value can be slightly negative.
    """
    w = torch.full((len(a),), 1.0 / len(a), device=a.device) if log_weight is None else torch.softmax(log_weight, 0)
    across = (w @ _distances(a, b)).mean()
    within_a = w @ _distances(a, a) @ w / (1 - (w**2).sum())
    within_b = _distances(b, b).sum() / (len(b) * (len(b) - 1))
    return 2 * across - within_a - within_b


def energy_score(ends: Tensor, seen: Tensor) -> Tensor:
    """Mean energy score of K simulated ends (K, n, d) of n cells against one descendant seen of each (n, d).

    Strictly proper (Gneiting & Raftery 2007, eq. 21): smallest in expectation where the simulated ends follow the true law of
    descendants.
    """
    k = len(ends)
    to_seen = torch.sqrt(((ends - seen) ** 2).sum(2) + EPS).mean()
    between = torch.sqrt(((ends[:, None] - ends[None]) ** 2).sum(3) + EPS).sum((0, 1)).mean() / (k * (k - 1))
    return to_seen - 0.5 * between


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # Not torch.cdist: its gradient at zero distance is not a number on some devices.
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return torch.sqrt(square.clamp_min(0.0) + EPS)

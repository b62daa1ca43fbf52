"""How far a predicted population is from a measured one, as a loss."""

from __future__ import annotations

from collections.abc import Callable

import ot
import torch
from torch import Tensor

from virtualcell.predictor.whitened import WhitenedDistance
from virtualcell.schema import DataError

EPS = 1e-9

BLUR = 0.1
"""Entropy of Sinkhorn transport over the mean distance."""


def energy_distance(a: Tensor, b: Tensor, log_weight: Tensor | None = None) -> Tensor:
    """Unbiased energy distance 2E|A-B| - E|A-A'| - E|B-B'| of samples a (n, d), weighted, and b (m, d) (Szekely & Rizzo 2013, eq.
    5).

    Zero in expectation for equal laws, so a single value can be slightly negative.
    """
    w = a.new_full((len(a),), 1.0 / len(a)) if log_weight is None else torch.softmax(log_weight, 0)
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


def sinkhorn_divergence(a: Tensor, b: Tensor, log_weight: Tensor | None = None) -> Tensor:
    """Debiased Sinkhorn divergence S(a, b) - S(a, a) / 2 - S(b, b) / 2 of samples a (n, d), weighted, and b (m, d).

    S: entropic transport with Euclidean cost, entropy BLUR of the mean distance between the two (Feydy et al. 2019, eq. 3). Zero
    for equal samples, never negative, and in the unit of the energy distance: between it and W1.
    """
    w = a.new_full((len(a),), 1.0 / len(a)) if log_weight is None else torch.softmax(log_weight, 0)
    u = b.new_full((len(b),), 1.0 / len(b))
    blur = BLUR * float((w.detach() @ _distances(a.detach(), b)).mean())
    return _entropic(a, b, w, u, blur) - 0.5 * _entropic(a, a, w, w, blur) - 0.5 * _entropic(b, b, u, u, blur)


def _entropic(a: Tensor, b: Tensor, w: Tensor, u: Tensor, blur: float) -> Tensor:
    # The gradient by the envelope theorem: through costs and weights, not through the iterations.
    solved = ot.solve(_distances(a, b), w, u, reg=blur, reg_type="KL", max_iter=100, tol=1e-5, grad="envelope")
    return solved.value


Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Distance () of a predicted population a (n, d) with log weights (n,) or None, to a measured one b (m, d)."""

LOSSES: dict[str, Callable[[Tensor], Loss]] = {
    "whitened": WhitenedDistance,
    "energy": lambda states: energy_distance,
    "sinkhorn": lambda states: sinkhorn_divergence,
}
"""Name -> what makes the loss of all measured states (cells, d)."""


def require_distance(name: str) -> None:
    """DataError unless the name is a key of LOSSES."""
    if name not in LOSSES:
        raise DataError(f"distance={name!r} is not known.", next_step=f"choose one of {', '.join(LOSSES)}.", field="distance")


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # Not torch.cdist: its gradient at zero distance is not a number on some devices.
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return torch.sqrt(square.clamp_min(0.0) + EPS)

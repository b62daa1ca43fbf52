"""The committor: how likely a cell is to reach one attractor before another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics

LONGEST = 20.0
"""Spans after which a cell that reached neither is given up."""


@torch.no_grad()
def committor(
    dynamics: Dynamics,
    states: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    radius: tuple[float, float] | None = None,
    copies: int = 100,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of states (n, d) to come within ``radius`` of b (d,) before a (d,), and its standard deviation after so many
    futures under a flat prior (of a Beta distribution), both (n,), 0 to 1.

    By simulated futures on the CPU, ``copies`` of each state, growth left out (a dividing cell is still one line of descent).
    radius: around a and b; by default ``core`` of each. NaN where no copy arrived within LONGEST spans.
    """
    near_a, near_b = radius or (core(dynamics, a, b), core(dynamics, b, a))
    places, radii = torch.from_numpy(np.stack([a, b])).float(), torch.tensor([near_a, near_b])

    def reached(z: Tensor) -> Tensor:
        at = torch.stack([(z - place).norm(dim=1) for place in places], 1) <= radii
        return torch.where(at.any(1), at.int().argmax(1), -1)

    arrived = _arrivals(dynamics, states, reached, 2, copies, LONGEST, seed)
    n = arrived.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = arrived[:, 1] / n
        error = np.sqrt((arrived[:, 1] + 1) * (arrived[:, 0] + 1) / ((n + 2) ** 2 * (n + 3)))
    return share, np.where(n > 0, error, np.nan)


@torch.no_grad()
def first_arrivals(
    dynamics: Dynamics, states: np.ndarray, attractors: np.ndarray, copies: int = 100, longest: float = LONGEST, seed: int = 0
) -> np.ndarray:
    """Share of the futures of states (n, d) that come to each attractor (k, d) before any other, (n, k).

    As ``committor``, among all attractors at once; what arrives nowhere within ``longest`` spans counts for none.
    """
    places = torch.from_numpy(np.asarray(attractors, dtype=np.float32))
    apart = torch.cdist(places, places) + torch.diag(torch.full((len(places),), torch.inf))
    nearest = [attractors[int(row.argmin())] for row in apart]
    radii = torch.tensor([core(dynamics, a, b) for a, b in zip(attractors, nearest, strict=True)])

    def reached(z: Tensor) -> Tensor:
        within, at = (torch.cdist(z, places) / radii).min(1)
        return torch.where(within <= 1, at, -1)

    return _arrivals(dynamics, states, reached, len(places), copies, longest, seed) / copies


def _arrivals(
    dynamics: Dynamics,
    states: np.ndarray,
    reached: Callable[[Tensor], Tensor],
    n_places: int,
    copies: int,
    longest: float,
    seed: int,
) -> np.ndarray:
    """How many of the futures of states (n, d) come to each place first, (n, n_places); reached: cells (m, d) -> number of the
    place they are at, -1 for none."""
    z = torch.from_numpy(np.asarray(states, dtype=np.float32))
    steps = dynamics.steps_a_span(z)
    z, owner = z.repeat_interleave(copies, 0), torch.arange(len(states)).repeat_interleave(copies)
    generator = torch.Generator().manual_seed(seed)
    arrived, weight = torch.zeros(len(states) * n_places), torch.zeros(len(z))
    for _ in range(math.ceil(longest * steps)):
        at = reached(z)
        there = at >= 0
        arrived += torch.bincount(owner[there] * n_places + at[there], minlength=len(arrived))
        z, owner, weight = z[~there], owner[~there], weight[~there]
        if not len(z):
            break
        z, weight = dynamics.step(z, weight, 1 / steps, 0.0, torch.randn(z.shape, generator=generator), grow=False)
    return arrived.reshape(len(states), n_places).numpy()


@torch.no_grad()
def core(dynamics: Dynamics, a: np.ndarray, b: np.ndarray) -> float:
    """Radius around attractor a (d,) within which about half of the cells at rest there lie, at most 0.45 of the way to b
    (d,)."""
    hessian = dynamics.potential.hessian(torch.from_numpy(np.asarray(a, dtype=np.float32))[None])[0]
    variance = float(dynamics.diffusion) * float((1 / torch.linalg.eigvalsh(hessian).clamp_min(1e-6)).sum())
    return min(variance**0.5, 0.45 * float(np.linalg.norm(np.asarray(a) - np.asarray(b))))

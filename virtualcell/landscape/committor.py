"""The committor: how likely a cell is to reach one attractor before another."""

from __future__ import annotations

import math

import numpy as np
import torch

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
    places = torch.from_numpy(np.stack([a, b])).float()
    z = torch.from_numpy(np.asarray(states, dtype=np.float32)).repeat_interleave(copies, 0)
    owner = torch.arange(len(states)).repeat_interleave(copies)
    generator = torch.Generator().manual_seed(seed)
    steps = dynamics.steps_a_span(torch.from_numpy(np.asarray(states, dtype=np.float32)))
    arrived = torch.zeros(2, len(states))
    weight = torch.zeros(len(z))
    for _ in range(int(LONGEST * steps)):
        away = torch.stack([(z - place).norm(dim=1) for place in places])
        at_a, at_b = away[0] <= near_a, away[1] <= near_b
        arrived[0] += torch.bincount(owner[at_a], minlength=len(states))
        arrived[1] += torch.bincount(owner[at_b & ~at_a], minlength=len(states))
        going = ~(at_a | at_b)
        z, owner, weight = z[going], owner[going], weight[going]
        if not len(z):
            break
        z, weight = dynamics.step(z, weight, 1 / steps, 0.0, torch.randn(z.shape, generator=generator), grow=False)
    n = arrived.sum(0).numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        share = arrived[1].numpy() / n
        error = np.sqrt((arrived[1].numpy() + 1) * (arrived[0].numpy() + 1) / ((n + 2) ** 2 * (n + 3)))
    return share, np.where(n > 0, error, np.nan)


@torch.no_grad()
def first_arrivals(
    dynamics: Dynamics, states: np.ndarray, attractors: np.ndarray, copies: int = 100, longest: float = LONGEST, seed: int = 0
) -> np.ndarray:
    """Share of the futures of states (n, d) that come to each attractor (k, d) before any other, (n, k).

    As ``committor``, among all attractors at once; what arrives nowhere within ``longest`` spans counts for none.
    """
    n, k = len(states), len(attractors)
    places = torch.from_numpy(np.asarray(attractors, dtype=np.float32))
    apart = torch.cdist(places, places) + torch.diag(torch.full((k,), torch.inf))
    nearest = [attractors[int(row.argmin())] for row in apart]
    radii = torch.tensor([core(dynamics, a, b) for a, b in zip(attractors, nearest, strict=True)])
    z = torch.from_numpy(np.asarray(states, dtype=np.float32)).repeat_interleave(copies, 0)
    owner = torch.arange(n).repeat_interleave(copies)
    generator = torch.Generator().manual_seed(seed)
    steps = dynamics.steps_a_span(torch.from_numpy(np.asarray(states, dtype=np.float32)))
    arrived, weight = torch.zeros(n * k), torch.zeros(len(z))
    for _ in range(math.ceil(longest * steps)):
        within = torch.cdist(z, places) / radii
        at = within.argmin(1)
        there = within.gather(1, at[:, None])[:, 0] <= 1
        arrived += torch.bincount(owner[there] * k + at[there], minlength=n * k)
        z, owner, weight = z[~there], owner[~there], weight[~there]
        if not len(z):
            break
        z, weight = dynamics.step(z, weight, 1 / steps, 0.0, torch.randn(z.shape, generator=generator), grow=False)
    return (arrived.reshape(n, k) / copies).numpy()


@torch.no_grad()
def core(dynamics: Dynamics, a: np.ndarray, b: np.ndarray) -> float:
    """Radius around attractor a (d,) within which about half of the cells at rest there lie, at most 0.45 of the way to b
    (d,)."""
    hessian = dynamics.potential.hessian(torch.from_numpy(np.asarray(a, dtype=np.float32))[None])[0]
    variance = float(dynamics.diffusion) * float((1 / torch.linalg.eigvalsh(hessian).clamp_min(1e-6)).sum())
    return min(variance**0.5, 0.45 * float(np.linalg.norm(np.asarray(a) - np.asarray(b))))

"""Where cells come to rest: minima of the potential and the measured cells that descend into them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from virtualcell.landscape.puddles import NOWHERE, drained
from virtualcell.predictor.potential import Potential
from virtualcell.schema import MIXED, Attractor

MAX_STEPS = 2000
SHORTEST = 1e-4
FOLLOWED = 5000
NEAREST = 30
MIN_BASIN = 0.005
"""A valley with a smaller share of the cells is not named."""

LEANS = 0.97
"""Of the way to the wall: what rests further out leans on it. It was put there by what was fitted to few stray cells."""

MINIMA = 60
"""The largest of them, of two cells or more, are looked at."""


@torch.no_grad()
def descend(
    potential: Potential, z: Tensor, *, plane: Tensor | None = None, steps: int = MAX_STEPS, tolerance: float = 1e-4
) -> Tensor:
    """Follows -grad U downhill from z (cells, d) to rest, each cell with a step of its own that never lets U rise.

    plane: (2, d) orthonormal directions in which z may not move. Steps are far smaller than a basin, so a cell ends in the basin
    that it starts in; without a plane Newton steps finish, to |grad U| below ``tolerance``.
    """

    def slope(z: Tensor) -> Tensor:
        gradient = potential.gradient(z)
        return gradient if plane is None else gradient - gradient @ plane.T @ plane

    ends = z.clone()
    going = torch.arange(len(z), device=z.device)
    height, gradient = potential(z), slope(z)
    step = torch.full_like(height, 0.02)
    for _ in range(steps):
        # A step that had to become so short is one whose fall is lost in rounding; Newton steps go on from there.
        resting = (gradient.norm(dim=1) < 10 * tolerance) | (step < SHORTEST)
        if resting.any():  # only those that still move are followed
            ends[going[resting]] = z[resting]
            on = ~resting
            going, z, height, gradient, step = going[on], z[on], height[on], gradient[on], step[on]
            if not len(going):
                break
        move = -step[:, None] * gradient
        move = move * (0.1 / move.norm(dim=1, keepdim=True).clamp_min(0.1))
        ahead = potential(z + move)
        better = ahead < height
        z = torch.where(better[:, None], z + move, z)
        height = torch.where(better, ahead, height)
        step = torch.where(better, 1.2 * step, 0.5 * step).clamp(1e-6, 10.0)
        gradient = slope(z)
    ends[going] = z
    z = ends
    if plane is not None:
        return z
    for _ in range(20):
        gradient = potential.gradient(z)
        if gradient.norm(dim=1).max() < tolerance:
            break
        values, vectors = torch.linalg.eigh(potential.hessian(z))
        move = -(vectors @ (vectors.mT @ gradient[:, :, None] / values[:, :, None].abs().clamp_min(1e-3)))[:, :, 0]
        # A Newton step longer than a tenth of a latent unit could leave the basin.
        z = z + move * (0.1 / move.norm(dim=1, keepdim=True).clamp_min(0.1))
    return z


@dataclass(frozen=True)
class Valleys:
    """Minima of the potential that hold cells, the fullest first.

    places: (k, d); energy: (k,) in units of D; curvature: (k,) smallest Hessian eigenvalue; n_cells: (k,) cells that were
    counted; basin: (cells,) index of the valley of each cell, -1: none.
    """

    places: np.ndarray
    energy: np.ndarray
    curvature: np.ndarray
    n_cells: np.ndarray
    basin: np.ndarray


def find_valleys(potential: Potential, diffusion: float, states: np.ndarray, follow: np.ndarray | None = None) -> Valleys:
    """Valleys reached from measured cells (n, d), float32, on the CPU (up to 5,000 of them); cells that were not followed have
    that of the nearest one that was.

    A minimum is kept where the gradient vanishes, the Hessian is positive definite, it does not lean on the wall around the
    cells, and more than a ripple holds the cells: those of a puddle count for the valley it runs out into (``puddles``), those of
    a puddle on a ridge for none. With them at least half a percent of the cells must belong to it.
    follow: rows that descend (default: all cells), which are the cells counted.
    """
    rng = np.random.default_rng(0)
    follow = np.arange(len(states)) if follow is None else follow
    rows = np.sort(rng.choice(follow, min(FOLLOWED, len(follow)), replace=False))
    ends = descend(potential, torch.from_numpy(states[rows]))
    with torch.no_grad():
        rest = potential.gradient(ends).norm(dim=1).numpy() < 1e-3
        lowest = torch.linalg.eigvalsh(potential.hessian(ends))[:, 0].numpy()
        energy = (potential(ends) / diffusion).numpy()
        within = potential.within(ends, LEANS).numpy()
    points = ends.numpy()
    settled = np.flatnonzero(rest & (lowest > 0) & within)
    basin = np.full(len(states), -1)
    centres: list[int] = []
    for i in settled[np.argsort(energy[settled], kind="stable")]:
        near = [k for k, c in enumerate(centres) if np.linalg.norm(points[c] - points[i]) < 0.05]
        if not near:
            centres.append(int(i))
        basin[rows[i]] = near[0] if near else len(centres) - 1
    sizes = _sizes(basin, len(centres))
    asked = np.sort(np.argsort(-sizes, kind="stable")[: min(MINIMA, int((sizes > 1).sum()))])
    into = drained(potential, diffusion, points[np.array(centres, dtype=int)[asked]], states[follow])
    valley = np.full(len(centres) + 1, -1)  # the last is that of -1
    valley[asked] = np.where(into == NOWHERE, -1, asked[into])
    basin = valley[basin]
    sizes = _sizes(basin, len(centres))
    kept = [int(k) for k in np.argsort(-sizes, kind="stable") if sizes[k] >= max(2, MIN_BASIN * len(rows))]
    valley[:] = -1
    valley[kept] = np.arange(len(kept))
    basin = valley[basin]
    others = np.setdiff1d(np.arange(len(states)), rows)
    if len(others):
        basin[others] = basin[rows[cKDTree(states[rows]).query(states[others])[1]]]
    at = np.array([centres[k] for k in kept], dtype=int)
    counted = np.rint(sizes[kept] * len(follow) / len(rows)).astype(int)
    return Valleys(points[at], energy[at], lowest[at], counted, basin)


def find_attractors(
    potential: Potential,
    diffusion: float,
    states: np.ndarray,
    labels: np.ndarray,
    plane: np.ndarray,
    origin: np.ndarray,
    follow: np.ndarray | None = None,
) -> tuple[tuple[Attractor, ...], np.ndarray]:
    """``find_valleys`` with names, and the index of the valley of each cell (-1: none).

    labels: (cells,) annotation; a minimum carries the label of most of the 30 cells nearest to it, "mixed" where none holds half
    of them.
    """
    valleys, tree = find_valleys(potential, diffusion, states, follow), cKDTree(states)
    found: list[Attractor] = []
    for k, place in enumerate(valleys.places):
        _, near = tree.query(place, k=min(NEAREST, len(states)))
        names, counts = np.unique(labels[np.atleast_1d(near)].astype(str), return_counts=True)
        purity = float(counts.max() / counts.sum())
        name = str(names[counts.argmax()]) if purity >= 0.5 else MIXED
        used = {attractor.name for attractor in found}
        free = (name if i == 1 else f"{name} ({i})" for i in itertools.count(1))
        found.append(
            Attractor(
                name=next(called for called in free if called not in used),
                state=place,
                xy=(place - origin) @ plane.T,
                energy=float(valleys.energy[k]),
                n_cells=int(valleys.n_cells[k]),
                purity=purity,
                min_curvature=float(valleys.curvature[k]),
            )
        )
    return tuple(found), valleys.basin


def _sizes(basin: np.ndarray, n: int) -> np.ndarray:
    """How many cells each of n basins has, (n,)."""
    return np.bincount(basin[basin >= 0], minlength=n)

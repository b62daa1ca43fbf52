"""The way of least energy between two states, over the lowest pass: the string method with a climbing image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse.csgraph import dijkstra
from sklearn.neighbors import kneighbors_graph
from torch import Tensor

from virtualcell.predictor.potential import Potential
from virtualcell.schema import EnergyPath

IMAGES, STEPS, CLIMB = 41, 1500, 300
TOLERANCE = 1e-3
"""Largest movement of an image, over the spacing of images, at which the string is at rest."""
WAYPOINTS, NEIGHBOURS = 1500, 10


def least_energy_path(
    potential: Potential,
    diffusion: float,
    start: np.ndarray,
    end: np.ndarray,
    cells: np.ndarray | None = None,
    images: int = IMAGES,
) -> EnergyPath:
    """The way from start (d,) to end (d,), both kept where they are, over the lowest pass found, in units of ``diffusion``.

    Images slide down the slope and are spread evenly again after each step (E, Ren & Vanden-Eijnden 2007, J. Chem. Phys. 126,
    eqs. 9-12), from two first ways: the straight line, and, with ``cells`` (n, d), the shortest way over measured cells that
    avoids climbing. At the end the highest image climbs to the saddle, up along the string and down off it (Henkelman et al.
    2000, eq. 5). Raises ValueError for states that are not finite.
    """
    over = () if cells is None else (cells,)
    found = [
        climbed(potential, diffusion, relaxed(potential, way)[-1]) for way in ways(potential, diffusion, start, end, over, images)
    ]
    return min(found, key=lambda path: path.barrier)


def dip(energy: np.ndarray) -> float:
    """How deep a profile (images,) falls between two tops: below the lower one of the two highest on either side."""
    left, right = np.maximum.accumulate(energy), np.maximum.accumulate(energy[::-1])[::-1]
    return float((np.minimum(left, right) - energy).max())


def ways(
    potential: Potential,
    diffusion: float,
    start: np.ndarray,
    end: np.ndarray,
    over: Sequence[np.ndarray],
    images: int = IMAGES,
) -> list[Tensor]:
    """First ways, (images, d) each: the straight line, and one over each cloud of cells that hangs together."""
    ends = np.stack([np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)])
    if not np.isfinite(ends).all():
        raise ValueError("A path needs finite states to start and end at.")
    first = [np.linspace(ends[0], ends[1], images)]
    if np.array_equal(ends[0], ends[1]):
        return [torch.from_numpy(first[0]).float()]
    found = [_over_cells(potential, diffusion, ends, cells, images) for cells in over if len(cells) > 2 * NEIGHBOURS]
    first += [way for way in found if way is not None]
    return [torch.from_numpy(way).float() for way in first]


def as_path(potential: Potential, diffusion: float, string: Tensor, saddle: int | None = None) -> EnergyPath:
    """A string (images, d) with its energies, its highest image as the saddle unless another is named."""
    energy = _energy(potential, string, diffusion)
    return EnergyPath(string.numpy(), energy - energy[0], int(energy.argmax()) if saddle is None else saddle)


def climbed(potential: Potential, diffusion: float, string: Tensor) -> EnergyPath:
    """A string at rest (images, d), its highest image moved to the saddle."""
    return as_path(potential, diffusion, *_climb(potential, string))


@torch.no_grad()
def _energy(potential: Potential, string: Tensor, diffusion: float) -> np.ndarray:
    # U has an arbitrary constant that can be large beside a barrier.
    return potential(string).double().numpy() / diffusion


@torch.no_grad()
def relaxed(potential: Potential, string: Tensor) -> list[Tensor]:
    """The string on its way downhill, step by step, at rest at last."""
    seen = [string]
    if float((string[-1] - string[0]).norm()) == 0:
        return seen
    steepest = float(torch.linalg.matrix_norm(potential.hessian(string)).max())
    rate = 0.3 / max(steepest, 1e-9)
    inner = slice(1, len(string) - 1)
    for _ in range(STEPS):
        before = string
        moved = string.clone()
        spacing = float((string[1:] - string[:-1]).norm(dim=1).mean())
        move = rate * potential.gradient(string)[inner]
        # No image overtakes its neighbour in one step, however steep the wall that it starts in.
        moved[inner] -= move * (0.5 * spacing / move.norm(dim=1, keepdim=True).clamp_min(0.5 * spacing))
        string = _even(moved)
        seen.append(string)
        if float((string - before).norm(dim=1).max()) < TOLERANCE * rate * steepest * spacing:
            break
    return seen


def _even(string: Tensor) -> Tensor:
    """The same curve with images at even distances."""
    along = torch.cat([torch.zeros(1), (string[1:] - string[:-1]).norm(dim=1).cumsum(0)])
    if float(along[-1]) == 0:
        return string
    at = torch.linspace(0, float(along[-1]), len(string))
    after = torch.searchsorted(along, at).clamp(1, len(string) - 1)
    share = ((at - along[after - 1]) / (along[after] - along[after - 1]).clamp_min(1e-12))[:, None].clamp(0, 1)
    even = string[after - 1] + share * (string[after] - string[after - 1])
    even[0], even[-1] = string[0], string[-1]
    return even


@torch.no_grad()
def _climb(potential: Potential, string: Tensor) -> tuple[Tensor, int]:
    """The string with its highest inner image moved to the saddle; an end that is highest stays the top."""
    top = int(potential(string).argmax())
    if top in (0, len(string) - 1):
        return string, top
    string = string.clone()
    tangent = string[top + 1] - string[top - 1]
    tangent = tangent / tangent.norm().clamp_min(1e-12)
    at, spacing = string[top : top + 1].clone(), float((string[top + 1] - string[top]).norm())
    rate = 0.3 / max(float(torch.linalg.matrix_norm(potential.hessian(at)).max()), 1e-9)
    first = at.clone()
    for _ in range(CLIMB):
        gradient = potential.gradient(at)
        at = at - rate * (gradient - 2 * (gradient @ tangent)[:, None] * tangent)
        # A saddle further off than the neighbouring images is another one.
        if float((at - first).norm()) > 2 * spacing:
            return string, top
        if float(gradient.norm()) < 1e-4:
            break
    if float(potential(at)) > float(potential(first)) - 1e-6:
        string[top] = at[0]
    return string, int(potential(string).argmax())


def _over_cells(potential: Potential, diffusion: float, ends: np.ndarray, cells: np.ndarray, images: int) -> np.ndarray | None:
    """The shortest way over measured cells, where a stretch that climbs counts as longer: (images, d); None where they do not
    hang together."""
    some = cells[:: max(1, len(cells) // WAYPOINTS)]
    points = np.concatenate([ends, some])
    graph = kneighbors_graph(points, min(NEIGHBOURS, len(points) - 1), mode="distance")
    graph = graph.maximum(graph.T).tocoo()
    energy = _energy(potential, torch.from_numpy(points).float(), diffusion)
    climb = np.abs(energy[graph.row] - energy[graph.col])
    graph.data = graph.data * np.exp(np.minimum(climb, 20.0))
    _, before = dijkstra(graph.tocsr(), directed=False, indices=0, return_predecessors=True)
    way = [1]
    while way[-1] != 0 and before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    if way[-1] != 0:
        return None
    corners = torch.from_numpy(points[way[::-1]]).float()
    along = torch.cat([torch.zeros(1), (corners[1:] - corners[:-1]).norm(dim=1).cumsum(0)]).numpy()
    at = np.linspace(0, along[-1], images)
    return np.stack([np.interp(at, along, corners[:, j].numpy()) for j in range(corners.shape[1])], 1)

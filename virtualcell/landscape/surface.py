"""The potential over a plane: minimised over every coordinate that is not drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree

from virtualcell.landscape.attractors import LEANS, descend, find_attractors
from virtualcell.landscape.barriers import find_barriers
from virtualcell.landscape.density_map import density_map
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.potential import Potential
from virtualcell.schema import Barrier, DataError, Landscape

METHOD = (
    "Height is the predictor's potential U in units of its diffusion D, at each point of the plane minimised over all latent "
    "coordinates that are not drawn: descent from the nearest measured cells, from their mean and from each attractor, the "
    "lowest end kept that does not lean on the wall around the cells; a lower one may have been missed."
)

RIM = 3
"""Grid points around the supported region that get all starts, too: what is drawn is drawn smoothly up to its edge. Further out,
where nothing is drawn, one start must do."""


def make_landscape(
    dynamics: Dynamics,
    states: np.ndarray,
    labels: np.ndarray,
    plane: np.ndarray,
    origin: np.ndarray,
    axis_names: tuple[str, str],
    resolution: int = 60,
    steps: int = 250,
    follow: np.ndarray | None = None,
    refits: Sequence[Dynamics] = (),
    time: np.ndarray | None = None,
    growth_known: bool = False,
) -> Landscape:
    """Surface, attractors and cells over the plane spanned by the rows of ``plane`` (2, d) through ``origin`` (d,).

    dynamics, refits: on the CPU; states: (cells, d) latent; labels: (cells,) annotation for names; follow: rows of the cells that
    descend (default all). A grid point is supported where a measured cell lies within 2.5 times the distance that 95 % of cells
    keep to their neighbour; pinholes are filled, islands of few cells left out.
    refits, time (cells,), growth_known: for the passes between attractors (``find_barriers``). None without times: nothing was
    seen to go from one valley to another.
    """
    potential, diffusion = dynamics.potential, float(dynamics.diffusion.detach())
    xy = (states - origin) @ plane.T
    low, high = np.quantile(xy, 0.002, axis=0), np.quantile(xy, 0.998, axis=0)
    margin = 0.12 * (high - low)
    x, y = (np.linspace(low[i] - margin[i], high[i] + margin[i], resolution) for i in range(2))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    tree = cKDTree(xy)
    distance, nearest = tree.query(grid, k=min(20, len(xy)))
    apart = tree.query(np.unique(xy, axis=0), k=2)[0][:, 1]
    apart = apart[(apart > 0) & np.isfinite(apart)]
    spacing = np.quantile(apart, 0.95) if len(apart) else 0.0
    supported = _whole(distance[:, 0].reshape(resolution, resolution) < 2.5 * spacing, xy, x, y).ravel()
    hidden = states - origin - xy @ plane
    attractors, basin = find_attractors(potential, diffusion, states, labels, plane, origin, follow)
    barriers: tuple[Barrier, ...] = ()
    if time is not None and len(attractors) > 1:
        places = {a.name: a.state for a in attractors}
        # What a treatment pushed over a pass tells nothing of the untreated landscape.
        rows = np.arange(len(states)) if follow is None else follow
        barriers = find_barriers(dynamics, places, states[rows], time[rows], basin[rows], refits, growth_known)
    if not supported.any() and not attractors:
        raise DataError(
            "All cells lie in one place, which is no landscape.",
            next_step="look whether the encoder has collapsed.",
        )
    for a in attractors:
        supported[np.abs(grid - a.xy).max(1).argsort()[:1]] = True
    # From the cells near, and from what is hidden at each attractor: the surface passes through every minimum that cells reach.
    drawn = ndimage.binary_dilation(supported.reshape(resolution, resolution), iterations=RIM).ravel()
    mean, n_drawn = hidden[nearest].mean(1), int(drawn.sum())
    starts = [hidden[nearest[drawn, 0]]]
    starts += [np.tile(a.state - origin - a.xy @ plane, (n_drawn, 1)) for a in attractors]
    energy, within = _minimise_hidden(potential, grid, mean, plane, origin, steps)
    for start in starts:
        again, there = _minimise_hidden(potential, grid[drawn], start, plane, origin, steps)
        # What leans on the wall is no floor of a valley, however low: next to no cell was measured out there.
        better = (there & ~within[drawn]) | ((there == within[drawn]) & (again < energy[drawn]))
        energy[drawn] = np.where(better, again, energy[drawn])
        within[drawn] |= there
    energy = energy / diffusion
    floor = min([float(energy[supported].min()), *(a.energy for a in attractors)])
    attractors = tuple(dataclasses.replace(a, energy=a.energy - floor) for a in attractors)
    shape = (resolution, resolution)
    return Landscape(
        x.astype(np.float32),
        y.astype(np.float32),
        (energy - floor).reshape(shape).astype(np.float32),
        supported.reshape(shape),
        plane,
        origin,
        xy.astype(np.float32),
        attractors,
        METHOD,
        axis_names,
        barriers,
        density_map(xy, x, y, supported.reshape(shape)),
        basin=basin.astype(np.int16),
    )


def _whole(near: np.ndarray, xy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The region near cells (gy, gx) without pinholes and without islands that hold fewer than one in a hundred cells."""
    holes, n_holes = ndimage.label(ndimage.binary_fill_holes(near) & ~near)
    sizes = np.bincount(holes.ravel(), minlength=n_holes + 1)
    near = near | ((holes > 0) & (sizes[holes] <= 0.01 * near.size))
    islands, n = ndimage.label(near, structure=np.ones((3, 3)))
    column = np.clip(np.searchsorted(x, xy[:, 0]), 0, len(x) - 1)
    row = np.clip(np.searchsorted(y, xy[:, 1]), 0, len(y) - 1)
    cells = np.bincount(islands[row, column], minlength=n + 1)
    keep = np.flatnonzero(cells >= 0.01 * len(xy))
    return np.isin(islands, keep[keep > 0])


@torch.no_grad()
def _minimise_hidden(
    potential: Potential,
    grid: np.ndarray,
    hidden: np.ndarray,
    plane: np.ndarray,
    origin: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Energy where the descent ends, and whether that is among the cells or against the wall around them, both (points,)."""
    p, h = torch.from_numpy(plane).float(), torch.from_numpy(hidden).float()
    fixed = torch.from_numpy(origin + grid @ plane).float()
    if p.shape[1] == 2:
        return potential(fixed).numpy(), np.ones(len(grid), dtype=bool)  # nothing is hidden
    ends = descend(potential, fixed + h, plane=p, steps=steps)
    return potential(ends).numpy(), potential.within(ends, LEANS).numpy()

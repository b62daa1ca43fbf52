"""Passes between attractors: how high, how sure, and whether any cell crossed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from scipy.stats import t as student

from virtualcell.landscape.attractors import descend
from virtualcell.landscape.crossings import least_crossings
from virtualcell.landscape.path import direct_path
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import Barrier, EnergyPath

LEAST_SHARE, LEAST_CELLS = 0.005, 5.0
"""Of all measured cells (and in number) that must have crossed before a height counts as measured."""


def find_barriers(
    dynamics: Dynamics,
    attractors: dict[str, np.ndarray],
    states: np.ndarray,
    time: np.ndarray | None,
    basin: np.ndarray,
    refits: Sequence[Dynamics] = (),
    growth_known: bool = False,
) -> tuple[Barrier, ...]:
    """Both directions of every direct pass between attractors name -> (d,) (``direct_path``).

    states: (cells, d); time: (cells,) or None (then nothing was seen to cross); basin: (cells,) index of the attractor below each
    cell, -1: none; refits: dynamics fitted to resampled cells, for the intervals: Student's t over them around the height.
    growth_known: whether the growth of ``dynamics`` is a fact, so that what divided is not taken for what crossed.
    """
    names = list(attractors)
    potential, diffusion = dynamics.potential, float(dynamics.diffusion.detach())
    paths: dict[tuple[int, int], EnergyPath] = {}
    for i, j in combinations(range(len(names)), 2):
        # A way over the cells of these two valleys alone crosses their common ridge, and slides down it to their own pass.
        over = states[np.isin(basin, (i, j))], states
        path = direct_path(potential, diffusion, attractors[names[i]], attractors[names[j]], over)
        if path is not None:
            paths[i, j] = path
    lengths = np.full((len(names), len(names)), np.inf)
    for i, j in paths:
        lengths[i, j] = lengths[j, i] = 1.0
    crossed = np.zeros((len(names), len(names)))
    if time is not None and len(names) > 1:
        growth = None
        if growth_known:
            with torch.no_grad():
                growth = dynamics.growth(torch.from_numpy(np.asarray(states, dtype=np.float32))).numpy()
        crossed = least_crossings(basin, time, len(names), lengths, growth)
    again = [_heights(refit, attractors, paths, names) for refit in refits]
    enough = max(LEAST_CELLS, LEAST_SHARE * int((basin >= 0).sum()))
    found = []
    for (i, j), path in paths.items():
        for a, b, way in ((i, j, path), (j, i, _turned(path))):
            low, high = _interval(way.barrier, [heights[a, b] for heights in again if (a, b) in heights])
            found.append(
                Barrier(names[a], names[b], way.barrier, low, high, float(crossed[a, b]), bool(crossed[a, b] >= enough), way)
            )
    return tuple(found)


def _heights(
    refit: Dynamics, attractors: dict[str, np.ndarray], paths: dict[tuple[int, int], EnergyPath], names: list[str]
) -> dict[tuple[int, int], float]:
    """The same passes on a landscape fitted again, both directions; a valley that is gone has a pass of no height."""
    places = torch.from_numpy(np.stack(list(attractors.values()))).float()
    rest = descend(refit.potential, places).numpy()
    heights = {}
    for i, j in paths:
        if np.linalg.norm(rest[i] - rest[j]) < 0.05:
            heights[i, j] = heights[j, i] = 0.0
            continue
        path = direct_path(refit.potential, float(refit.diffusion.detach()), rest[i], rest[j], [paths[i, j].states])
        if path is not None:
            heights[i, j], heights[j, i] = path.barrier, path.reverse_barrier
    return heights


def _turned(path: EnergyPath) -> EnergyPath:
    energy = path.energy[::-1]
    return EnergyPath(path.states[::-1].copy(), energy - energy[0], len(energy) - 1 - path.saddle)


def _interval(height: float, again: list[float]) -> tuple[float | None, float | None]:
    if len(again) < 3:
        return None, None
    wide = float(student.ppf(0.975, len(again) - 1) * np.std(again, ddof=1))
    return max(0.0, height - wide), height + wide

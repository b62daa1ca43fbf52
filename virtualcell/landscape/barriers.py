"""Passes between attractors: how high, how sure, and whether any cell crossed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from scipy.stats import t as student

from virtualcell.landscape.attractors import descend, find_valleys
from virtualcell.landscape.committor import first_arrivals
from virtualcell.landscape.crossings import least_crossings
from virtualcell.landscape.direct import direct_path
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import Barrier, EnergyPath

LEAST_SHARE, LEAST_CELLS = 0.05, 5.0
"""Of the population of a time (and in number) that must have crossed before a height counts as measured. Learned chances of
reaching a valley are off by up to .04 on average where the truth is known, and move shares by as much though nobody crossed."""

ASKED = 2000
"""Cells of each time whose arrivals are simulated: their shares are known to 1 % then, and time and memory bounded."""

ARRIVALS = 20
"""Futures of each measured cell, which tell the valleys it belongs to. A share is a mean over hundreds of cells."""


def find_barriers(
    dynamics: Dynamics,
    attractors: dict[str, np.ndarray],
    states: np.ndarray,
    time: np.ndarray | None,
    basin: np.ndarray,
    refits: Sequence[Dynamics] = (),
    growth_known: bool = False,
) -> tuple[Barrier, ...]:
    """Both directions of every direct pass between attractors name -> (d,) (``direct_path``), of untreated cells.

    states: (cells, d); time: (cells,) or None (then nothing was seen to cross); basin: (cells,) index of the attractor below each
    cell in the order of ``attractors``, -1: none; refits: dynamics fitted to resampled cells, for the intervals of passes that
    enough cells crossed: Student's t of their distances from the height, where all of them have the pass. What is wrong in all
    fits alike is not in them.
    growth_known: whether the growth of ``dynamics`` is a fact, so that what divided is not taken for what crossed.
    """
    names = list(attractors)
    places = np.stack(list(attractors.values()))
    paths: dict[tuple[int, int], EnergyPath] = {}
    for i, j in combinations(range(len(names)), 2):
        # A way over the cells of these two valleys alone crosses their common ridge, and slides down it to their own pass.
        over = states[np.isin(basin, (i, j))], states
        path = direct_path(dynamics, places, i, j, over)
        if path is not None:
            paths[i, j] = path
    lengths = np.full((len(names), len(names)), np.inf)
    for i, j in paths:
        lengths[i, j] = lengths[j, i] = 1.0
    share, crossed = np.zeros((2, len(names), len(names)))
    if time is not None and len(names) > 1:
        growth, (rows, stands_for) = None, _some_of_each(time)
        some, time = states[rows], time[rows]
        if growth_known:
            with torch.no_grad():
                growth = dynamics.growth(torch.from_numpy(np.asarray(some, dtype=np.float32))).numpy()
        # Not the valley a cell would slide into without noise: populations that start between valleys and spread change those
        # shares, though no cell went from one valley to another.
        first = first_arrivals(dynamics, some, places, ARRIVALS)
        arrived = first.sum(1, keepdims=True)
        valley = np.divide(first, arrived, out=first, where=arrived > 0)
        share, crossed = least_crossings(valley, time, lengths, growth, stands_for)
    enough = (share >= LEAST_SHARE) & (crossed >= LEAST_CELLS)
    # Refits agree on the height of a pass that nobody crossed, too: it is what they were started from, and no band is given.
    asked = {(i, j): path for (i, j), path in paths.items() if enough[i, j] or enough[j, i]}
    again = [_heights(refit, places, asked) for refit in refits] if asked else []
    found = []
    for (i, j), path in paths.items():
        for a, b, way in ((i, j, path), (j, i, _turned(path))):
            low, high = _interval(way.barrier, [heights.get((a, b)) for heights in again]) if enough[a, b] else (None, None)
            found.append(Barrier(names[a], names[b], way.barrier, low, high, float(crossed[a, b]), bool(enough[a, b]), way))
    return tuple(found)


def any_crossed(dynamics: Dynamics, states: np.ndarray, time: np.ndarray, growth_known: bool) -> bool:
    """Whether enough of the untreated cells (n, d), float32, at times (n,) crossed some pass for its height to be given a band.

    Never without cells, and where the potential has no finite height.
    """
    if not len(states):
        return False
    dynamics = copy.deepcopy(dynamics).cpu()  # some devices have no eigenvalues
    with torch.no_grad():
        if not dynamics.potential(torch.from_numpy(states)).isfinite().all():
            return False
    valleys = find_valleys(dynamics.potential, float(dynamics.diffusion.detach()), states)
    places = {str(k): place for k, place in enumerate(valleys.places)}
    if len(places) < 2:
        return False
    return any(way.identifiable for way in find_barriers(dynamics, places, states, time, valleys.basin, (), growth_known))


def _some_of_each(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of up to ASKED cells of each time, rising, the same at every call, and how many cells each of them stands for."""
    rng = np.random.default_rng(0)
    parts = [np.flatnonzero(time == t) for t in np.unique(time)]
    kept = [rng.choice(part, ASKED, replace=False) if len(part) > ASKED else part for part in parts]
    each = np.concatenate([np.full(len(some), len(part) / len(some)) for some, part in zip(kept, parts, strict=True)])
    rows = np.concatenate(kept)
    order = np.argsort(rows)
    return rows[order], each[order]


def _heights(refit: Dynamics, attractors: np.ndarray, paths: dict[tuple[int, int], EnergyPath]) -> dict[tuple[int, int], float]:
    """The same passes on a landscape fitted again, both directions; a pass that is gone is left out.

    A valley is gone where what starts in it comes to rest nearer to another of the attractors (k, d): its passes have no height.
    """
    rest = descend(refit.potential, torch.from_numpy(attractors).float()).numpy()
    nearest = np.linalg.norm(rest[:, None] - attractors, axis=2).argmin(1)
    kept = [k for k in range(len(rest)) if nearest[k] == k]
    heights = {}
    for i, j in paths:
        if i not in kept or j not in kept:
            heights[i, j] = heights[j, i] = 0.0
            continue
        path = direct_path(refit, rest[kept], kept.index(i), kept.index(j), [paths[i, j].states])
        if path is not None:
            heights[i, j], heights[j, i] = path.barrier, path.reverse_barrier
    return heights


def _turned(path: EnergyPath) -> EnergyPath:
    energy = path.energy[::-1]
    return EnergyPath(path.states[::-1].copy(), energy - energy[0], len(energy) - 1 - path.saddle)


def _interval(height: float, again: list[float | None]) -> tuple[float | None, float | None]:
    """None where there are fewer than three refits, or one in which the pass is no pass: the others would say too much.

    Spread around the height itself, not around the mean of the refits: where all of them agree on another height, such as
    none, it is as unsure as they are far from it.
    """
    seen = [other for other in again if other is not None]
    if len(seen) < max(3, len(again)):
        return None, None
    wide = float(student.ppf(0.975, len(seen)) * np.sqrt(np.mean((np.array(seen) - height) ** 2)))
    return max(0.0, height - wide), height + wide

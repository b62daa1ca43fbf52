"""Whether two valleys have a pass of their own, and how high it is: the lowest way that joins them and no third one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from virtualcell.landscape.committor import first_arrivals
from virtualcell.landscape.path import as_path, climbed, dip, relaxed, ways
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import EnergyPath

DIP = 1.0
"""In D: how far a way may fall between two tops. What is shallower, noise hardly sees."""

PLAIN = 0.05
"""In D: a way that falls less far between its tops has one top, and its two sides are its two ends."""

COPIES = 200
"""Cells let go on top of a way: their shares are known to about .03."""

PATIENCE = 1.0
"""Spans in which they must have come somewhere."""

TRIED = 8
"""Strings of each way, evenly along its way downhill, whose tops are tried, the lowest first."""


def direct_path(
    dynamics: Dynamics, attractors: np.ndarray, start: int, end: int, over: Sequence[np.ndarray] = ()
) -> EnergyPath | None:
    """The lowest way between two of the attractors (k, d), by number, that leads through no third valley; None if there is none.

    From the straight line, and from a first way over each cloud of cells (n, d) in ``over`` (``least_energy_path``). A way at
    rest with one top is a pass. One that falls between two tops, but by no more than DIP, is a pass if of the cells that are let
    go on its top no more come to any other attractor first than to either of its ends. Where every way slides into a third valley
    at last, as it does where a ridge falls off sideways and its saddle is lost in a wrinkle, strings are tried as they slid: the
    lowest that is a pass in this sense is taken, if it is at most DIP higher than the way over the third valley; it is not at
    rest, and its top is no saddle.
    """
    potential, diffusion = dynamics.potential, float(dynamics.diffusion.detach())
    rested: list[EnergyPath] = []
    sliding: list[EnergyPath] = []
    least = np.inf
    for way in ways(potential, diffusion, attractors[start], attractors[end], over):
        courses = relaxed(potential, way)
        last = climbed(potential, diffusion, courses[-1])
        least = min(least, last.barrier)
        if dip(last.energy) <= DIP:
            rested.append(last)
            continue
        shallow = _shallow(dynamics, courses)
        if shallow:
            some = np.unique(np.linspace(0, len(shallow) - 1, TRIED).astype(int))
            sliding += [as_path(potential, diffusion, courses[shallow[i]]) for i in some]
    # Far above the way over the third valley nobody goes.
    sliding = [path for path in sliding if path.barrier <= least + DIP]
    for found, one_top in ((rested, [dip(path.energy) <= PLAIN for path in rested]), (sliding, [False] * len(sliding))):
        if found:
            joins = np.array(one_top)
            if not joins.all():
                joins |= _joins(dynamics, found, attractors, start, end)
            if joins.any():
                return min((path for path, good in zip(found, joins, strict=True) if good), key=lambda path: path.barrier)
    return None


@torch.no_grad()
def _shallow(dynamics: Dynamics, courses: list[torch.Tensor]) -> list[int]:
    """Numbers of the strings that fall between their tops by no more than DIP."""
    strings = torch.stack(courses)
    energy = dynamics.potential(strings.flatten(0, 1)).double().reshape(strings.shape[:2]).numpy()
    energy = energy / float(dynamics.diffusion)
    return [i for i, profile in enumerate(energy) if dip(profile) <= DIP]


def _joins(dynamics: Dynamics, paths: list[EnergyPath], attractors: np.ndarray, start: int, end: int) -> np.ndarray:
    """Whether the top of each way is where cells part for its two ends, and not for a third valley, (paths,)."""
    if len(attractors) < 3:
        return np.ones(len(paths), dtype=bool)
    share = first_arrivals(dynamics, np.stack([path.states[path.saddle] for path in paths]), attractors, COPIES, PATIENCE)
    return np.minimum(share[:, start], share[:, end]) >= np.delete(share, [start, end], axis=1).max(1)

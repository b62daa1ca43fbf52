"""Which minima are valleys, and which are puddles in one: noise carries a cell out of them as if they were not there."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from virtualcell.landscape.path import least_energy_path
from virtualcell.predictor.potential import Potential

SHALLOW = 0.25
"""In D: a minimum whose lowest way out climbs less is a puddle. Learned heights are off by as much, and a cell stays there hardly
longer than on flat ground."""

NEAREST = 6
"""Minima around each that its ways out are looked for to: what runs out runs into a neighbour."""

SAME = 0.05
"""In D: ways out that differ by less are one, over one pass, to valleys nearer and further off."""


def drained(potential: Potential, diffusion: float, places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The minimum each of the minima ``places`` (k, d) belongs to, (k,) numbers: its own where it is a valley, else that of the
    nearest one that its lowest way out leads to.

    The shallowest one runs out first, and what is left is asked again. Ways (``least_energy_path``) also begin over the measured
    cells (n, d).
    """
    k = len(places)
    height = np.full((k, k), np.inf)
    far = np.linalg.norm(places[:, None] - places, axis=2)
    near = far.argsort(1).argsort(1) <= NEAREST
    for i, j in combinations(range(k), 2):
        if not near[i, j] and not near[j, i]:
            continue
        path = least_energy_path(potential, diffusion, places[i], places[j], cells)
        height[i, j], height[j, i] = path.barrier, path.reverse_barrier
    into = np.arange(k)
    while (height < SHALLOW).any():
        lowest = height.min(1)
        puddle = int(lowest.argmin())
        beyond = np.flatnonzero(height[puddle] <= lowest[puddle] + SAME)
        into[into == puddle] = beyond[far[puddle, beyond].argmin()]
        height[puddle] = height[:, puddle] = np.inf
    return into

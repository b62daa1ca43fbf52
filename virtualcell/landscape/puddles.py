"""Which minima are valleys, and which are puddles in one: ripples that noise does not see."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch

from virtualcell.landscape.path import least_energy_path
from virtualcell.predictor.potential import Potential

SHALLOW = 0.25
"""In D: a minimum from which a lower one is reached by climbing less is a puddle; learned heights are off by as much. Judged by
energy alone: how wide a way out is, which also counts for how soon a cell finds it, is left out of account."""

NEAREST = 6
"""Minima around each that ways are looked for to; ways to those further off lead over these."""

NOWHERE = -1


def drained(potential: Potential, diffusion: float, places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The minimum that each of the minima ``places`` (k, d) belongs to, (k,) numbers: its own where it is a valley, the valley
    that it runs out into where it is a puddle, NOWHERE where it is a puddle on a ridge, from which cells go to more than one.

    Minima are told by their persistence (Edelsbrunner, Letscher & Zomorodian 2002, Discrete Comput. Geom. 28, sec. 4): how far
    one must climb to come to a lower one. Ways (``least_energy_path``) also begin over the measured cells (n, d).
    """
    k = len(places)
    with torch.no_grad():
        level = potential(torch.from_numpy(np.asarray(places, dtype=np.float32))).double().numpy() / diffusion
    far = np.linalg.norm(places[:, None] - places, axis=2)
    near = far.argsort(1).argsort(1) <= NEAREST
    top = np.full((k, k), np.inf)
    for i, j in combinations(range(k), 2):
        if near[i, j] or near[j, i]:
            top[i, j] = top[j, i] = level[i] + least_energy_path(potential, diffusion, places[i], places[j], cells).barrier
    for via in range(k):  # a way that leads over others is as high as the highest of its parts
        top = np.minimum(top, np.maximum(top[:, via, None], top[None, via]))
    into = np.arange(k)
    order = np.argsort(level, kind="stable")
    for n, i in enumerate(order):  # the lowest first: what a minimum runs out into is known by then
        beyond = {int(into[j]) for j in order[:n] if top[i, j] - level[i] < SHALLOW}
        if beyond:
            into[i] = beyond.pop() if len(beyond) == 1 else NOWHERE
    return into

"""What a fit, or a rule, answers to the questions that are asked of a known system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.neighbors import KernelDensity

from benchmarks.landscape.truth import Passage
from virtualcell.data.known.system import KnownSystem
from virtualcell.evaluation.grid import Drift, Grid
from virtualcell.predictor.density import Density
from virtualcell.predictor.dynamics import Dynamics

COARSE = 161
LEAST_CELLS = 0.005
"""Minima of a field on a grid count as attractors from this share of the cells on, as in the product."""


@dataclass(frozen=True)
class Answer:
    """What a method says of a system; None where it says nothing.

    attractors: (found, 2) places. barriers: (from, to), by true names -> height in D; a passage that was looked for and not found
    is missing. committor: (asked,) at the cells asked. unidentified: passages that the method itself calls not identifiable;
    identified: all others, those between attractors that are not true ones by number. covariance: (2, 2) at rest. share: of the
    drift that is no gradient. bands: (from, to) -> ends of a barrier's interval, named likewise. said: warnings.
    """

    attractors: np.ndarray
    barriers: dict[Passage, float] | None = None
    committor: np.ndarray | None = None
    unidentified: frozenset[Passage] | None = None
    identified: frozenset[Passage] | None = None
    covariance: np.ndarray | None = None
    share: float | None = None
    said: str = ""
    bands: dict[Passage, tuple[float, float]] | None = None


def nearest(attractors: np.ndarray, system: KnownSystem) -> dict[str, int]:
    """True attractor -> row of the found one nearest to it; empty where none was found."""
    if not len(attractors):
        return {}
    distance = np.linalg.norm(system.places[:, None] - attractors, axis=2)
    return dict(zip(system.attractors, distance.argmin(axis=1).tolist(), strict=True))


def on_grid(drift: Drift, system: KnownSystem, cells: np.ndarray, asked: np.ndarray, fates: Passage | None) -> Answer:
    """Every answer that a drift has, read off a grid: what was learned, whatever way the product finds its own answers.

    cells (n, 2): over which it is asked; asked (m, 2): where committors are. Heights are those of -log p, p the stationary
    density.
    """
    grid = Grid.over(system.box, COARSE)
    density = grid.stationary(drift, system.diffusion)
    with np.errstate(divide="ignore"):
        energy = -np.log(density)
    found = minima(grid, energy, cells)
    return Answer(
        # Noise shifts the minima of -log p away from where a drift that is no gradient comes to rest.
        attractors=settled(drift, found, system.step),
        barriers=passes(grid, energy, found, system),
        committor=_committor(grid, drift, system, fates, asked),
        covariance=np.cov(grid.points.T, aweights=density.ravel(), bias=True),
        share=grid.non_gradient_share(drift, system.diffusion, cells),
    )


def of_density(system: KnownSystem, cells: np.ndarray, asked: np.ndarray, fates: Passage | None) -> Answer:
    """The picture that is often taken for a landscape: -D log density of measured cells (n, 2); committors at asked (m, 2)."""
    grid = Grid.over(system.box, COARSE)
    bandwidth = Density(torch.from_numpy(cells.astype(np.float32))).bandwidth
    log_density = KernelDensity(bandwidth=bandwidth, rtol=1e-4).fit(cells).score_samples(grid.points).reshape(COARSE, COARSE)
    step_x, step_y = grid.steps
    up_y, up_x = np.gradient(log_density, step_y, step_x, edge_order=2)

    def drift(xy: np.ndarray) -> np.ndarray:
        return system.diffusion * np.stack([grid.at(up_x, xy), grid.at(up_y, xy)], axis=1)

    found = minima(grid, -log_density, cells)
    spread = np.exp(log_density - log_density.max())
    return Answer(
        attractors=found,
        barriers=passes(grid, -log_density, found, system),
        committor=_committor(grid, drift, system, fates, asked),
        covariance=np.cov(grid.points.T, aweights=spread.ravel(), bias=True),
        share=0.0,
    )


def learned_drift(dynamics: Dynamics, span: float) -> Drift:
    """The drift of a fit in the system's unit of time, float64."""

    def drift(xy: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return dynamics.drift(torch.from_numpy(xy.astype(np.float32))).double().numpy() / span

    return drift


def minima(grid: Grid, energy: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Places (found, 2) of the minima into which at least half a percent of the cells (n, 2) descend, the fullest first."""
    basins = grid.basins(energy).ravel()
    row, column = (np.rint((cells[:, i] - axis[0]) / (axis[1] - axis[0])).astype(int) for i, axis in ((1, grid.y), (0, grid.x)))
    inside = (row >= 0) & (row < len(grid.y)) & (column >= 0) & (column < len(grid.x))
    ends, counts = np.unique(basins[row[inside] * len(grid.x) + column[inside]], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return grid.points[ends[order][counts[order] >= LEAST_CELLS * len(cells)]]


def settled(drift: Drift, places: np.ndarray, step: float, steps: int = 2000) -> np.ndarray:
    """Where places (n, 2) come to rest without noise, (n, 2)."""
    for _ in range(steps):
        places = places + 4 * step * drift(places)
    return places


def passes(grid: Grid, energy: np.ndarray, found: np.ndarray, system: KnownSystem) -> dict[Passage, float]:
    """Heights between the found minima that stand for true attractors; two that share one minimum have no pass."""
    stand_for = nearest(found, system)
    step = max(grid.steps)
    heights = {}
    for a, b in _pairs(system.attractors):
        if stand_for and stand_for[a] != stand_for[b]:
            try:
                heights[a, b] = grid.lowest_pass(energy, found[stand_for[a]], found[stand_for[b]], step / 2).height
            except ValueError:  # their basins do not touch: the way leads over a third
                continue
    return heights


def _pairs(names: Iterable[str]) -> list[Passage]:
    listed = list(names)
    return [(a, b) for a in listed for b in listed if a != b]


def _committor(grid: Grid, drift: Drift, system: KnownSystem, fates: Passage | None, asked: np.ndarray) -> np.ndarray | None:
    if fates is None:
        return None
    a, b = (system.attractors[name] for name in fates)
    return grid.at(grid.committor(drift, system.diffusion, a, b, system.core), asked)

"""The exact answers of a known system, solved on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from virtualcell.data.known.system import KnownSystem, Snapshots
from virtualcell.evaluation.grid import Grid

FINE = 241
RARE = 0.005
"""A passage that fewer than this share of the sampled cells made was not seen well enough to tell its height."""

MOST_ASKED = 300
"""Cells whose committor is asked: each is answered by simulated futures."""

Passage = tuple[str, str]


@dataclass(frozen=True)
class Truth:
    """What is asked of a system, and the answers; committors are between its last two attractors, the fates."""

    system: KnownSystem

    @cached_property
    def grid(self) -> Grid:
        return Grid.over(self.system.box, FINE)

    @cached_property
    def barriers(self) -> dict[Passage, float]:
        """(from, to) -> height in D of the straight pass: of U, or of -D log p (p stationary) where there is no U."""
        system, grid = self.system, self.grid
        if system.potential is not None:
            energy = system.potential(grid.points).reshape(FINE, FINE) / system.diffusion
        else:
            energy = -np.log(grid.stationary(system.drift, system.diffusion))
        pairs = [(a, b) for a in system.attractors for b in system.attractors if a != b]
        return {
            (a, b): grid.lowest_pass(energy, system.attractors[a], system.attractors[b], system.core).height for a, b in pairs
        }

    @property
    def fates(self) -> Passage | None:
        """The two attractors between which the committor is asked; None where there is one only."""
        names = list(self.system.attractors)
        return (names[-2], names[-1]) if len(names) > 1 else None

    @cached_property
    def _committor(self) -> np.ndarray:
        assert self.fates is not None
        a, b = (self.system.attractors[name] for name in self.fates)
        return self.grid.committor(self.system.drift, self.system.diffusion, a, b, self.system.core)

    def committor(self, places: np.ndarray) -> np.ndarray:
        """Chance of cells at places (n, 2) to reach the second fate before the first, (n,)."""
        return self.grid.at(self._committor, places)

    def between(self, cells: Snapshots) -> np.ndarray:
        """Rows of the measured cells that have not yet arrived at either fate, MOST_ASKED of them evenly."""
        if self.fates is None:
            return np.empty(0, dtype=np.int64)
        distance = [np.linalg.norm(cells.xy - self.system.attractors[name], axis=1) for name in self.fates]
        rows = np.flatnonzero(np.minimum(*distance) > self.system.core)
        return rows[:: max(1, len(rows) // MOST_ASKED)][:MOST_ASKED]

    def share(self, cells: Snapshots) -> float:
        """Of the drift over the measured cells that is not a gradient; 0 where the system has a potential."""
        if self.system.potential is not None:
            return 0.0
        return self.grid.non_gradient_share(self.system.drift, self.system.diffusion, cells.xy)

    def hardly_crossed(self, cells: Snapshots) -> tuple[Passage, ...]:
        """Passages that next to none of the sampled cells made, by their own simulated paths."""
        return tuple(passage for passage, n in cells.crossings.items() if n < RARE * len(cells.xy))

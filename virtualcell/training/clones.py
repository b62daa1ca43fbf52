"""Barcoded sister cells: what the descendants of a clone say of where its cells go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from virtualcell.predictor.distance import energy_score
from virtualcell.predictor.dynamics import Dynamics

CLONE_DRAWS = 8
"""Simulated descendants of each barcoded cell at each step."""


@dataclass(frozen=True)
class Sisters:
    """Cells of one clone at two times.

    rows: (pairs, 2) early, late; gap: (pairs,) spans between; treatment: (pairs,) what the late one was given, None for nothing.
    """

    rows: np.ndarray
    gap: np.ndarray
    treatment: np.ndarray

    @classmethod
    def of(cls, clones: sp.csr_matrix | None, time: np.ndarray | None, treatment: np.ndarray | None, control: str) -> Sisters:
        """All pairs whose early cell was untreated or treated as its late sister; none without barcodes or times."""
        if clones is None or time is None:
            return cls(np.empty((0, 2), np.int64), np.empty(0), np.empty(0, dtype=object))
        together = (clones @ clones.T).tocoo()
        early, late = together.row.astype(np.int64), together.col.astype(np.int64)
        given = np.full(len(time), None, dtype=object)
        if treatment is not None:
            names = treatment.astype(str)
            given[names != control] = names[names != control]
        untreated = np.array([name is None for name in given[early]], dtype=bool)
        keep = (time[early] < time[late]) & (untreated | (given[early] == given[late]))
        rows = np.stack([early[keep], late[keep]], 1)
        return cls(rows, np.round(time[rows[:, 1]] - time[rows[:, 0]], 6), given[rows[:, 1]])

    def __len__(self) -> int:
        return len(self.rows)

    def pushed_by(self, treatments: tuple[str, ...]) -> Sisters:
        """Without those that were given what has no force, as it was measured in one cell alone."""
        known = [name is None or set(name.split("+")) <= set(treatments) for name in self.treatment]
        return self.take(np.flatnonzero(known))

    def take(self, some: np.ndarray) -> Sisters:
        return Sisters(self.rows[some], self.gap[some], self.treatment[some])

    def loss(self, model: Dynamics, states: Tensor, generator: torch.Generator) -> Tensor:
        """Energy score of simulated descendants against a measured descendant of the same clone, (): soft targets, never hard
        pairs."""
        total = torch.zeros((), device=states.device)
        for duration, name in dict.fromkeys(zip(self.gap.tolist(), self.treatment.tolist(), strict=True)):
            some = self.rows[(self.gap == duration) & np.array([own == name for own in self.treatment], dtype=bool)]
            start = states[torch.from_numpy(some[:, 0]).to(states.device)].repeat(CLONE_DRAWS, 1)
            end, _ = model.rollout(start, duration, generator, name)
            seen = states[torch.from_numpy(some[:, 1]).to(states.device)]
            total = total + len(some) * energy_score(end.reshape(CLONE_DRAWS, len(some), -1), seen)
        return total / len(self)

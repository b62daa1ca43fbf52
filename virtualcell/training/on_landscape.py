"""The landscape's own dynamics as a predictor of populations, beside rules and flows."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
import torch

from virtualcell.predictor.population import Population, Snapshots
from virtualcell.schema import PredictorSettings
from virtualcell.training.epochs import Progress
from virtualcell.training.refits import fit_dynamics


class OnLandscape:
    """Cells that roll on the smallest dynamics that do the job (``training.refits.fit_dynamics``); nothing known of growth or D.

    Prefer ``VirtualCell`` for whole cells: this is what it does to their states.
    """

    def __init__(self, settings: PredictorSettings | None = None, name: str = "VirtualCell"):
        # How sure the landscape is of its passes says nothing of where cells go.
        self.settings = dataclasses.replace(settings or PredictorSettings(), refits=0, turning=False)
        self.name = name

    def fit(self, snapshots: Snapshots, seed: int = 0, progress: Progress | None = None) -> Self:
        """Snapshots: time -> (cells, d). ValueError for fewer than two times."""
        times = sorted(snapshots)
        if len(times) < 2:
            raise ValueError("A landscape needs populations of at least two times.")
        self.span = times[-1] - times[0]
        time = np.concatenate([np.full(len(snapshots[t]), (t - times[0]) / self.span) for t in times])
        states = np.concatenate([snapshots[t] for t in times]).astype(np.float32)
        self.dynamics = fit_dynamics(states, self.settings, time=time, seed=seed, progress=progress).dynamics
        return self

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        """Cells start (n, d) at t0, each with one future, weighted by what it has grown to. ValueError unless t1 > t0."""
        if not t1 > t0:
            raise ValueError(f"Times must rise from the start, but {t1:g} is not after {t0:g}.")
        states = torch.from_numpy(np.asarray(start, dtype=np.float32))
        with torch.no_grad():
            ends, log_weight = self.dynamics.rollout(states, (t1 - t0) / self.span, torch.Generator().manual_seed(seed))
        return Population.of(ends.numpy(), (log_weight - log_weight.max()).exp().numpy())

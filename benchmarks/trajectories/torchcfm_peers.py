"""The flow matching of the torchcfm package itself, in its own recipe, where the package is installed (pip install torchcfm)."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.predictor.population import Population, Predictor, Snapshots

MATCHERS = {
    "torchcfm I-CFM": "ConditionalFlowMatcher",
    "torchcfm OT-CFM": "ExactOptimalTransportConditionalFlowMatcher",
}
SIGMA, WIDTH, RATE, DECAY, BATCH, STEPS, EULER = 0.1, 64, 1e-3, 1e-5, 128, 5000, 100
"""Noise, layers, optimiser, batch and integration steps of its single-cell runner (Tong et al. 2024); the steps are ours."""


class TorchCFM:
    """One field in time through all measured populations, every interval drawn at each step."""

    def __init__(self, name: str, steps: int = STEPS):
        self.name, self.steps = name, steps

    def fit(self, snapshots: Snapshots, seed: int = 0) -> Self:
        torchcfm: Any = importlib.import_module("torchcfm")  # optional: benchmarks run without it
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - its plans draw from numpy's global state
        matcher = getattr(torchcfm, MATCHERS[self.name])(sigma=SIGMA)
        self.times = sorted(snapshots)
        cells = [torch.from_numpy(np.asarray(snapshots[t], dtype=np.float32)) for t in self.times]
        d = cells[0].shape[1]
        self.field = nn.Sequential(
            nn.Linear(d + 1, WIDTH), nn.SELU(), nn.Linear(WIDTH, WIDTH), nn.SELU(),
            nn.Linear(WIDTH, WIDTH), nn.SELU(), nn.Linear(WIDTH, d),
        )  # fmt: skip
        optimiser = torch.optim.AdamW(self.field.parameters(), lr=RATE, weight_decay=DECAY)
        for _ in range(self.steps):
            places, wanted = [], []
            for k in range(len(cells) - 1):
                a, b = (x[torch.randint(len(x), (BATCH,))] for x in cells[k : k + 2])
                t, x, velocity = matcher.sample_location_and_conditional_flow(a, b)
                gap = self.times[k + 1] - self.times[k]
                places.append(torch.cat([x, (self.times[k] + gap * t)[:, None]], 1))
                wanted.append(velocity / gap)
            loss = ((self.field(torch.cat(places)) - torch.cat(wanted)) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return self

    @torch.no_grad()
    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        z = torch.from_numpy(np.asarray(start, dtype=np.float32))
        for step in range(EULER):
            t = t0 + (t1 - t0) * step / EULER
            z = z + (t1 - t0) / EULER * self._velocity(z, t)
        return Population.of(z.double().numpy())

    def _velocity(self, z: Tensor, t: float) -> Tensor:
        return self.field(torch.cat([z, torch.full((len(z), 1), t)], 1))


def peers() -> list[Predictor]:
    """Both of the package's, or none where it is not installed."""
    if importlib.util.find_spec("torchcfm") is None:
        return []
    return [TorchCFM(name) for name in MATCHERS]

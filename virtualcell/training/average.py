"""Mean of the parameters over the end of a training."""

from __future__ import annotations

import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics


class Average:
    """Mean of the parameters over the last quarter of training: single steps carry the noise of their rollouts."""

    def __init__(self, model: Dynamics, steps: int):
        self.first, self.n = steps - steps // 4, 0
        self.sums: dict[str, Tensor] = {name: torch.zeros_like(p) for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: Dynamics, step: int) -> None:
        if step >= self.first:
            self.n += 1
            for name, p in model.named_parameters():
                if name in self.sums:
                    self.sums[name] += p

    @torch.no_grad()
    def into(self, model: Dynamics) -> None:
        if self.n:
            for name, p in model.named_parameters():
                if name in self.sums:
                    p.copy_(self.sums[name] / self.n)

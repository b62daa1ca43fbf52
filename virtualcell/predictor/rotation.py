"""The part of the drift that no landscape has: cells that go round without going down."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rotation(nn.Module):
    """R(z), (cells, d) a span: added to the drift, zero at the start of training.

    It is kept at right angles to grad U where it acts (training penalises their product), so that what can be written as a slope
    is (Wang et al. 2008, PNAS 105: the drift is a gradient and a curl flux). Outside the measured cells it is held at its value
    on their rim, as the potential's network is.
    """

    def __init__(self, d: int, width: int = 32):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(d, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.last = nn.Linear(width, d)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, held: Tensor) -> Tensor:
        """held: cells (cells, d) in standard deviations from the centre, drawn back to the rim."""
        return self.last(self.inner(held))


def share_of(gradient: Tensor, rotation: Tensor) -> float:
    """Mean |R|^2 over the mean of |R|^2 + |grad U|^2, 0 to 1: how much of the drift no landscape explains."""
    r, g = (rotation**2).sum(1).mean(), (gradient**2).sum(1).mean()
    return float(r / (r + g).clamp_min(torch.finfo(r.dtype).tiny))

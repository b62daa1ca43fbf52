"""The part of the drift that no landscape has: cells that go round without going down."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rotation(nn.Module):
    """R(z) = A x + b + network(x), (cells, d) a span: added to the drift, zero at the start of training; x: see ``forward``.

    The linear part is the simplest that turns, and carries what was seen on the way over to where populations are at rest, which
    turning does not change; the network, pulled to zero, adds what the linear part cannot say. R is kept to a split in which it
    does not work against the landscape (Wang et al. 2008, PNAS 105: the drift is a gradient and a
    curl flux). Outside the measured cells it is held at its value on their rim, as the potential's network is.
    """

    def __init__(self, d: int, width: int = 32):
        super().__init__()
        self.linear = nn.Linear(d, d)
        self.inner = nn.Sequential(nn.Linear(d, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.last = nn.Linear(width, d)
        for part in (self.linear, self.last):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)

    def curved(self, x: Tensor) -> Tensor:
        """What the network adds, (cells, d)."""
        return self.last(self.inner(x))

    def forward(self, x: Tensor) -> Tensor:
        """x: cells (cells, d) in standard deviations from the centre, drawn back to the rim."""
        return self.linear(x) + self.curved(x)


def share_of(gradient: Tensor, rotation: Tensor) -> float:
    """Mean |R|^2 over the mean of |R|^2 + |grad U|^2, 0 to 1: how much of the drift no landscape explains."""
    r, g = (rotation**2).sum(1).mean(), (gradient**2).sum(1).mean()
    return float(r / (r + g).clamp_min(torch.finfo(r.dtype).tiny))

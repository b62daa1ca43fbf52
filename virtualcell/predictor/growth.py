"""How fast cells divide and die, relative to one another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAX_RATE = 3.0
"""Largest rate a measured span that is learned from transport: a cell becomes at most e^3 = 20 cells."""


class Growth(nn.Module):
    """Growth minus death g(z) of cells (cells, d) -> (cells,), per measured span, between -max_rate and max_rate; starts at zero.

    Snapshots alone cannot tell growth from drift: what is learned follows what is known of growth (rates, sizes of populations),
    or the masses that unbalanced transport gives to the cells of earlier times, and then it is pulled to zero everywhere.
    """

    def __init__(self, d: int, width: int = 16):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(d, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.last = nn.Linear(width, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.register_buffer("max_rate", torch.tensor(MAX_RATE))

    def forward(self, z: Tensor) -> Tensor:
        return self.max_rate * torch.tanh(self.last(self.inner(z)).squeeze(1) / self.max_rate)

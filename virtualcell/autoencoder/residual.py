"""A learned correction that starts at nothing."""

from __future__ import annotations

from torch import Tensor, nn


class Residual(nn.Module):
    """A small network whose last layer starts at zero: at first it changes nothing, and it stays so where nothing is gained."""

    def __init__(self, n_in: int, hidden: int, n_out: int):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(n_in, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.last = nn.Linear(hidden, n_out)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x))

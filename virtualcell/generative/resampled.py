"""The law that needs no shape: a linear map, and around it residuals as they were found in measured cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.generative.frame import Frame

MOST_CELLS = 2_000
SMOOTH = 0.2
"""Standard deviation of what is added to each residual, in units of the residuals' own: no drawn cell repeats one."""
FEWEST = 5
"""Cells that residuals come from, also where the very condition was met in fewer."""


class Resampled(nn.Module):
    """target = intercept + c @ coef + the residual of a measured cell of the same conditions, smoothed.

    A smoothed bootstrap whose variance is kept (Silverman & Young 1987). conditions (n, q): of the cells with residuals (n, d); a
    residual comes from any of the cells whose conditions are nearest to the last q columns of c, so that of a rare state it comes
    from cells of that state, and where nothing is known from all. stands_for (n,): measured cells that each of them stands for.
    smooth (): standard deviation of what is added, in units of the residuals.
    """

    coef: Tensor
    intercept: Tensor
    colour: Tensor
    residuals: Tensor
    conditions: Tensor
    stands_for: Tensor
    smooth: Tensor

    def __init__(self, p: int, d: int, n: int, q: int):
        super().__init__()
        self.register_buffer("coef", torch.zeros(p, d))
        self.register_buffer("intercept", torch.zeros(d))
        self.register_buffer("colour", torch.eye(d))
        self.register_buffer("residuals", torch.zeros(n, d))
        self.register_buffer("conditions", torch.zeros(n, q))
        self.register_buffer("stands_for", torch.ones(n))
        self.register_buffer("smooth", torch.tensor(SMOOTH))

    @classmethod
    def of(cls, frame: Frame, conditions: np.ndarray, chance: np.ndarray, seed: int, smooth: float = SMOOTH) -> Resampled:
        """frame: linear map and residuals (cells, d); conditions (cells, q); of more than 2,000 cells about so many are kept, as
        often as ``chance`` (cells,) says; each then stands for as many as it was unlikely (Horvitz & Thompson 1952)."""
        n, q = conditions.shape
        likely = _likely(chance, min(n, MOST_CELLS))
        rows = np.flatnonzero(np.random.default_rng(seed).random(n) < likely)
        made = cls(frame.coef.shape[0], frame.coef.shape[1], len(rows), q)
        centred = frame.u[rows] - np.average(frame.u[rows], axis=0, weights=1 / likely[rows])
        for name, values in (
            ("coef", frame.coef),
            ("intercept", frame.intercept),
            ("colour", frame.colour),
            ("residuals", centred),
            ("conditions", conditions[rows]),
            ("stands_for", 1 / likely[rows]),
        ):
            getattr(made, name).copy_(torch.from_numpy(values))
        made.smooth.fill_(smooth)
        return made

    def shape(self) -> dict[str, Any]:
        """What the constructor needs."""
        n, q = self.conditions.shape
        return {"p": self.coef.shape[0], "d": self.coef.shape[1], "n": n, "q": q}

    def mean(self, c: Tensor) -> Tensor:
        """The linear map, (cells, d)."""
        return self.intercept + c @ self.coef

    def forward(self, c: Tensor, start: Tensor, lot: Tensor, noise: float, steps: int = 0) -> Tensor:
        """Targets (cells, d) under conditions (cells, p). start: standard normal (cells, d); lot (cells,) in [0, 1): which
        residual; noise: how much of both, 1 as measured; needs no ``steps``."""
        u = noise * (self.residuals[self._like(c, lot)] + self.smooth * start) / (1 + self.smooth**2) ** 0.5
        return self.mean(c) + u @ self.colour

    def _like(self, c: Tensor, lot: Tensor) -> Tensor:
        """Row of the residual for each cell, (cells,)."""
        if not self.conditions.shape[1]:
            return self._one_of(torch.arange(len(self.residuals)), lot)
        asked, place = torch.unique(c[:, c.shape[1] - self.conditions.shape[1] :], dim=0, return_inverse=True)
        found = torch.zeros(len(c), dtype=torch.long)
        for i, row in enumerate(asked):
            away = (self.conditions - row).abs().sum(1)
            mine, near = place == i, away.kthvalue(min(FEWEST, len(away))).values + 1e-4
            found[mine] = self._one_of((away <= near).nonzero()[:, 0], lot[mine])
        return found

    def _one_of(self, rows: Tensor, lot: Tensor) -> Tensor:
        """One of the rows for each lot, as often as measured cells stand behind it."""
        share = self.stands_for[rows].double().cumsum(0)
        return rows[torch.searchsorted(share / share[-1], lot.double(), right=True).clamp_max(len(rows) - 1)]


def _likely(chance: np.ndarray, many: int) -> np.ndarray:
    """Probability (cells,) of each cell to be kept, in proportion to its chance but at most 1, that adds up to ``many``."""
    scale = many / chance.sum()
    for _ in range(50):
        found = np.minimum(1.0, scale * chance)
        scale *= many / found.sum()
    return np.minimum(1.0, scale * chance)

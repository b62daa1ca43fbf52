"""Landscapes written down instead of learned, with the interface of a learned one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from virtualcell.data import three_wells
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.potential import Potential

AXES = np.eye(2, 3, dtype=np.float32)
ORIGIN = np.zeros(3, dtype=np.float32)


class ThreeWells(Potential):
    """The potential of ``virtualcell.data.three_wells``, in the plane."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.places = torch.from_numpy(three_wells.CENTRES).float()
        self.depths, self.widths = (torch.from_numpy(x).float() for x in (three_wells.DEPTHS, three_wells.WIDTHS))

    def _bumps(self, z: Tensor) -> Tensor:
        return self.depths * torch.exp(-((z[:, None] - self.places) ** 2).sum(2) / (2 * self.widths**2))

    def forward(self, z: Tensor) -> Tensor:
        return three_wells.CONFINEMENT / 2 * (z**2).sum(1) - self._bumps(z).sum(1)

    def gradient(self, z: Tensor) -> Tensor:
        pull = (self._bumps(z) / self.widths**2)[:, :, None] * (z[:, None] - self.places)
        return three_wells.CONFINEMENT * z + pull.sum(1)


class Wells(Potential):
    """U = height (x^2 - 1)^2 + tilt x + stiffness |the others|^2 / 2: wells near x = -1 and x = +1."""

    def __init__(self, d: int = 2, height: float = 1.0, tilt: float = 0.0, stiffness: float = 2.0):
        super().__init__(d, 2)
        self.height, self.tilt, self.stiffness = height, tilt, stiffness

    def forward(self, z: Tensor) -> Tensor:
        along = self.height * (z[:, 0] ** 2 - 1) ** 2 + self.tilt * z[:, 0]
        return along + 0.5 * self.stiffness * (z[:, 1:] ** 2).sum(1)

    def gradient(self, z: Tensor) -> Tensor:
        first = 4 * self.height * z[:, :1] * (z[:, :1] ** 2 - 1) + self.tilt
        return torch.cat([first, self.stiffness * z[:, 1:]], 1)

    def at_rest(self) -> np.ndarray:
        """x of the left well, the saddle and the right well."""
        return np.sort(np.roots([4 * self.height, 0, -4 * self.height, self.tilt]).real)

    def along(self, x: np.ndarray) -> np.ndarray:
        """U at x, the others 0."""
        return self.height * (x**2 - 1) ** 2 + self.tilt * x


class Quadratic(Potential):
    """U = (z - centre)' A (z - centre) / 2."""

    def __init__(self, matrix: np.ndarray, centre: np.ndarray):
        super().__init__(len(centre), 2)
        self.matrix = torch.from_numpy(matrix).float()
        self.centre.copy_(torch.from_numpy(centre))

    def forward(self, z: Tensor) -> Tensor:
        away = z - self.centre
        return 0.5 * (away @ self.matrix * away).sum(1)

    def gradient(self, z: Tensor) -> Tensor:
        return (z - self.centre) @ self.matrix


class Flat(Potential):
    """U = 0."""

    def forward(self, z: Tensor) -> Tensor:
        return 0.0 * z.sum(1)

    def gradient(self, z: Tensor) -> Tensor:
        return 0.0 * z


def moving(potential: Potential, diffusion: float, euler_steps: int = 24) -> Dynamics:
    """Cells that move on a potential, neither pushed nor growing."""
    dynamics = Dynamics(len(potential.centre), 2, diffusion, euler_steps=euler_steps)
    dynamics.potential = potential
    return dynamics.eval()


def around_both_wells(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Cells (n, 3) all over ``Wells(3, tilt=0.3)``, and on which side of the pass each is."""
    rng = np.random.default_rng(0)
    states = rng.uniform(-1.6, 1.6, size=(n, 3)).astype(np.float32)
    return states, np.where(states[:, 0] > Wells(3, tilt=0.3).at_rest()[1], "right", "left")

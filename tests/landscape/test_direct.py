"""Passes that two valleys share with no third one, on landscapes where it is known which do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.landscape.samples import Flat, ThreeWells, moving
from virtualcell.data import three_wells
from virtualcell.landscape.attractors import descend
from virtualcell.landscape.direct import DIP, direct_path
from virtualcell.landscape.path import least_energy_path
from virtualcell.predictor.potential import Potential
from virtualcell.schema import EnergyPath

WELLS = {well.name: well for well in three_wells.wells()}
NAMES = list(WELLS)
PLACES = np.stack([WELLS[name].xy for name in NAMES])


class Dented(ThreeWells):
    """Three wells with a dent of an eighth of D where the three ridges meet: the saddle between progenitor and Fate B is lost."""

    DEPTH, WIDTH = 0.02, 0.15

    def _dent(self, z: torch.Tensor) -> torch.Tensor:
        return self.DEPTH * torch.exp(-(z**2).sum(1) / (2 * self.WIDTH**2))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return super().forward(z) - self._dent(z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        return super().gradient(z) + self._dent(z)[:, None] * z / self.WIDTH**2


def deepest(path: EnergyPath) -> float:
    """How far below the lower of two tops the way dips, by looking at every three images."""
    e = path.energy
    n = len(e)
    return max((min(e[i], e[k]) - e[j] for i in range(n) for j in range(i, n) for k in range(j, n)), default=0.0)


def test_a_pass_whose_saddle_is_lost_in_a_wrinkle_is_still_a_pass() -> None:
    start, end = WELLS["Progenitor"].xy, WELLS["Fate B"].xy
    least = least_energy_path(Dented(), three_wells.DIFFUSION, start, end)
    assert deepest(least) > 3, "the way of least energy leads through Fate A"
    path = direct_path(moving(Dented(), three_wells.DIFFUSION), PLACES, NAMES.index("Progenitor"), NAMES.index("Fate B"))
    assert path is not None
    assert deepest(path) <= DIP
    (saddle,) = (s for s in three_wells.saddles() if s.between == ("Progenitor", "Fate B"))
    height = (saddle.energy - WELLS["Progenitor"].energy) / three_wells.DIFFUSION
    assert path.barrier == pytest.approx(height, rel=0.1)
    assert np.linalg.norm(path.states - WELLS["Fate A"].xy, axis=1).min() > 0.7


class Bent(Flat):
    """Valleys at x = -1, 0 and 1, h deep, on a floor that sags by s in the middle: the straight line between the outer two leads
    over the flank of the one between them."""

    def __init__(self, h: float, s: float, w: float, k: float):
        super().__init__(2, 2)
        self.h, self.s, self.w, self.k = h, s, w, k

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x, y = z[:, 0], z[:, 1]
        along = self.h * (0.5 - 0.5 * torch.cos(2 * torch.pi * x)) + 20 * (x.abs() - 1).clamp_min(0) ** 2
        return along + 0.5 * self.k * (y + self.s * torch.exp(-(x**2) / (2 * self.w**2))) ** 2

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            at = z if z.requires_grad else z.detach().requires_grad_()
            slope = torch.autograd.grad(self.forward(at).sum(), at, create_graph=True)[0]
        return slope if z.requires_grad else slope.detach()


@pytest.mark.parametrize(
    ("h", "s", "w", "k"), [(1.7, 0.8, 0.35, 8.0), (2.5, 0.8, 0.35, 8.0), (3.0, 0.8, 0.3, 10.0), (3.8, 0.8, 0.3, 10.0)]
)
def test_a_way_over_the_flank_of_a_third_valley_is_no_pass(h: float, s: float, w: float, k: float) -> None:
    land: Potential = Bent(h, s, w, k)
    places = descend(land, torch.tensor([[-1.0, 0.0], [0.0, -s], [1.0, 0.0]])).numpy()
    dynamics = moving(land, 1.0, euler_steps=200)
    assert direct_path(dynamics, places, 0, 2) is None
    for a, b in ((0, 1), (1, 2)):
        path = direct_path(dynamics, places, a, b)
        assert path is not None
        assert path.barrier == pytest.approx(h, rel=0.02)


def test_a_shallow_valley_is_still_one_that_cells_come_to_first() -> None:
    """Waves .9 D high: a way over two of them dips less than DIP, and yet cells on its top come to the middle first."""

    class Waves(Flat):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return 0.45 - 0.45 * torch.cos(2 * torch.pi * z[:, 0]) + 4 * z[:, 1] ** 2

        def gradient(self, z: torch.Tensor) -> torch.Tensor:
            return torch.stack([0.9 * torch.pi * torch.sin(2 * torch.pi * z[:, 0]), 8 * z[:, 1]], 1)

    places = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert direct_path(moving(Waves(2, 2), 1.0, euler_steps=100), places, 0, 2) is None

"""What holds a predictor besides the populations: a start near their density, a wall where no cell is, a split that turns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from virtualcell.predictor.density import Density
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import PredictorSettings
from virtualcell.training.priors import along, off_manifold, warm_start


@pytest.fixture
def cells() -> Tensor:
    """Two valleys and eight cells on the pass between them."""
    rng = np.random.default_rng(0)
    x = np.concatenate([np.repeat([-2.0, 2.0], 300), np.linspace(-1.0, 1.0, 8)])
    spread = np.concatenate([np.full(600, 0.4), np.zeros(8)])
    return torch.from_numpy(np.stack([x, 0 * x], 1) + spread[:, None] * rng.normal(size=(608, 2))).float()


class Landscape(torch.nn.Module):
    """A potential whose slope is known."""

    def __init__(self, slope: object):
        super().__init__()
        self.potential, self.gradient, self.diffusion = self, slope, torch.tensor(0.5)


def pulled(slope: object, cells: Tensor) -> float:
    return float(off_manifold(Landscape(slope), Density(cells), torch.Generator().manual_seed(0)))  # type: ignore[arg-type]


def test_only_a_landscape_that_does_not_rise_from_the_cells_is_pulled(cells: Tensor) -> None:
    density = Density(cells)
    assert pulled(lambda z: -0.5 * density.score(z, cells), cells) < 1e-6, "-D log density itself"
    assert pulled(lambda z: -0.3 * density.score(z, cells), cells) < 1e-6, "and a little more than half of it"
    flat, falling = pulled(torch.zeros_like, cells), pulled(lambda z: 0.5 * density.score(z, cells), cells)
    assert 0.1 < flat < falling


def test_what_goes_on_among_the_cells_is_their_own_affair(cells: Tensor) -> None:
    """However the landscape lies where cells were measured, the eight on the pass included, nothing is pulled there."""
    density = Density(cells)

    def holes(z: Tensor) -> Tensor:
        inside = (density.log(z) >= density.empty)[:, None]
        return torch.where(inside, 100 * density.score(z, cells), -0.5 * density.score(z, cells))

    assert pulled(holes, cells) < 1e-6
    assert (density.log(cells) >= density.empty - 1e-4).all(), "no cell lies where there are none"
    assert (density.log(torch.tensor([[0.0, 2.0], [6.0, 0.0]])) < density.empty).all()


def test_the_start_is_minus_d_log_density(cells: Tensor) -> None:
    torch.manual_seed(0)
    model, density, said = Dynamics(2, 48, 0.5), Density(cells), []
    settings = PredictorSettings(warm_steps=400)
    warm_start(model, density, settings, torch.Generator().manual_seed(0), said, None)
    at, score = density.sample(400, torch.Generator().manual_seed(1))
    near = density.log(at) >= density.rim
    with torch.no_grad():
        found = model.potential.gradient(at)[near]
    agreement = torch.cosine_similarity(found.flatten(), -(0.5 * score)[near].flatten(), dim=0)
    assert agreement > 0.9
    assert said[-1]["warm"] < 0.3 * said[0]["warm"]


def test_a_rotation_along_the_slope_is_pulled_and_one_across_it_is_not(cells: Tensor) -> None:
    """On a round parabola: turning keeps its population at rest, going uphill does not."""
    torch.manual_seed(0)
    states = 0.5 * torch.randn(400, 2)

    def with_rotation(matrix: list[list[float]]) -> float:
        model = Dynamics(2, 48, 0.25, rotation=True)
        model.potential.enclose(states, 0.25, 1.0)
        model.potential.gradient = lambda z: z  # type: ignore[method-assign]
        assert model.rotation is not None
        with torch.no_grad():
            model.rotation.linear.weight.copy_(torch.tensor(matrix))
        return float(along(model, states, np.random.default_rng(0)).detach())

    across, uphill = with_rotation([[0.0, -0.3], [0.3, 0.0]]), with_rotation([[0.3, 0.0], [0.0, 0.3]])
    assert uphill > 3 * across

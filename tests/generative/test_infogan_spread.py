"""How far cells with the same codes spread, where it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.generative.test_infogan import QUICK, fitted, planted
from virtualcell.generative.infogan import fit_codes
from virtualcell.generative.infogan_objective import unlike_spread
from virtualcell.generative.infogan_spread import spread_of_measured, spread_ratio


def test_drawn_cells_with_the_same_codes_spread_as_measured_ones_do() -> None:
    codes, states = fitted(), planted(1000, seed=3)[0]
    assert 0.75 < spread_ratio(codes, states) < 1.25
    assert codes.record["spread_at_codes"] == pytest.approx(spread_ratio(codes, planted()[0]))


def test_cells_without_noise_are_copies() -> None:
    codes, states = fitted(), planted(1000, seed=3)[0]
    still = replace(codes, generator=_Still(codes.generator))
    assert spread_ratio(still, states) < 0.01


def test_the_spread_of_measured_cells_is_that_of_their_noise() -> None:
    """Of planted cells of a group and a factor it is 0.3 in each coordinate, and what the code leaves open of the factor."""
    states, group, _ = planted(2000, seed=4)
    codes = fitted()
    category = int(codes.read(states[group == 0])[0].argmax(1)[0])
    variance, cells = spread_of_measured(codes, states, category, np.zeros(1))
    assert 50 < cells < 1000
    np.testing.assert_allclose(variance[:2], 0.09, atol=0.03)
    assert variance[2] < 0.2 * states[group == 0, 2].var()


def test_a_cell_by_itself_has_no_spread() -> None:
    variance, cells = spread_of_measured(fitted(), planted()[0][:1], 0, np.zeros(1))
    assert cells == 1
    assert (variance == 0).all()
    assert np.isnan(spread_ratio(fitted(), planted()[0][:1], n_codes=3))


def test_as_many_codes_as_coordinates_are_not_chosen() -> None:
    """They would leave nothing to chance: a cell on a plane is where two codes put it."""
    short = replace(QUICK, steps=5, short_steps=5, warm_steps=5, starts=1, hidden=16)
    for d, wanted in ((1, 1), (2, 1), (3, 2)):
        assert fit_codes(planted(200)[0][:, :d], n_categories=2, settings=short).n_continuous == wanted


def test_spreads_that_differ_cost_what_their_second_moments_differ_by() -> None:
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(50, 3, generator=rng), 2 * torch.randn(50, 3, generator=rng)
    assert float(unlike_spread(x, x)) == 0
    of_x, of_y = (np.mean([np.outer(row, row) for row in part.numpy()], axis=0) for part in (x, y))
    assert float(unlike_spread(x, y)) == pytest.approx(((of_y - of_x) ** 2).sum() / (of_x**2).sum(), rel=1e-4)


class _Still(torch.nn.Module):
    """A generator that leaves out the noise."""

    def __init__(self, generator: torch.nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, noise: torch.Tensor, category: torch.Tensor, continuous: torch.Tensor) -> torch.Tensor:
        return self.generator(torch.zeros_like(noise), category, continuous)  # type: ignore[no-any-return]

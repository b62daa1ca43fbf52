"""Draws that are too narrow or too wide are stretched until their intervals hold what they say; good ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.generative.samples import QUICK, linear_gaussian
from virtualcell.generative.laws import Ground, Law
from virtualcell.generative.mixture import Form
from virtualcell.generative.sampler import Sampler
from virtualcell.generative.spread import COVERAGE, spread_factors


def sampler(*spread: float) -> Sampler:
    """The right law of ``linear_gaussian``, by closed form, each of its two dimensions drawn so many times as wide as it is."""
    law = Ground.of(linear_gaussian(1500, 0), np.ones((1, 3)), 0).member(Law(Form(1)), QUICK.network, 0)
    made = Sampler([law], torch.ones(1), 3).eval()
    made.spread.copy_(torch.tensor(spread))
    return made


def inside(of: Sampler, seed: int) -> np.ndarray:
    """Share of new cells within the central 90 % of their draws, of each dimension."""
    new = linear_gaussian(2000, seed)
    low, high = np.quantile(of.draw(new.given, 200, seed=seed), [0.05, 0.95], axis=0)
    return ((new.target >= low) & (new.target <= high)).mean(0)


def test_good_draws_are_left_exactly_as_they_are() -> None:
    factors, share = spread_factors([sampler(1, 1)], [linear_gaussian(1000, 7)], 0)
    np.testing.assert_array_equal(factors, [1, 1])
    assert share == pytest.approx(COVERAGE, abs=0.02)


@pytest.mark.parametrize("width", [0.5, 1.8])
def test_coverage_is_put_right(width: float) -> None:
    found = sampler(width, width)
    assert (np.abs(inside(found, 8) - COVERAGE) > 0.07).all()
    factors, share = spread_factors([found], [linear_gaussian(4000, 7)], 0)
    assert share == pytest.approx(inside(found, 8).mean(), abs=0.03)
    np.testing.assert_allclose(factors * width, 1, atol=0.08)
    found.spread.mul_(torch.from_numpy(factors))
    np.testing.assert_allclose(inside(found, 8), COVERAGE, atol=0.025)


def test_each_dimension_has_its_own_factor_where_cells_are_many() -> None:
    (narrow, good), _ = spread_factors([sampler(0.5, 1)], [linear_gaussian(1000, 7)], 0)
    assert narrow == pytest.approx(2, rel=0.1)
    assert good == pytest.approx(1, rel=0.08)


def test_few_cells_have_one_factor_for_nearly_all_dimensions() -> None:
    """A single dimension's ratio among few cells is mostly chance."""
    many, few = (spread_factors([sampler(0.5, 1)], [linear_gaussian(n, 7)], 0)[0] for n in (1000, 20))
    assert 1 < few[0] / few[1] < 0.8 * many[0] / many[1]


def test_folds_judge_together() -> None:
    """Half of the cells by draws that are too narrow and half by good ones: the factor lies between those of each."""
    halves = [linear_gaussian(500, seed) for seed in (7, 9)]
    narrow, both = (spread_factors([sampler(0.4, 0.4), sampler(w, w)], halves, 0)[0] for w in (0.4, 1))
    assert (both > 1.1).all()
    assert (both < 0.9 * narrow).all()

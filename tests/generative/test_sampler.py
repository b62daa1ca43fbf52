"""Draws of a condition whose distribution is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.generative.samples import COVARIANCE, QUICK, SLOPE, bimodal, examples, linear_gaussian
from virtualcell.generative.fit_sampler import fit_sampler
from virtualcell.generative.laws import Ground, Law
from virtualcell.generative.mixture import Form
from virtualcell.generative.sampler import Sampler
from virtualcell.schema import DataError

PATTERNS = [np.ones(0, dtype=np.float32)]


@pytest.fixture(scope="module")
def linear() -> Sampler:
    return fit_sampler(linear_gaussian(1500, 0), PATTERNS, seed=0, settings=QUICK).sampler


@pytest.fixture(scope="module")
def two_modes() -> Sampler:
    return fit_sampler(bimodal(1000, 0), PATTERNS, seed=0, settings=QUICK).sampler


def test_mean_and_covariance_of_draws_are_those_of_the_conditional(linear: Sampler) -> None:
    condition = np.array([[0.5, -1.0, 0.3], [-1.0, 0.0, 0.8]], dtype=np.float32)
    drawn = linear.draw(condition, 4000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), 1 + condition @ SLOPE, atol=0.1)
    for cell in range(2):
        np.testing.assert_allclose(np.cov(drawn[:, cell].T), COVARIANCE, atol=0.08)


def test_intervals_hold_what_they_say_on_new_cells(linear: Sampler) -> None:
    new = linear_gaussian(1000, 7)
    low, high = np.quantile(linear.draw(new.given, 200, seed=0), [0.05, 0.95], axis=0)
    inside = ((new.target >= low) & (new.target <= high)).mean(0)
    assert (np.abs(inside - 0.9) < 0.04).all()


def test_draws_hit_both_modes_where_the_mean_lies_between(two_modes: Sampler) -> None:
    condition = np.zeros((1, 2), dtype=np.float32)
    assert abs(two_modes.mean(condition)[0, 0]) < 0.5  # a value that no cell has
    drawn = two_modes.draw(condition, 2000, seed=1)[:, 0, 0]
    assert (np.abs(drawn) < 1).mean() < 0.05
    assert 0.35 < (drawn > 0).mean() < 0.65
    assert np.abs(drawn[drawn > 0]).mean() == pytest.approx(2, abs=0.2)
    record = two_modes.record
    gaussian = next(each for each in record["tried"] if each["law"] == "one Gaussian")
    assert record["score"] < gaussian["score"] < record["score_of_mean"]
    assert record["distance"] < gaussian["distance"]
    assert "one Gaussian" not in record["blend"]


def test_noise_is_a_knob_and_the_seed_a_seed(linear: Sampler) -> None:
    condition = np.array([[0.5, -1.0, 0.3]], dtype=np.float32)
    still = linear.draw(condition, 5, noise=0.0, seed=3)
    np.testing.assert_array_equal(still, np.broadcast_to(linear.draw(condition, 1, noise=0.0, seed=9), still.shape))
    np.testing.assert_allclose(still[0], linear.mean(condition), atol=0.15)
    half, one, two = (linear.draw(condition, 500, noise=noise, seed=3).std(0).mean() for noise in (0.5, 1.0, 2.0))
    assert half == pytest.approx(0.5 * one, rel=0.15)
    assert two == pytest.approx(2 * one, rel=0.15)
    np.testing.assert_array_equal(linear.draw(condition, 3, seed=4), linear.draw(condition, 3, seed=4))
    assert not np.array_equal(linear.draw(condition, 3, seed=4), linear.draw(condition, 3, seed=5))
    for noise in (-0.1, 2.1, float("nan")):
        with pytest.raises(DataError, match="0 to 2"):
            linear.draw(condition, 1, noise=noise)


def test_a_little_noise_is_near_to_none_whatever_the_laws(two_modes: Sampler) -> None:
    condition = bimodal(30, 8).given
    none, little, more = (two_modes.draw(condition, 200, noise=noise, seed=3) for noise in (0.0, 0.02, 1.0))
    np.testing.assert_allclose(none, np.broadcast_to(two_modes.mean(condition), none.shape), atol=1e-5)
    assert np.abs(little - none).max() < 0.1
    assert np.abs(more - none).max() > 2


def test_a_joint_law_follows_what_is_known_beside_the_embedding() -> None:
    rng = np.random.default_rng(0)
    kind, x = rng.integers(2, size=800), rng.normal(size=(800, 2))
    target = np.stack([3.0 * kind + 0.2 * x[:, 0], x[:, 1]], 1) + 0.3 * rng.normal(size=(800, 2))
    given = np.eye(2)[kind]
    settings = replace(QUICK, forms=(Form(1), Form(4, "tied", joint=True, plain=True)), kinds=())
    cells, masks = examples(x, target, given), np.array([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    law = Ground.of(cells, masks, 0).member(Law(settings.forms[1]), settings.network, 0)
    asked = np.concatenate([np.repeat(x[:100], 2, 0), np.tile(np.eye(2), (100, 1))], 1)
    drawn = Sampler([law], torch.ones(1), 2).draw(asked, 50, seed=1)[:, :, 0].mean(0)
    assert drawn[1::2].mean() - drawn[::2].mean() == pytest.approx(3, abs=0.4)  # "what if" of the same embedding
    unknown = Sampler([law], torch.ones(1), 2).draw(np.c_[x, np.zeros((800, 2))], 5, seed=1)[..., 0]
    assert (unknown > 1.5).mean() == pytest.approx(kind.mean(), abs=0.12)


def test_what_looks_like_nothing_measured_is_drawn_widely(linear: Sampler) -> None:
    usual = linear_gaussian(200, 5).given
    nonsense = 12 * np.sign(np.random.default_rng(0).normal(size=(50, 3)))
    near, far = (linear.draw(c, 200, seed=0).std(0).mean() for c in (usual, nonsense))
    assert far > 2 * near  # as wide as all cells together, and more
    # and not where a straight line through the cells would end
    population = linear_gaussian(500, 8).target
    assert np.abs(linear.draw(nonsense, 50, seed=0).mean(0) - population.mean(0)).max() < 1.5 * population.std(0).max()
    # while of conditions like those measured next to none are taken for nonsense
    centred = linear.draw(usual, 100, seed=0).mean(0) - (1 + usual @ SLOPE)
    assert np.abs(centred).max() < 0.6


def test_few_cells_are_judged_in_turn_and_the_blend_is_no_worse_than_its_laws() -> None:
    sampler = fit_sampler(bimodal(200, 4), PATTERNS, seed=1, settings=QUICK).sampler
    assert sampler.record["choosing_cells"] == 200
    losses = {each["law"]: each["score"] + each["distance"] for each in sampler.record["tried"]}
    assert sampler.record["score"] + sampler.record["distance"] <= min(losses.values()) + 1e-6
    assert sum(sampler.record["blend"].values()) == pytest.approx(1, abs=0.01)


def test_the_same_seed_gives_the_same_sampler_and_it_survives_its_state(linear: Sampler) -> None:
    again = fit_sampler(linear_gaussian(1500, 0), PATTERNS, seed=0, settings=QUICK).sampler
    kept = Sampler.empty(linear.shape())
    kept.load_state_dict(linear.state_dict())
    condition = linear_gaussian(20, 3).given
    for other in (again, kept):
        np.testing.assert_array_equal(linear.draw(condition, 3, seed=1), other.draw(condition, 3, seed=1))

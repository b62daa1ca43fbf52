"""Weighted populations of cell states."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.evaluation.metrics import wasserstein1
from virtualcell.predictor.population import Population, mixture, neighbours


def test_a_draw_has_every_cell_as_often_as_its_weight() -> None:
    states = np.arange(5.0)[:, None]
    weights = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    drawn = Population.of(states, weights).draw(100, seed=1)[:, 0]
    counts = np.bincount(drawn.astype(int), minlength=5)
    assert np.abs(counts - 100 * weights).max() <= 1
    assert counts[0] == 0
    np.testing.assert_array_equal(drawn, Population.of(states, 7 * weights).draw(100, seed=1)[:, 0])


def test_equal_weights_draw_each_cell_once() -> None:
    drawn = Population.of(np.arange(12.0)[:, None]).draw(12, seed=3)
    np.testing.assert_array_equal(np.sort(drawn[:, 0]), np.arange(12))


def test_even_cells_stand_as_often_as_their_weights_and_lie_closer_than_drawn_ones() -> None:
    states = np.random.default_rng(0).normal(size=(1500, 3))
    population = Population.of(states, np.exp(states[:, 0]))
    given = population.even(400, seed=1)
    often = (given[:, None] == states[None]).all(2).sum(0)
    assert often.sum() == 400, "only cells of the population"
    assert np.abs(often - 400 * population.weights).max() <= 1
    drawn, even = (
        np.mean([wasserstein1(states, cells, population.weights) for cells in of_seeds])
        for of_seeds in ([population.draw(400, s) for s in range(3)], [population.even(400, s) for s in range(3)])
    )
    assert even < 0.95 * drawn


def test_even_cells_have_every_share_without_bias() -> None:
    states = np.arange(4.0)[:, None]
    population = Population.of(states, np.array([0.1, 0.2, 0.3, 0.4]))
    means = [population.even(3, seed).mean() for seed in range(600)]
    assert np.mean(means) == pytest.approx(2.0, abs=0.05)
    np.testing.assert_array_equal(np.sort(Population.of(states).even(4, 0)[:, 0]), states[:, 0])


def test_a_mixture_keeps_shares_and_mean() -> None:
    low, high = Population.of(np.zeros((3, 2))), Population.of(np.ones((2, 2)), np.array([1.0, 3.0]))
    mixed = mixture([low, high], np.array([0.25, 0.75]))
    np.testing.assert_allclose(mixed.mean, [0.75, 0.75])
    np.testing.assert_allclose(mixed.weights, [1 / 12] * 3 + [0.75 / 4, 0.75 * 3 / 4])
    assert len(mixture([low, high], np.array([1.0, 0.0])).states) == 3


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        Population.of(np.zeros((2, 1)), np.array(weights))


def test_neighbours_of_a_time() -> None:
    assert neighbours([0.0, 1.0, 3.0], 2.0) == (1.0, 3.0)
    assert neighbours([0.0, 1.0, 3.0], 3.0) == (1.0, 3.0)
    assert neighbours([0.0, 1.0, 3.0], 4.0) == (3.0, None)
    with pytest.raises(ValueError, match="not after"):
        neighbours([0.0, 1.0], 0.0)

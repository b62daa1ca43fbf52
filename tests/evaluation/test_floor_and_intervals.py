"""The noise floor and the intervals, against laws whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.intervals import half_sample_interval, seed_interval, share_interval
from virtualcell.evaluation.metrics import energy_distance, wasserstein1


def test_floor_is_what_two_fresh_samples_of_half_the_size_differ_by():
    rng = np.random.default_rng(0)
    floor = split_half(rng.normal(size=(200, 3)), n_splits=20, seed=0)
    fresh = [wasserstein1(rng.normal(size=(100, 3)), rng.normal(size=(100, 3))) for _ in range(20)]
    assert floor.shape == (20,)
    assert floor.mean() == pytest.approx(np.mean(fresh), rel=0.1)
    assert abs(split_half(rng.normal(size=(200, 3)), 20, 0, energy_distance).mean()) < 0.02


def test_floor_halves_are_disjoint_and_follow_the_seed():
    cells, seen = np.arange(11.0)[:, None], []
    split_half(cells, 5, 1, lambda a, b: seen.append((set(a[:, 0]), set(b[:, 0]))) or 0.0)
    assert all(len(a) == len(b) == 5 and not a & b for a, b in seen)
    np.testing.assert_array_equal(split_half(cells, 5, 1), split_half(cells, 5, 1))
    assert not np.array_equal(split_half(cells, 5, 1), split_half(cells, 5, 2))
    with pytest.raises(ValueError, match="at least 4 cells"):
        split_half(cells[:3])


def test_intervals_of_a_mean_are_as_wide_as_theory_says():
    cells = np.random.default_rng(1).normal(5, 2, 200)
    found = half_sample_interval(np.mean, cells, n_resamples=2000, seed=0)
    reach = stats.norm.ppf(0.975) * cells.std(ddof=1) / np.sqrt(200)
    assert found.value == pytest.approx(cells.mean())
    assert found.low == pytest.approx(cells.mean() - reach, abs=0.05)
    assert found.high == pytest.approx(cells.mean() + reach, abs=0.05)
    assert half_sample_interval(np.mean, cells, n_resamples=500, level=0.5).high < found.high


def test_intervals_of_a_difference_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    inside = 0
    for seed in range(200):
        a, b = rng.exponential(1.0, 60), rng.normal(3.0, 1.0, 40)
        found = half_sample_interval(lambda x, y: y.mean() - x.mean(), a, b, n_resamples=200, seed=seed)
        inside += found.low <= 2.0 <= found.high
    assert 0.89 <= inside / 200 <= 0.99


def test_the_interval_of_a_distance_is_as_wide_as_fresh_cells_move_it():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    halves = half_sample_interval(wasserstein1, a, b, n_resamples=40)
    assert halves.low < halves.value < halves.high
    fresh = [wasserstein1(rng.normal(size=(60, 3)), rng.normal(size=(60, 3))) for _ in range(60)]
    assert (halves.high - halves.low) / 2 / 1.96 == pytest.approx(np.std(fresh), rel=0.6)


def test_seed_interval_is_students():
    values = [0.71, 0.75, 0.74]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    found = seed_interval(values)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high))
    for wrong in ([0.7], [0.7, float("nan")]):
        with pytest.raises(ValueError, match="at least two finite values"):
            seed_interval(wrong)


def test_share_interval_is_wilsons():
    share, low, high = share_interval(np.array([0, 3, 20]), 20)
    for count, *found in zip((0, 3, 20), share, low, high, strict=True):
        wanted = stats.binomtest(count, 20).proportion_ci(0.95, "wilson")
        np.testing.assert_allclose(found, [count / 20, wanted.low, wanted.high], atol=1e-12)


def test_intervals_need_cells():
    with pytest.raises(ValueError, match="at least 4 cells"):
        half_sample_interval(np.mean, np.ones(3))
    with pytest.raises(ValueError, match="at least 4 cells"):
        half_sample_interval(np.mean)

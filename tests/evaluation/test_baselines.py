"""The simple predictions where the answer is known: Gaussians, equal sizes, the two ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from virtualcell.evaluation.baselines import mccann, mean_shift, no_change, union
from virtualcell.evaluation.metrics import energy_distance, wasserstein1

BASELINES = {"no change": no_change, "mean shift": mean_shift, "union of neighbours": union, "linear transport": mccann}


def gaussians(n: int = 400, m: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal([0, 0], [1.0, 0.5], (n, 2)), rng.normal([4, -2], [0.5, 1.5], (m, 2))


@pytest.mark.parametrize("name", list(BASELINES))
def test_all_share_one_interface_and_start_at_the_start(name):
    start, end = gaussians(30, 20)
    before = start.copy(), end.copy()
    predicted = BASELINES[name](start, end, 0.0, 3)
    assert predicted.shape == start.shape
    assert wasserstein1(predicted, start) == pytest.approx(0, abs=1e-12)
    assert BASELINES[name](start, end, 0.5, 3).shape[1] == 2
    np.testing.assert_array_equal(BASELINES[name](start, end, 0.4, 3), BASELINES[name](start, end, 0.4, 3))
    np.testing.assert_array_equal(start, before[0])
    np.testing.assert_array_equal(end, before[1])


@pytest.mark.parametrize("name", ["union of neighbours", "linear transport"])
def test_those_that_know_the_end_arrive_there(name):
    start, end = gaussians(40, 40)
    assert wasserstein1(BASELINES[name](start, end, 1.0, 0), end) == pytest.approx(0, abs=1e-9)
    assert wasserstein1(no_change(start, end, 1.0), end) > 3


def test_mccann_of_gaussians_is_the_gaussian_between():
    # Axis-parallel Gaussians: the one between has interpolated means and standard deviations (Peyre & Cuturi, remark 2.31).
    for u in (0.25, 0.5, 0.75):
        predicted = mccann(*gaussians(), u)
        np.testing.assert_allclose(predicted.mean(0), [4 * u, -2 * u], atol=0.15)
        np.testing.assert_allclose(predicted.std(0), [1 - 0.5 * u, 0.5 + u], atol=0.15)


def test_mccann_with_equal_sizes_is_the_best_pairing():
    start, end = gaussians(25, 25)
    rows, partners = linear_sum_assignment(((start[:, None] - end[None]) ** 2).sum(2))
    np.testing.assert_allclose(mccann(start, end, 0.3), 0.7 * start[rows] + 0.3 * end[partners], atol=1e-12)


def test_mccann_moves_at_constant_speed():
    # Along a geodesic of W2 each cell goes u of its own way, so the mean squared step is u^2 times the whole cost.
    start, end = gaussians(25, 25)
    whole = ((mccann(start, end, 1.0) - start) ** 2).sum(1).mean()
    assert ((mccann(start, end, 0.4) - start) ** 2).sum(1).mean() == pytest.approx(0.16 * whole)


def test_mccann_with_different_sizes_draws_partners_by_their_share():
    # Two start cells, four end cells: each start cell has two partners with half of its mass each, drawn equally often.
    start, end = np.array([[0.0], [10.0]]), np.array([[-1.0], [1.0], [9.0], [11.0]])
    drawn = np.array([mccann(start, end, 1.0, seed)[:, 0] for seed in range(400)])
    assert set(drawn[:, 0]) == {-1.0, 1.0}
    assert set(drawn[:, 1]) == {9.0, 11.0}
    assert abs((drawn[:, 0] == 1).mean() - 0.5) < 0.1
    assert abs((drawn[:, 1] == 11).mean() - 0.5) < 0.1


def test_mccann_beats_no_change_and_union_where_a_population_moves():
    rng = np.random.default_rng(4)
    start, middle, end = (rng.normal([x, 0], 0.5, (150, 2)) for x in (0, 2, 4))
    scores = {name: energy_distance(predict(start, end, 0.5, 0), middle) for name, predict in BASELINES.items()}
    assert scores["linear transport"] < 0.1 < scores["union of neighbours"] < scores["no change"]
    assert scores["mean shift"] < 0.1


def test_mean_shift_has_the_mean_between_and_the_shape_of_the_start():
    start, end = gaussians()
    predicted = mean_shift(start, end, 0.5)
    np.testing.assert_allclose(predicted.mean(0), (start.mean(0) + end.mean(0)) / 2, atol=1e-12)
    np.testing.assert_allclose(np.cov(predicted.T), np.cov(start.T), atol=1e-12)
    np.testing.assert_allclose(mean_shift(start, end, 2.0).mean(0), 2 * end.mean(0) - start.mean(0), atol=1e-12)


@pytest.mark.parametrize(
    ("u", "expected"), [(0.5, (60, 60)), (0.25, (100, 33)), (0.75, (20, 60)), (0.0, (100, 0)), (1.0, (0, 60))]
)
def test_union_takes_cells_by_their_share_and_none_twice(u, expected):
    start, end = np.zeros((100, 1)) + np.arange(100)[:, None], 1000.0 + np.arange(60)[:, None]
    taken = union(start, end, u)
    assert ((taken < 1000).sum(), (taken >= 1000).sum()) == expected
    assert len(np.unique(taken)) == len(taken)


def test_wrong_shares_are_refused():
    start, end = gaussians(5, 5)
    for predict in BASELINES.values():
        with pytest.raises(ValueError, match="share of the way"):
            predict(start, end, -0.1, 0)
    with pytest.raises(ValueError, match="beyond the end"):
        union(start, end, 1.5)

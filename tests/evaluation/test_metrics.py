"""Each distance computed another way, and what must not change it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from virtualcell.evaluation.metrics import energy_distance, mmd, pearson_delta, rmse, wasserstein1

NUMBERS = st.floats(-50, 50, allow_nan=False, width=32)
CLOUDS = st.integers(2, 9).flatmap(lambda n: arrays(np.float64, (n, 3), elements=NUMBERS))
DISTANCES = [wasserstein1, energy_distance]


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean([np.sqrt(((x - y) ** 2).sum()) for x in a for y in b]))


@given(
    arrays(np.float64, st.integers(1, 20), elements=NUMBERS), arrays(np.float64, st.integers(1, 20), elements=NUMBERS), st.data()
)
def test_wasserstein_in_one_dimension_is_the_area_between_the_distribution_functions(a, b, data):
    weights = data.draw(arrays(np.float64, len(a), elements=st.floats(0.01, 5)))
    assert wasserstein1(a[:, None], b[:, None]) == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-6)
    weighted = stats.wasserstein_distance(a, b, u_weights=weights)
    assert wasserstein1(a[:, None], b[:, None], weights) == pytest.approx(weighted, abs=1e-6)


def test_wasserstein_is_the_best_of_all_pairings():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 4)), rng.normal(1, 2, size=(6, 4))
    best = min(np.mean([np.linalg.norm(a[i] - b[j]) for i, j in enumerate(order)]) for order in itertools.permutations(range(6)))
    assert wasserstein1(a, b) == pytest.approx(best, rel=1e-9)


def test_energy_distance_by_a_double_loop():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(7, 3)), rng.normal(0.5, 1, size=(11, 3))
    inside = [np.mean([np.linalg.norm(x[i] - x[j]) for i, j in itertools.permutations(range(len(x)), 2)]) for x in (a, b)]
    assert energy_distance(a, b) == pytest.approx(2 * mean_distance(a, b) - sum(inside), rel=1e-9)


def test_energy_distance_of_gaussians_has_its_closed_form():
    # In 1-D, E|X - Y| of N(m, 1) and N(0, 1) is that of a folded normal with mean m and variance 2.
    rng, shift = np.random.default_rng(2), 1.5
    folded = stats.foldnorm(shift / np.sqrt(2), scale=np.sqrt(2)).mean()
    truth = 2 * folded - 2 * 2 / np.sqrt(np.pi)
    found = [energy_distance(rng.normal(shift, 1, (200, 1)), rng.normal(size=(200, 1))) for _ in range(40)]
    assert np.mean(found) == pytest.approx(truth, abs=4 * np.std(found) / np.sqrt(40))


def test_energy_distance_of_equal_laws_is_zero_on_average_and_sometimes_negative():
    rng = np.random.default_rng(3)
    found = np.array([energy_distance(rng.normal(size=(15, 2)), rng.normal(size=(25, 2))) for _ in range(400)])
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(400)
    assert found.min() < 0
    # The same with weights that do not depend on the cells: still unbiased, although they are far from even.
    weights = rng.exponential(size=15)
    found = np.array([energy_distance(rng.normal(size=(15, 2)), rng.normal(size=(25, 2)), weights) for _ in range(400)])
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(400)


def test_whole_number_weights_are_repeated_cells_for_wasserstein():
    rng = np.random.default_rng(4)
    a, b, times = rng.normal(size=(8, 3)), rng.normal(size=(12, 3)), rng.integers(1, 4, 8)
    assert wasserstein1(a, b, times) == pytest.approx(wasserstein1(np.repeat(a, times, axis=0), b), rel=1e-9)


@pytest.mark.parametrize("metric", [wasserstein1, energy_distance, mmd])
def test_a_weight_of_zero_leaves_the_cell_out(metric):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(9, 3)), rng.normal(size=(8, 3))
    weights = np.array([1.0] * 7 + [0.0] * 2)
    assert metric(a, b, weights) == pytest.approx(metric(a[:7], b), rel=1e-9)


@given(CLOUDS, CLOUDS, st.floats(0.1, 10), arrays(np.float64, 3, elements=NUMBERS), st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_follow_the_geometry(metric, a, b, scale, shift, seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    value = metric(a, b)
    tolerance = 1e-6 * (1 + abs(value)) * max(1, scale)
    assert metric(b, a) == pytest.approx(value, abs=tolerance)
    assert metric(rng.permutation(a), rng.permutation(b)) == pytest.approx(value, abs=tolerance)
    assert metric(a @ rotation + shift, b @ rotation + shift) == pytest.approx(value, abs=1e-4 + tolerance)
    assert metric(scale * a, scale * b) == pytest.approx(scale * value, abs=tolerance)


@given(CLOUDS, CLOUDS, CLOUDS)
def test_wasserstein_is_a_metric(a, b, c):
    assert wasserstein1(a, a) == pytest.approx(0, abs=1e-9)
    assert wasserstein1(a, c) <= wasserstein1(a, b) + wasserstein1(b, c) + 1e-6
    assert wasserstein1(a, b) >= np.linalg.norm(a.mean(0) - b.mean(0)) - 1e-6  # no transport is shorter than that of the means


@given(CLOUDS, arrays(np.float64, 3, elements=NUMBERS))
def test_wasserstein_of_a_shifted_cloud_is_the_length_of_the_shift(a, shift):
    assert wasserstein1(a, a + shift) == pytest.approx(np.linalg.norm(shift), abs=1e-6)


def test_mmd_by_a_double_loop_and_zero_for_equal_laws():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(6, 2)), rng.normal(0.7, 1, size=(7, 2))
    scale = np.median([((x - y) ** 2).sum() for x, y in itertools.permutations(b, 2)])

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return sum(np.exp(-((x - y) ** 2).sum() / (scale * 2.0**k)) for k in range(-2, 3)) / 5

    inside = sum(np.mean([kernel(x, y) for x, y in itertools.permutations(cloud, 2)]) for cloud in (a, b))
    assert mmd(a, b) == pytest.approx(inside - 2 * np.mean([kernel(x, y) for x in a for y in b]), rel=1e-9)
    found = np.array([mmd(rng.normal(size=(20, 2)), rng.normal(size=(20, 2))) for _ in range(300)])
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(300)


def test_pearson_delta_against_scipy():
    rng = np.random.default_rng(7)
    reference, measured, predicted = rng.normal(size=(3, 40))
    assert pearson_delta(predicted, measured, reference) == pytest.approx(
        stats.pearsonr(predicted - reference, measured - reference).statistic
    )
    top = sorted(range(40), key=lambda g: -abs(measured[g] - reference[g]))[:10]
    expected = stats.pearsonr((predicted - reference)[top], (measured - reference)[top]).statistic
    assert pearson_delta(predicted, measured, reference, top=10) == pytest.approx(expected)


@given(arrays(np.float64, (2, 12), elements=NUMBERS), st.floats(0.1, 10))
def test_pearson_delta_knows_neither_size_nor_offset(values, size):
    reference, measured = values
    change = measured - reference
    if change.std() < 1e-3:
        return
    assert pearson_delta(reference + size * change + 3, measured, reference) == pytest.approx(1, abs=1e-6)
    assert pearson_delta(reference - size * change, measured, reference) == pytest.approx(-1, abs=1e-6)
    assert pearson_delta(reference, measured, reference) == 0.0


def test_rmse():
    assert rmse(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [3.0, 0.0]])) == pytest.approx(np.sqrt((4 + 16) / 4))


@pytest.mark.parametrize("metric", [wasserstein1, energy_distance, mmd])
def test_populations_that_cannot_be_compared_are_refused(metric):
    good = np.random.default_rng(8).normal(size=(5, 3))
    with pytest.raises(ValueError, match="has 2 features and b has 3"):
        metric(good[:, :2], good)
    with pytest.raises(ValueError, match="a has no cells"):
        metric(good[:0], good)
    with pytest.raises(ValueError, match="b holds values that are not numbers"):
        metric(good, np.where(np.arange(15).reshape(5, 3) == 7, np.nan, good))
    with pytest.raises(ValueError, match="cells x features"):
        metric(good[0], good)
    for wrong in (np.ones(4), np.array([1, 1, 1, 1, -1.0]), np.zeros(5)):
        with pytest.raises(ValueError, match="weights must be 5 numbers"):
            metric(good, good, wrong)


def test_one_cell_has_no_pairs():
    cells = np.random.default_rng(9).normal(size=(5, 3))
    with pytest.raises(ValueError, match="at least two cells"):
        energy_distance(cells[:1], cells)
    with pytest.raises(ValueError, match="at least two cells"):
        energy_distance(cells, cells, np.array([1.0, 0, 0, 0, 0]))

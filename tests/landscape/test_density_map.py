"""The density map against the closed form of a Gaussian population."""

from __future__ import annotations

import numpy as np

from virtualcell.landscape.density_map import density_map

X, Y = np.linspace(-4, 4, 33), np.linspace(-3, 5, 41)


def test_of_gaussian_cells_it_is_a_bowl_of_their_covariance() -> None:
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(20_000, 2)) * [1.2, 0.8] + [0.4, 1.0]
    at = np.stack(np.meshgrid(X, Y), -1)
    near = (((at - [0.4, 1.0]) / [1.2, 0.8]) ** 2).sum(-1) < 4
    found = density_map(xy, X, Y, near)
    assert found.shape == (41, 33)
    assert found.dtype == np.float32
    # Scott's kernels have n^(-1/6) of the cells' own spread: they widen the variance by n^(-1/3).
    variance = np.array([1.2, 0.8]) ** 2 * (1 + 20_000 ** (-1 / 3))
    expected = (((at - [0.4, 1.0]) ** 2) / (2 * variance)).sum(-1)
    # Up to a constant: which place is the fullest is a matter of chance.
    away = found[near] - expected[near]
    np.testing.assert_allclose(away, np.median(away), atol=0.12)
    assert np.nanmin(found) == 0
    np.testing.assert_array_equal(np.isnan(found), ~near)


def test_rows_are_y_and_the_fullest_place_is_the_lowest() -> None:
    rng = np.random.default_rng(1)
    xy = np.concatenate([[2.0, -1.0] + 0.3 * rng.normal(size=(9000, 2)), [-2.0, 3.0] + 0.3 * rng.normal(size=(3000, 2))])
    found = density_map(xy, X, Y, np.ones((41, 33), dtype=bool))
    row, column = np.unravel_index(found.argmin(), found.shape)
    np.testing.assert_allclose([X[column], Y[row]], [2, -1], atol=0.3)
    # A third as many cells: ln 3 higher.
    first, second = (found[y == Y, x == X].item() for x, y in ((2, -1), (-2, 3)))
    assert abs(second - first - np.log(3)) < 0.1

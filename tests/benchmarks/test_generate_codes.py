"""How codes are paired with factors."""

from __future__ import annotations

import numpy as np

from benchmarks.generate.codes import correlations, matched
from benchmarks.generate.codes_drawn import nearest


def test_each_factor_gets_a_code_of_its_own() -> None:
    rng = np.random.default_rng(0)
    factors = rng.random((500, 2))
    codes = np.stack([-(factors[:, 1] ** 3), np.exp(factors[:, 0])], axis=1)  # swapped, bent and turned around
    rho = correlations(codes, factors)
    np.testing.assert_allclose(np.diag(rho[:, ::-1]), 1)
    np.testing.assert_allclose(matched(rho), 1)


def test_two_codes_of_one_factor_do_not_count_twice() -> None:
    rng = np.random.default_rng(1)
    factors = rng.random((500, 2))
    rho = correlations(factors[:, [0, 0]], factors)
    assert matched(rho).min() < 0.2
    assert (correlations(np.zeros((500, 2)), factors) == 0).all()


def test_the_nearest_is_of_the_same_group() -> None:
    rng = np.random.default_rng(2)
    group, places = rng.integers(0, 3, 60), rng.random((60, 2))
    group[0] = 7
    found = nearest(group, places)
    assert found[0] == 0, "alone"
    for i in range(1, 60):
        others = [j for j in range(60) if j != i and group[j] == group[i]]
        assert found[i] == min(others, key=lambda j: np.linalg.norm(places[j] - places[i]))

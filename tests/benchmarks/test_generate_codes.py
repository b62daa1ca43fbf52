"""How codes are paired with factors."""

from __future__ import annotations

import numpy as np

from benchmarks.generate.codes import correlations, matched


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

"""Places of measured values in their likelihoods: dependence and spread are found, and drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.generative.residuals import MOST_FEATURES, Residuals

N = 1500


def normal(generator: np.random.Generator, n: int = N) -> np.ndarray:
    return generator.standard_normal((n, 2)) * 3


def test_dependence_that_the_likelihood_does_not_know_is_drawn_again() -> None:
    measured = np.random.default_rng(0).multivariate_normal([0, 0], [[9, 7.2], [7.2, 9]], N)
    found = Residuals.fit(normal, measured)
    assert found is not None
    drawn = found.draw(normal, np.random.default_rng(1))
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.8, abs=0.05)
    np.testing.assert_allclose(drawn.std(0), 3, rtol=0.08)


def test_a_likelihood_that_is_too_wide_and_off_is_put_right() -> None:
    measured = 1 + np.random.default_rng(2).standard_normal((N, 2))
    found = Residuals.fit(normal, measured)
    assert found is not None
    drawn = found.draw(normal, np.random.default_rng(3))
    np.testing.assert_allclose(drawn.std(0), 1, rtol=0.15)
    np.testing.assert_allclose(drawn.mean(0), 1, atol=0.15)


def test_counts_of_a_right_likelihood_stay_draws_of_it() -> None:
    def poisson(generator: np.random.Generator) -> np.ndarray:
        return generator.poisson([0.2, 4.0], (N, 2))

    found = Residuals.fit(poisson, poisson(np.random.default_rng(4)))
    assert found is not None
    drawn = found.draw(poisson, np.random.default_rng(5))
    np.testing.assert_allclose(drawn.mean(0), [0.2, 4.0], rtol=0.15)
    np.testing.assert_allclose(drawn.var(0), [0.2, 4.0], rtol=0.2)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1


def test_too_few_cells_or_too_many_features_say_nothing() -> None:
    assert Residuals.fit(lambda g: normal(g, 20), np.zeros((20, 2))) is None
    assert Residuals.fit(lambda g: np.zeros((N, MOST_FEATURES + 1)), np.zeros((N, MOST_FEATURES + 1))) is None

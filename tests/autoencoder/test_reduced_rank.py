"""Reduced-rank regression against least squares, ridge, and an oracle that knows the answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import lstsq

from virtualcell.autoencoder.reduced_rank import ReducedRank, reduced_rank

INPUTS, FEATURES, RANK = 20, 600, 3


def problem(seed: int, strength: float, n: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs with unequal, correlated spread, true mean response, noisy response, and the noise's precision by feature."""
    rng = np.random.default_rng(seed)
    x = 2.0 + rng.normal(size=(n, INPUTS)) * np.linspace(3, 0.3, INPUTS) @ np.linalg.qr(rng.normal(size=(INPUTS, INPUTS)))[0]
    sd = np.exp(0.5 * rng.normal(size=FEATURES))
    white = (x - x.mean(0)) / x.std(0)
    truth = white @ rng.normal(size=(INPUTS, RANK)) / np.sqrt(INPUTS) * np.array([1.0, 0.7, 0.5])
    truth = strength * truth @ rng.normal(size=(RANK, FEATURES)) * sd
    return x, truth - truth.mean(0), truth + 5.0 + sd * rng.normal(size=truth.shape), 1 / sd**2


def excess(found: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """Mean squared error of a prediction beside the true mean, in units of the noise's variance."""
    return float((weight * (found - truth) ** 2).mean())


def test_unrelated_inputs_have_rank_zero() -> None:
    ranks = [reduced_rank(x, y, w, seed).rank for seed in range(20) for x, _, y, w in [problem(seed, 0.0)]]
    assert sum(rank == 0 for rank in ranks) >= 18


def test_noise_that_features_share_is_not_taken_for_a_relation() -> None:
    ranks = []
    for seed in range(10):
        x, _, _, w = problem(seed, 0.0)
        rng = np.random.default_rng(100 + seed)
        y = rng.normal(size=(len(x), 4)) @ rng.normal(size=(4, FEATURES)) + rng.normal(size=(len(x), FEATURES))
        ranks.append(reduced_rank(x, y, np.ones_like(w), seed).rank)
    assert sum(rank == 0 for rank in ranks) >= 9


@pytest.mark.parametrize("strength", [0.05, 0.3, 2.0])
def test_a_low_rank_relation_is_found_nearly_as_well_as_by_an_oracle(strength: float) -> None:
    for seed in range(3):
        x, truth, y, w = problem(seed, strength)
        found = reduced_rank(x, y, w, seed)
        # The oracle knows the truth and chooses the best singular values for the singular vectors that the data give.
        q = np.linalg.svd(x - x.mean(0), full_matrices=False)[0]
        u, _, vt = np.linalg.svd(q.T @ y * np.sqrt(w), full_matrices=False)
        best = np.einsum("ik,ij,kj->k", u, q.T @ truth * np.sqrt(w), vt)
        oracle = q @ (u * best) @ vt / np.sqrt(w)
        assert excess(found.predict(x), truth, w) <= 1.1 * excess(oracle, truth, w)
        assert found.rank <= RANK


def test_it_beats_the_best_ridge_where_many_features_follow_few_directions() -> None:
    x, truth, y, w = problem(0, 0.5)
    centred, response = x - x.mean(0), y - y.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    ridge = min(
        excess(u * (s**2 / (s**2 + alpha)) @ (u.T @ response), truth, w) for alpha in np.logspace(-3, 7, 41)
    )  # the strength is chosen with knowledge of the truth
    assert excess(reduced_rank(x, y, w, 0).predict(x), truth, w) < 0.6 * ridge


def test_new_cells_are_predicted_as_well_as_old_ones() -> None:
    x, truth, y, w = problem(1, 0.6, n=1600)
    found = reduced_rank(x[:800], y[:800], w, 0)
    shift = truth[:800].mean(0)
    assert excess(found.predict(x[800:]), truth[800:] - shift, w) < 1.3 * excess(found.predict(x[:800]), truth[:800] - shift, w)


def test_without_noise_it_is_least_squares() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(200, 6)) + 1.0, np.exp(rng.normal(size=9))
    y = x @ rng.normal(size=(6, 9)) * np.array([1e3, 1, 1, 1, 1, 1, 1, 1, 1e-2]) + 7.0
    found = reduced_rank(x, y, w, 0)
    expected = lstsq(np.column_stack([x, np.ones(200)]), y)[0][:-1]
    np.testing.assert_allclose(found.left @ found.right, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.predict(x), y - y.mean(0), rtol=1e-6, atol=1e-6)


def test_one_response_or_one_input_will_do() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = x[:, :1] + 0.5 * rng.normal(size=(300, 1))
    alone: ReducedRank = reduced_rank(x, y, np.array([4.0]), 0)
    assert alone.rank == 1
    assert np.corrcoef(alone.predict(x)[:, 0], x[:, 0])[0, 1] > 0.98
    assert reduced_rank(x[:, :1], y, np.array([4.0]), 0).rank == 1


def test_collinear_inputs_and_features_without_weight() -> None:
    x, _, y, w = problem(0, 1.0)
    w = np.where(np.arange(FEATURES) % 2 == 0, w, 0.0)
    twice = reduced_rank(np.column_stack([x, x[:, :3]]), y, w, 0)
    once = reduced_rank(x, y, w, 0)
    np.testing.assert_allclose(twice.predict(np.column_stack([x, x[:, :3]])), once.predict(x), atol=1e-6)
    assert (once.right[:, 1::2] == 0).all()


def test_what_cannot_be_measured_is_refused() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 12)), rng.normal(size=(10, 4))
    with pytest.raises(ValueError, match="too few"):
        reduced_rank(x, y, np.ones(4), 0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 4))
    y[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        reduced_rank(x, y, np.ones(4), 0)

"""Scores of drawn cells against closed forms, and the mixture and the classifier on laws that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from virtualcell.evaluation.generated import (
    conditional_energy_distance,
    covariance_error,
    coverage,
    energy_score,
    nearer_share,
    nearest_ratio,
    randomised_pit,
)
from virtualcell.evaluation.mixture import ConditionalMixture
from virtualcell.evaluation.two_sample import classifier_auroc

RNG = np.random.default_rng


def test_energy_score_in_one_dimension_is_the_crps_of_a_normal() -> None:
    y = np.array([[-1.0], [0.0], [2.0]])
    draws = RNG(0).standard_normal((4000, 3, 1))
    z = y[:, 0]
    crps = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(energy_score(draws, y), crps, atol=0.03)


def test_no_law_scores_better_than_the_true_one() -> None:
    rng = RNG(1)
    y = rng.standard_normal((3000, 2))
    score = {s: energy_score(s * rng.standard_normal((20, 3000, 2)), y).mean() for s in (0.5, 1.0, 2.0)}
    assert score[1.0] < min(score[0.5], score[2.0])
    # A point prediction scores its distance, the mean of a Rayleigh variable.
    assert energy_score(np.zeros((1, 3000, 2)), y).mean() == pytest.approx(np.sqrt(np.pi / 2), rel=0.03)


def test_conditional_distance_is_zero_on_average_for_the_true_law_and_sees_a_draw_that_ignores_its_condition() -> None:
    right, blind = [], []
    for seed in range(40):
        rng = RNG(seed)
        x = rng.standard_normal((150, 2))
        y, drawn = x + 0.3 * rng.standard_normal((150, 2)), x + 0.3 * rng.standard_normal((150, 2))
        right.append(conditional_energy_distance(drawn, y, x))
        blind.append(conditional_energy_distance(rng.permutation(drawn), y, x))
    assert abs(np.mean(right)) < 3 * np.std(right) / np.sqrt(40)
    assert np.min(blind) > np.max(right)
    with pytest.raises(ValueError, match="same cells"):
        conditional_energy_distance(np.zeros((3, 2)), np.zeros((4, 2)))


def test_places_among_draws_are_even_for_counts_and_not_where_the_draws_are_too_narrow() -> None:
    rng = RNG(2)
    y, draws = rng.poisson(0.3, (4000, 1)), rng.poisson(0.3, (99, 4000, 1))
    pit = randomised_pit(draws, y)
    assert stats.kstest(pit[:, 0], "uniform").pvalue > 0.01
    assert coverage(pit) == pytest.approx(0.9, abs=0.02)
    narrow = randomised_pit(0.5 * rng.standard_normal((99, 4000, 1)), rng.standard_normal((4000, 1)))
    assert coverage(narrow) == pytest.approx(2 * stats.norm.cdf(0.5 * stats.norm.ppf(0.95)) - 1, abs=0.03)


def test_covariance_error_sees_lost_correlation_within_a_group_only() -> None:
    rng = RNG(3)
    groups = np.repeat([0, 1], 2000)
    x = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 4000) + 10 * groups[:, None]
    alone = rng.standard_normal((4000, 2)) + 10 * groups[:, None]
    expected = np.linalg.norm([[0, 0.8], [0.8, 0]]) / np.linalg.norm([[1, 0.8], [0.8, 1]])
    assert covariance_error(alone, x, groups, groups) == pytest.approx(expected, abs=0.05)
    assert covariance_error(x[::2], x[1::2], groups[::2], groups[1::2]) < 0.1
    with pytest.raises(ValueError, match="too little"):
        covariance_error(x[:10], x, groups[:10], groups)


def test_copies_are_found() -> None:
    rng = RNG(4)
    training, held_out, new = (rng.standard_normal((500, 3)) for _ in range(3))
    assert nearest_ratio(new, training, held_out) == pytest.approx(1, abs=0.2)
    assert nearest_ratio(training + 1e-3, training, held_out) < 0.02


def test_a_minority_of_copies_is_found() -> None:
    rng = np.random.default_rng(5)
    training, held_out, new = (rng.normal(size=(500, 5)) for _ in range(3))
    assert nearer_share(new, training, held_out) == pytest.approx(0.05, abs=0.03)
    some = np.concatenate([new[:400], training[:100]])
    assert nearest_ratio(some, training, held_out) > 0.8  # the median does not see them
    assert nearer_share(some, training, held_out) > 0.2


def test_classifier_finds_what_differs_and_nothing_where_nothing_does() -> None:
    rng = RNG(5)
    a, b = rng.standard_normal((400, 3)), rng.standard_normal((400, 3))
    assert classifier_auroc(a, b) == pytest.approx(0.5, abs=0.07)
    assert classifier_auroc(a, b + 2) > 0.9
    assert classifier_auroc(a, 0.4 * b) > 0.7  # a difference in spread alone, which no linear rule sees


def test_what_was_drawn_for_a_cell_stays_on_its_side_of_a_fold() -> None:
    rng = RNG(6)
    shared = 5 * rng.standard_normal((300, 2))
    a, b = shared + 0.01 * rng.standard_normal((300, 2)), shared + 0.01 * rng.standard_normal((300, 2))
    ids = np.arange(300)
    assert classifier_auroc(a, b, (ids, ids)) == pytest.approx(0.5, abs=0.1)
    with pytest.raises(ValueError, match="groups"):
        classifier_auroc(a, b, (ids, ids[:5]))


def test_mixture_of_a_linear_gaussian_is_its_conditional() -> None:
    rng = RNG(7)
    x = rng.standard_normal((1500, 2))
    y = np.stack([2 * x[:, 0] - x[:, 1], x[:, 1]], 1) + rng.standard_normal((1500, 2)) * [0.5, 2.0] + 3
    fitted = ConditionalMixture().fit(x, y)
    at = np.array([[1.0, -1.0]])
    draws = fitted.draw(at, 4000)[:, 0]
    np.testing.assert_allclose(draws.mean(0), [6, 2], atol=0.25)
    np.testing.assert_allclose(draws.std(0), [0.5, 2.0], rtol=0.1)
    np.testing.assert_allclose(fitted.mean(at)[0], [6, 2], atol=0.25)
    truth = stats.norm([6, 2], [0.5, 2.0]).logpdf([6, 2]).sum()
    assert fitted.log_density(at, np.array([[6.0, 2.0]]))[0] == pytest.approx(truth, abs=0.15)


def test_mixture_draws_both_modes_of_a_target_and_keeps_their_shares() -> None:
    rng = RNG(8)
    x = rng.standard_normal((1500, 1))
    up = rng.random(1500) < 0.3
    y = np.where(up, 4, -4)[:, None] + 0.3 * rng.standard_normal((1500, 1)) + x
    fitted = ConditionalMixture().fit(x, y)
    assert fitted.chosen[0] >= 2
    draws = fitted.draw(np.zeros((1, 1)), 3000)[:, 0, 0]
    assert (draws > 0).mean() == pytest.approx(0.3, abs=0.05)
    assert (np.abs(np.abs(draws) - 4) < 1.5).all()


def test_the_mixture_with_the_best_draws_is_one_of_those_that_were_tried() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 1))
    y = np.where(rng.random((300, 1)) < 0.5, -2.0, 2.0) + x + 0.3 * rng.normal(size=(300, 1))
    mixture = ConditionalMixture(0).fit(x, y)
    other = mixture.chosen_by_energy_score()
    assert mixture.scores.keys() == mixture.tried.keys()
    assert other.chosen == min(mixture.scores, key=lambda key: mixture.scores[key])
    assert mixture.chosen == max(mixture.tried, key=lambda key: mixture.tried[key])
    assert mixture.scores[1, "full", 0.3] > mixture.scores[other.chosen]  # one Gaussian lies between the two modes
    drawn = other.draw(np.zeros((1, 1)), 400, seed=1)[:, 0, 0]
    assert (np.abs(np.abs(drawn) - 2) < 1).mean() > 0.9


def test_mixture_without_a_condition_and_with_wrong_tables() -> None:
    y = RNG(9).standard_normal((300, 2)) * [1, 3]
    draws = ConditionalMixture().fit(np.empty((300, 0)), y).draw(np.empty((2000, 0)))[0]
    np.testing.assert_allclose(draws.std(0), [1, 3], rtol=0.15)
    with pytest.raises(ValueError, match="same cells"):
        ConditionalMixture().fit(np.zeros((5, 1)), y)


@pytest.mark.parametrize("draws", [np.zeros((3, 4, 2)), np.zeros((0, 5, 2)), np.full((3, 5, 2), np.nan)])
def test_draws_of_other_cells_or_refused_ones_are_not_scored(draws: np.ndarray) -> None:
    with pytest.raises(ValueError, match="draws"):
        energy_score(draws, np.zeros((5, 2)))

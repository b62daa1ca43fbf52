"""Codes on states of which the groups and the directions are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

from virtualcell.generative.infogan import Codes, fit_codes
from virtualcell.generative.infogan_training import CodeSettings
from virtualcell.schema import DataError

QUICK = CodeSettings(steps=200, short_steps=50, warm_steps=150, starts=2, hidden=32)
SHARES = (0.5, 0.4, 0.1)
CENTRES = np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0]], dtype=float)
DIRECTION = np.array([0.0, 0.0, 2.0])
"""What half of the planted factor's range adds: nothing that tells the groups apart."""


def planted(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States (n, 3), their group, and a factor in [-1, 1]."""
    rng = np.random.default_rng(seed)
    group, factor = rng.choice(3, n, p=SHARES), rng.uniform(-1, 1, n)
    return CENTRES[group] + factor[:, None] * DIRECTION + 0.3 * rng.standard_normal((n, 3)), group, factor


@cache
def fitted() -> Codes:
    torch.set_num_threads(1)
    return fit_codes(planted()[0], n_categories=3, n_continuous=1, settings=QUICK, seed=0)


def test_the_codes_of_new_cells_are_what_was_planted() -> None:
    states, group, factor = planted(300, seed=1)
    probabilities, continuous = fitted().read(states)
    assert probabilities.shape == (300, 3)
    assert continuous.shape == (300, 1)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert np.abs(continuous).max() <= 1
    assert adjusted_rand_score(group, probabilities.argmax(1)) > 0.98
    assert abs(spearmanr(continuous[:, 0], factor).statistic) > 0.95


def test_the_prior_is_learned() -> None:
    np.testing.assert_allclose(np.sort(fitted().prior), np.sort(SHARES), atol=0.05)


def test_a_turned_code_moves_the_planted_direction_and_no_other() -> None:
    path = fitted().turn(0, 0, steps=5, n=50, seed=3)
    assert path.shape == (5, 50, 3)
    move = path[-1] - path[0]
    length = np.abs(move[:, 2])
    assert 0.6 * 4 < length.mean() < 1.6 * 4  # from one end of the factor to the other
    assert (np.sign(move[:, 2]) == np.sign(move[0, 2])).all()
    assert np.abs(move[:, :2]).mean() < 0.15 * length.mean()


def test_drawn_cells_lie_where_cells_of_their_code_lie() -> None:
    codes, states = fitted(), planted()[0]
    read = codes.read(states)[0].argmax(1)
    for category in range(3):
        drawn = codes.draw(np.full(400, category), np.random.default_rng(0).uniform(-1, 1, (400, 1)))
        measured = states[read == category]
        assert drawn.dtype == np.float32
        np.testing.assert_allclose(drawn.mean(0), measured.mean(0), atol=0.6)
        np.testing.assert_allclose(drawn.std(0), measured.std(0), atol=0.5)
        assert (codes.read(drawn)[0].argmax(1) == category).mean() > 0.95


def test_noise_is_what_codes_leave_open() -> None:
    codes = fitted()
    same = np.zeros(100, dtype=int), np.zeros((100, 1))
    spreads = [codes.draw(*same, noise=noise).std(0).mean() for noise in (0.0, 1.0, 2.0)]
    assert spreads[0] == pytest.approx(0, abs=1e-5)
    assert 0 < spreads[1] < spreads[2]
    np.testing.assert_array_equal(codes.draw(*same, seed=4), codes.draw(*same, seed=4))
    assert not np.array_equal(codes.draw(*same, seed=4), codes.draw(*same, seed=5))


def test_the_log_tells_of_settling() -> None:
    log = fitted().log
    assert log[0]["step"] == 0
    assert log[0]["entropy_of_code"] > 0.8 * np.log(3)
    assert log[-1]["entropy_of_code"] < 0.1
    assert log[-1]["entropy_of_use"] == pytest.approx(-(np.array(SHARES) * np.log(SHARES)).sum(), abs=0.15)
    assert log[-1]["mutual_information"] > log[0]["mutual_information"] + 1
    assert {"discriminator_loss", "generator_loss", "energy_distance", "spread"} <= set(log[-1])
    assert fitted().record["warnings"] == []


def test_the_same_seed_gives_the_same_codes() -> None:
    states = planted(200)[0]
    short = CodeSettings(steps=20, short_steps=10, warm_steps=10, starts=2, hidden=16)
    first, again, other = (fit_codes(states, n_categories=3, settings=short, seed=seed) for seed in (1, 1, 2))
    for key, value in first.generator.state_dict().items():
        assert torch.equal(value, again.generator.state_dict()[key])
    assert first.log == again.log
    assert first.log != other.log


def test_rows_that_are_left_out_are_not_learned_from() -> None:
    states = planted(300)[0]
    short = CodeSettings(steps=10, short_steps=5, warm_steps=5, starts=1, hidden=16)
    changed = states.copy()
    changed[200:] += 100
    first, second = (fit_codes(s, np.arange(200), n_categories=3, settings=short) for s in (states, changed))
    np.testing.assert_array_equal(first.read(states)[0], second.read(states)[0])


def test_the_number_of_groups_is_found() -> None:
    short = CodeSettings(steps=5, short_steps=5, warm_steps=5, starts=1, hidden=16)
    states = CENTRES[np.repeat(np.arange(3), 100)] + np.random.default_rng(0).standard_normal((300, 3))
    codes = fit_codes(states, n_continuous=1, settings=short)
    assert codes.n_categories == 3
    assert codes.record["groups_chosen_by"] == "information criterion"


def test_a_few_odd_cells_take_no_category() -> None:
    states, group, _ = planted(600, seed=5)
    odd = states.copy()
    odd[::100] += np.random.default_rng(0).choice([-60.0, 60.0], (6, 3))
    codes = fit_codes(odd, n_categories=3, n_continuous=1, settings=QUICK)
    assert adjusted_rand_score(group, codes.read(states)[0].argmax(1)) > 0.95
    assert codes.record["warnings"] == []


def test_a_collapse_is_told() -> None:
    """Nothing was trained: a generator that starts from nothing says nothing of its category."""
    untrained = CodeSettings(steps=1, short_steps=1, starts=1, warm_start=False, hidden=16)
    codes = fit_codes(planted(300)[0], n_categories=3, settings=untrained)
    assert any("read back" in sentence for sentence in codes.record["warnings"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_categories": 1}, "n_categories"),
        ({"n_continuous": 0}, "n_continuous"),
        ({"n_continuous": 4}, "n_continuous"),
        ({"n_categories": 40}, "cells"),
        ({"states": np.zeros((100, 3))}, "states"),
        ({"states": np.full((100, 3), np.nan)}, "states"),
        ({"states": np.zeros(100)}, "states"),
    ],
)
def test_what_cannot_be_learned_from_is_named(change: dict[str, object], said: str) -> None:
    given: dict[str, object] = {"states": planted(200)[0], "n_categories": 3} | change
    with pytest.raises(DataError) as error:
        fit_codes(given.pop("states"), **given, settings=QUICK)  # type: ignore[arg-type]
    assert error.value.field == said


@pytest.mark.parametrize(
    ("category", "continuous", "said"),
    [
        (np.array([3]), np.zeros((1, 1)), "category"),
        (np.array([-1]), np.zeros((1, 1)), "category"),
        (np.array([0.5]), np.zeros((1, 1)), "category"),
        (np.array([0, 1]), np.zeros((1, 1)), "continuous"),
        (np.array([0]), np.full((1, 1), 1.5), "continuous"),
        (np.array([0]), np.full((1, 1), np.nan), "continuous"),
    ],
)
def test_codes_that_do_not_exist_are_named(category: np.ndarray, continuous: np.ndarray, said: str) -> None:
    with pytest.raises(DataError) as error:
        fitted().draw(category, continuous)
    assert error.value.field == said


def test_wrong_questions_are_named() -> None:
    with pytest.raises(DataError, match="shape"):
        fitted().read(np.zeros((5, 2)))
    with pytest.raises(DataError, match="no continuous code 1"):
        fitted().turn(0, 1)
    with pytest.raises(DataError, match="category"):
        fitted().turn(3, 0)
    with pytest.raises(DataError, match="noise"):
        fitted().draw(np.array([0]), np.zeros((1, 1)), noise=3.0)

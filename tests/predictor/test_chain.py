"""Lines of descent through several times, and the curves through them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from virtualcell.predictor.couplings import Chain, curve, exact_plan, unbalanced_plan


@pytest.fixture(scope="module")
def snapshots() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(40 + 10 * k, 2)) + 3 * k for k in range(4)]


def test_pairs_and_partners_are_drawn_by_the_plans(snapshots: list[np.ndarray]) -> None:
    plans = [np.random.default_rng(k).random((len(a), len(b))) for k, (a, b) in enumerate(pairwise(snapshots))]
    chain = Chain([0.0, 1.0, 2.0, 3.0], snapshots, plans)
    rng = np.random.default_rng(1)
    first, second = chain.draw(1, 200_000, rng)
    seen = np.zeros_like(plans[1])
    np.add.at(seen, (first, second), 1 / len(first))
    np.testing.assert_allclose(seen.sum(1), plans[1].sum(1) / plans[1].sum(), atol=0.004)
    np.testing.assert_allclose(seen.sum(0), plans[1].sum(0) / plans[1].sum(), atol=0.004)
    times, states = chain.line(1, np.full(100_000, 3), np.full(100_000, 5), rng)
    assert times.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert (states[1] == snapshots[1][3]).all()
    assert (states[2] == snapshots[2][5]).all()
    before, after = plans[0][:, 3] / plans[0][:, 3].sum(), plans[2][5] / plans[2][5].sum()
    np.testing.assert_allclose(states[0].mean(0), before @ snapshots[0], atol=0.02)
    np.testing.assert_allclose(states[3].mean(0), after @ snapshots[3], atol=0.02)


def test_the_ends_of_a_chain_have_no_further_time(snapshots: list[np.ndarray]) -> None:
    chain = Chain([0.0, 2.0, 3.0], snapshots[:3], [exact_plan(a, b) for a, b in pairwise(snapshots[:3])])
    rng = np.random.default_rng(0)
    assert chain.line(0, np.array([0]), np.array([0]), rng)[0].tolist() == [0.0, 2.0, 3.0]
    assert chain.line(1, np.array([0]), np.array([0]), rng)[0].tolist() == [0.0, 2.0, 3.0]


def test_masses_of_a_plan_are_descendants_and_ancestors(snapshots: list[np.ndarray]) -> None:
    plan = np.zeros((len(snapshots[0]), len(snapshots[1])))
    plan[0], plan[1:, 0] = 0.9 / plan.shape[1], 0.1 / (len(plan) - 1)
    chain = Chain([0.0, 1.0], snapshots[:2], [plan])
    assert chain.log_descendants[0][0] == pytest.approx(np.log(0.9 * len(plan)))
    assert chain.log_descendants[0][1] == pytest.approx(np.log(0.1 * len(plan) / (len(plan) - 1)))
    assert np.exp(chain.log_ancestors[0]).mean() == pytest.approx(1.0)


@pytest.mark.parametrize("times", [[0.0, 1.0], [0.0, 1.0, 3.0], [-1.0, 0.0, 2.0, 2.5]])
def test_a_curve_is_the_polynomial_through_its_points(times: list[float]) -> None:
    rng = np.random.default_rng(0)
    powers = rng.normal(size=(len(times), 7, 2))

    def at(t: np.ndarray, derivative: bool = False) -> np.ndarray:
        terms = [
            (k * t[:, None] ** (k - 1) if k else 0 * t[:, None]) * c if derivative else t[:, None] ** k * c
            for k, c in enumerate(powers)
        ]
        return np.sum(terms, 0)

    t = rng.uniform(-1, 3, 7)
    states = [at(np.full(7, s)) for s in times]
    position, velocity = curve(np.array(times), states, t)
    np.testing.assert_allclose(position, at(t), atol=1e-9)
    np.testing.assert_allclose(velocity, at(t, derivative=True), atol=1e-9)


def test_free_growth_moves_less_than_dear_growth() -> None:
    """Two clusters whose sizes swap: with dear growth cells must cross, with free growth they divide and die."""
    rng = np.random.default_rng(0)
    start = np.r_[rng.normal(0, 0.1, (80, 1)), rng.normal(5, 0.1, (20, 1))]
    end = np.r_[rng.normal(0, 0.1, (20, 1)), rng.normal(5, 0.1, (80, 1))]

    def crossing(plan: np.ndarray) -> float:
        return float(plan[:80, 20:].sum() / plan.sum())

    assert crossing(exact_plan(start, end)) == pytest.approx(0.6)
    assert crossing(unbalanced_plan(start, end, 10.0)) > 0.4
    assert crossing(unbalanced_plan(start, end, 0.05)) < 0.05

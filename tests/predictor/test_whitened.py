"""The whitened distance against its formula written otherwise, and what it is to be: unbiased, without a unit, and sharp."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor

from virtualcell.predictor.distance import energy_distance
from virtualcell.predictor.whitened import LANDMARKS, MOMENTS, SIZE_ERROR, WhitenedDistance


def two_valleys(n: int, rng: np.random.Generator, between: float = 0.0) -> Tensor:
    """Cells around (-1, 0) and (1, 0), and a share ``between`` of them around (0, 0)."""
    x = np.where(rng.random(n) < between, 0.0, rng.choice([-1.0, 1.0], n))
    return torch.from_numpy(np.stack([x, np.zeros(n)], 1) + 0.25 * rng.normal(size=(n, 2))).float()


@pytest.fixture(scope="module")
def distance() -> WhitenedDistance:
    return WhitenedDistance(two_valleys(1500, np.random.default_rng(0), between=0.05))


def test_it_is_the_sum_over_pairs_of_other_cells_in_whitened_features() -> None:
    rng = np.random.default_rng(1)
    states = two_valleys(600, rng)
    found = WhitenedDistance(states)
    a, b = two_valleys(40, rng), two_valleys(30, rng) + 0.3

    def features(x: Tensor) -> np.ndarray:
        return np.sqrt(cdist(x.double().numpy(), found.landmarks.double().numpy()) ** 2 + found.round**2)

    covariance = np.cov(features(states).T)
    values = np.linalg.eigvalsh(covariance).clip(min=0)
    # The ridge that leaves so many degrees of freedom, by halving.
    low, high = 1e-12, 1e3
    for _ in range(200):
        ridge = np.sqrt(low * high)
        low, high = (ridge, high) if (values / (values + ridge)).sum() > MOMENTS else (low, ridge)
    weigh = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    x, y = features(a), features(b)

    def others(u: np.ndarray) -> float:
        products = u @ weigh @ u.T
        return (products.sum() - np.trace(products)) / (len(u) * (len(u) - 1))

    centre = features(states).mean(0)
    x, y = x - centre, y - centre
    expected = others(x) + others(y) - 2 * (x @ weigh @ y.T).mean()
    assert float(found(a, b)) == pytest.approx(expected, rel=5e-3)
    assert expected > 1


def test_landmarks_are_measured_cells_spread_over_both_valleys_and_the_pass(distance: WhitenedDistance) -> None:
    marks = distance.landmarks.numpy()
    assert marks.shape == (LANDMARKS, 2)
    gaps = cdist(marks, marks) + np.diag(np.full(len(marks), np.inf))
    cells = two_valleys(1500, np.random.default_rng(0), between=0.05).numpy()
    assert cdist(marks, cells).min(1).max() == 0, "each is a measured cell"
    # Evenly: none lies in the pile of others, and the middle, with one cell in twenty, has more than its share of them.
    assert gaps.min() * 1.01 > distance.round / 0.7
    assert (np.abs(marks[:, 0]) < 0.4).mean() > 0.1


@pytest.mark.parametrize("weighted", [False, True])
def test_equal_laws_are_zero_on_average(distance: WhitenedDistance, weighted: bool) -> None:
    rng = np.random.default_rng(2)
    found, shifted = [], []
    for _ in range(300):
        b = two_valleys(80, rng)
        if weighted:
            # Three of four cells are right, a third as heavy as those of the left: the same law.
            x = rng.choice([-1.0, 1.0], 120, p=[0.25, 0.75])
            a = torch.from_numpy(np.stack([x, np.zeros(120)], 1) + 0.25 * rng.normal(size=(120, 2))).float()
            logs = torch.from_numpy(np.where(x < 0, np.log(3.0), 0.0)).float()
        else:
            a, logs = two_valleys(80, rng), None
        found.append(float(distance(a, b, logs)))
        shifted.append(float(distance(a + 0.1, b, logs)))
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(300) + 0.01
    assert min(found) < 0, "unbiased, so some are below zero"
    assert np.mean(shifted) > 0.3


def test_numbers_of_cells_are_compared_without_bias_however_unevenly_cells_count(distance: WhitenedDistance) -> None:
    """Of two valleys as many are measured, and nine of ten that were followed are on the left: those of the right stand for
    nine times as many. The distance of shares, of few cells, is smaller where they are given less."""
    rng = np.random.default_rng(7)
    found: dict[str, list[float]] = {"numbers": [], "fewer": [], "shares": [], "fewer, shares": []}
    for _ in range(1500):
        x = rng.choice([-1.0, 1.0], 30, p=[0.9, 0.1])
        a = torch.from_numpy(np.stack([x, np.zeros(30)], 1) + 0.25 * rng.normal(size=(30, 2))).float()
        b = two_valleys(200, rng)
        for name, heavy in (("", 9.0), ("fewer", 6.0)):
            logs = torch.from_numpy(np.where(x > 0, np.log(heavy), 0.0)).float()
            found[name or "numbers"].append(float(distance.of_numbers(a, b, logs - np.log(1.8))))
            found[f"{name}, shares".removeprefix(", ")].append(float(distance(a, b, logs)))
    mean = {name: np.mean(values) for name, values in found.items()}
    assert abs(mean["numbers"]) < 4 * np.std(found["numbers"]) / np.sqrt(1500)
    assert mean["numbers"] < mean["fewer"]
    assert mean["fewer, shares"] < mean["shares"], "what counting numbers is there for"


def test_a_population_of_the_wrong_size_is_apart_from_the_same_one(distance: WhitenedDistance) -> None:
    a = two_valleys(400, np.random.default_rng(8))
    wrong = [float(distance.of_numbers(a, a, torch.full((400,), float(np.log(size))))) for size in (1.0, 1.1, 2.0)]
    assert wrong[0] < wrong[1] < wrong[2]
    # Twice as many: one squared, times what a size says beside 400 cells, and what the features add.
    assert wrong[2] - wrong[0] == pytest.approx(1 / (400 * SIZE_ERROR**2), rel=0.2)


def test_few_cells_on_a_pass_count_for_more_than_in_the_energy_distance(distance: WhitenedDistance) -> None:
    rng = np.random.default_rng(3)
    draws = [(two_valleys(400, rng), two_valleys(400, rng), two_valleys(400, rng, between=0.04)) for _ in range(60)]

    def clearness(loss: object) -> float:
        same, crossing = (np.array([float(loss(one[0], one[i])) for one in draws]) for i in (1, 2))  # type: ignore[operator]
        return (crossing.mean() - same.mean()) / same.std()

    assert clearness(distance) > 2 * clearness(energy_distance)


@given(st.floats(0.1, 20.0), st.floats(0, 2 * np.pi), st.floats(-3, 3))
@settings(max_examples=15)
def test_it_has_no_unit_and_no_direction(size: float, angle: float, shift: float) -> None:
    rng = np.random.default_rng(4)
    states, a, b = two_valleys(300, rng), two_valleys(50, rng), two_valleys(50, rng) + 0.2
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).float()

    def moved(x: Tensor) -> Tensor:
        return size * (x + shift) @ turn

    again = float(WhitenedDistance(moved(states))(moved(a), moved(b)))
    assert again == pytest.approx(float(WhitenedDistance(states)(a, b)), rel=0.05)


def test_cells_without_weight_do_not_count_and_coinciding_cells_have_a_slope(distance: WhitenedDistance) -> None:
    rng = np.random.default_rng(5)
    a, b = two_valleys(50, rng), two_valleys(60, rng)
    logs = torch.cat([torch.zeros(50), torch.full((20,), -60.0)])
    far = torch.cat([a, 5 + two_valleys(20, rng)])
    assert float(distance(far, b, logs)) == pytest.approx(float(distance(a, b)), rel=1e-4, abs=1e-4)
    on_landmarks = distance.landmarks[:30].clone().requires_grad_()
    distance(on_landmarks, b).backward()
    assert torch.isfinite(on_landmarks.grad).all()
    assert on_landmarks.grad.norm() > 0


def test_a_handful_of_cells_is_enough() -> None:
    rng = np.random.default_rng(6)
    for n in (3, 12):
        states = two_valleys(n, rng)
        distance = WhitenedDistance(states)
        assert len(distance.landmarks) <= n
        assert np.isfinite(float(distance(states, states + 0.5)))
        assert float(distance(states, states + 2.0)) > float(distance(states, states + 0.1))

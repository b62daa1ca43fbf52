"""Distances used as losses, against double loops, the evaluation's own code and propriety."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.evaluation import metrics
from virtualcell.predictor.distance import energy_distance, energy_score


def samples(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(12, 3)), rng.normal(0.5, 1.5, size=(9, 3)), rng.normal(size=12)


def by_loops(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    w = weights / weights.sum()
    across = sum(w[i] * np.linalg.norm(a[i] - b[j]) for i in range(len(a)) for j in range(len(b))) / len(b)
    pairs = [(i, j) for i in range(len(a)) for j in range(len(a)) if i != j]
    within_a = sum(w[i] * w[j] * np.linalg.norm(a[i] - a[j]) for i, j in pairs) / sum(w[i] * w[j] for i, j in pairs)
    within_b = np.mean([np.linalg.norm(b[i] - b[j]) for i in range(len(b)) for j in range(len(b)) if i != j])
    return 2 * across - within_a - within_b


@pytest.mark.parametrize("weighted", [False, True])
def test_energy_distance_is_the_double_sum_and_that_of_the_evaluation(weighted: bool) -> None:
    a, b, log_weight = samples()
    x, y, logs = (torch.from_numpy(part).float() for part in (a, b, log_weight))
    found = float(energy_distance(x, y, logs if weighted else None))
    weights = np.exp(log_weight) if weighted else np.ones(12)
    # The loss smooths the root at zero by 1e-9, so a cell with itself adds 3e-5.
    assert found == pytest.approx(by_loops(a, b, weights), abs=1e-4)
    assert found == pytest.approx(metrics.energy_distance(a, b, weights), abs=1e-4)


def test_energy_distance_of_equal_laws_is_zero_on_average() -> None:
    rng = np.random.default_rng(1)
    found = [float(energy_distance(*(torch.from_numpy(rng.normal(size=(30, 2))).float() for _ in range(2)))) for _ in range(300)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(300)
    assert min(found) < 0, "unbiased, so some are below zero"


def test_its_gradient_is_a_number_where_cells_coincide() -> None:
    a = torch.zeros(5, 2, requires_grad=True)
    energy_distance(a, torch.zeros(4, 2)).backward()
    assert torch.isfinite(a.grad).all()


def test_the_energy_score_is_smallest_at_the_true_law() -> None:
    rng = np.random.default_rng(2)
    n, k = 4000, 8
    cell = rng.normal(size=(n, 2))
    seen = torch.from_numpy(cell + 0.7 * rng.normal(size=(n, 2)))  # descendants: shifted by nothing, spread 0.7
    noise = rng.normal(size=(k, n, 2))

    def score(shift: float, spread: float) -> float:
        return float(energy_score(torch.from_numpy(cell + shift + spread * noise), seen))

    best = score(0.0, 0.7)
    for shift, spread in ((0.25, 0.7), (-0.25, 0.7), (0.0, 0.5), (0.0, 0.95), (0.0, 0.0), (0.1, 0.4)):
        assert score(shift, spread) > best, f"shift {shift}, spread {spread}"


def test_the_energy_score_by_loops() -> None:
    rng = np.random.default_rng(3)
    ends, seen = rng.normal(size=(4, 6, 2)), rng.normal(size=(6, 2))
    to_seen = np.mean([np.linalg.norm(ends[k, i] - seen[i]) for k in range(4) for i in range(6)])
    between = np.mean([np.linalg.norm(ends[k, i] - ends[m, i]) for k in range(4) for m in range(4) if m != k for i in range(6)])
    assert float(energy_score(torch.from_numpy(ends), torch.from_numpy(seen))) == pytest.approx(to_seen - between / 2, abs=1e-4)

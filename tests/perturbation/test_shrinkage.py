"""Shrinkage: noise goes, effects stay, and the untreated mean is learned from all treatments."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.shrinkage import shrink

GENES, TREATMENTS = 400, 12


def planted(seed: int, changed: float = 0.1):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1, (TREATMENTS, GENES)) * (rng.random((TREATMENTS, GENES)) < changed)
    truth[0] = 0.0
    level = rng.uniform(0, 3, GENES)
    error, control_error = np.full((TREATMENTS, GENES), 0.15), np.full(GENES, 0.2)
    mean = level + truth + rng.normal(0, 0.15, truth.shape)
    return truth, level, mean, error, level + rng.normal(0, 0.2, GENES), control_error


@pytest.mark.parametrize("seed", range(3))
def test_effects_are_nearer_to_the_truth_than_differences_of_means(seed: int) -> None:
    truth, level, mean, error, control, control_error = planted(seed)
    found = shrink(mean, error, control, control_error)
    raw = mean - control
    assert np.sqrt(((found.effect - truth) ** 2).mean()) < 0.4 * np.sqrt(((raw - truth) ** 2).mean())
    # Twelve treatments that leave most genes alone know the untreated mean better than the control's own cells.
    assert np.abs(found.control - level).mean() < 0.5 * np.abs(control - level).mean()
    # What is large stays: shrinking is not dividing.
    large = np.abs(truth) > 1.5
    assert np.abs(found.effect[large] / truth[large] - 1).mean() < 0.2


def test_a_treatment_without_effect_is_given_none() -> None:
    truth, _, mean, error, control, control_error = planted(0)
    found = shrink(mean, error, control, control_error)
    assert not truth[0].any()
    assert np.sqrt((found.effect[0] ** 2).mean()) < 0.03


def test_one_treatment_is_compared_with_its_control() -> None:
    rng = np.random.default_rng(0)
    effect = np.r_[np.full(20, 2.0), np.zeros(180)]
    found = shrink(
        effect[None] + rng.normal(0, 0.1, (1, 200)), np.full((1, 200), 0.1), rng.normal(0, 0.1, 200), np.full(200, 0.1)
    )
    assert np.abs(found.effect[0] - effect).mean() < 0.06
    assert np.abs(found.effect[0][:20] - 2).max() < 0.6


def test_what_all_treatments_change_is_a_change() -> None:
    rng = np.random.default_rng(0)
    effect = np.tile(np.r_[np.full(20, 1.0), np.zeros(180)], (15, 1))
    mean = effect + rng.normal(0, 0.1, effect.shape)
    found = shrink(mean, np.full(effect.shape, 0.1), rng.normal(0, 0.14, 200), np.full(200, 0.14))
    assert found.effect[:, :20].mean() == pytest.approx(1.0, abs=0.15)
    assert np.abs(found.effect[:, 20:]).mean() < 0.06


def test_what_does_not_fit_together_is_refused() -> None:
    ones = np.ones((2, 3))
    with pytest.raises(ValueError, match="genes"):
        shrink(ones, ones, np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="above 0"):
        shrink(ones, 0 * ones, np.ones(3), np.ones(3))

"""The simple rules: each is what its name says, and none makes up what was never measured."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.rules import (
    Additive,
    Latent,
    MatchingMean,
    NearestGroup,
    NearestTreatments,
    NoChange,
    RidgeOnComponents,
    SimilarGroups,
    TrainingMean,
    Transported,
    rules_across_groups,
    rules_across_treatments,
)
from virtualcell.perturbation.screen import Screen

GENES, CELLS = 12, 40


def screen(effects: dict[tuple[str, str], np.ndarray], places: dict[str, float], noise: float = 0.02) -> Screen:
    """Groups along the first gene; (treatment, group) -> what is added."""
    rng = np.random.default_rng(0)
    cells, names, groups = [], [], []
    for group, place in places.items():
        base = np.r_[place, np.zeros(GENES - 1)]
        for name, effect in [("control", np.zeros(GENES)), *((n, e) for (n, g), e in effects.items() if g == group)]:
            cells.append(base + effect + noise * rng.normal(size=(CELLS, GENES)))
            names += [name] * CELLS
            groups += [group] * CELLS
    return Screen.of(np.concatenate(cells), np.array(names), np.array(groups))


def unit(gene: int, size: float = 1.0) -> np.ndarray:
    return size * np.eye(GENES)[gene]


@pytest.fixture(scope="module")
def typed() -> Screen:
    places = {"far": -4.0, "mid": 0.0, "near": 3.0, "asked": 4.0}
    return screen({("drug", "far"): unit(1), ("drug", "mid"): unit(2), ("drug", "near"): unit(3)}, places)


def test_rules_across_groups_are_what_they_say(typed: Screen) -> None:
    cells = typed.untreated("asked")
    moved = {rule.name: rule.fit(typed).change(cells, "drug", "asked").mean(0) for rule in rules_across_groups()}
    assert not moved[NoChange.name].any()
    np.testing.assert_allclose(moved[TrainingMean.name], (unit(1) + unit(2) + unit(3)) / 3, atol=0.03)
    np.testing.assert_allclose(moved[NearestGroup.name], unit(3), atol=0.06)
    np.testing.assert_allclose(moved[SimilarGroups.name], unit(3), atol=0.06)  # others are 4 and 8 times as far
    np.testing.assert_allclose(moved[Transported.name], unit(3), atol=0.15)
    np.testing.assert_allclose(moved[Latent.name], moved[TrainingMean.name], atol=0.06)
    ridge = moved[RidgeOnComponents.name]
    assert ridge[3] > 1 / 3 > ridge[1]  # beyond the mean, towards the groups on its side


def test_rules_across_treatments_are_what_they_say() -> None:
    table = screen({("a", "x"): unit(1, 2.0), ("b", "x"): unit(2), ("a+c", "x"): unit(3)}, {"x": 0.0})
    cells = table.untreated()
    moved = {rule.name: rule.fit(table).change(cells, "a+b", "x").mean(0) for rule in rules_across_treatments()}
    np.testing.assert_allclose(moved[Additive.name], unit(1, 2.0) + unit(2), atol=0.05)
    np.testing.assert_allclose(moved[MatchingMean.name], unit(1) + unit(2, 0.5), atol=0.05)
    np.testing.assert_allclose(moved[TrainingMean.name], (unit(1, 2.0) + unit(2) + unit(3)) / 3, atol=0.05)
    weight = np.array([1 / 2, 1 / 2, 1 / 3])  # shares of parts in common with a, b, a+c
    near = weight @ np.array([unit(1, 2.0), unit(2), unit(3)]) / weight.sum()
    np.testing.assert_allclose(moved[NearestTreatments.name], near, atol=0.05)


def test_what_was_never_measured_is_not_made_up(typed: Screen) -> None:
    cells = typed.untreated("asked")
    for rule in (NearestGroup(), SimilarGroups(), RidgeOnComponents(), Latent(), Transported(), Additive(), MatchingMean()):
        with pytest.raises(LookupError, match="'other' was never measured"):
            rule.fit(typed).change(cells, "other", "asked")
    with pytest.raises(LookupError, match="part of 'other'"):
        NearestTreatments().fit(typed).change(cells, "other", "asked")


def test_no_measured_treatment_is_refused() -> None:
    with pytest.raises(ValueError, match="No treatment was measured"):
        TrainingMean().fit(screen({}, {"x": 0.0}))

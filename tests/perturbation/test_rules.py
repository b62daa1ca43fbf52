"""The simple rules: each is what its name says, and none makes up what was never measured."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.rules import NoChange, Rule, TrainingMean
from virtualcell.perturbation.rules_of_groups import (
    Latent,
    NearestGroup,
    NearestGroups,
    RidgeOnComponents,
    RuleOfGroups,
    SimilarGroups,
    Transported,
    rules_across_groups,
)
from virtualcell.perturbation.rules_of_treatments import (
    Additive,
    AdditiveMedian,
    KNearestTreatments,
    LatentSum,
    MatchingMean,
    NearestTreatments,
    RidgeOnParts,
    TransportedSum,
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
    moved = {}
    for rule in rules_across_groups():
        rule.fit(typed)
        if isinstance(rule, RuleOfGroups):
            rule.chosen = {"drug": rule.usual}  # what is left out here says that these changes have nothing in common
        moved[rule.name] = rule.change(cells, "drug", "asked").mean(0)
    assert not moved[NoChange.name].any()
    np.testing.assert_allclose(moved[TrainingMean.name], (unit(1) + unit(2) + unit(3)) / 3, atol=0.03)
    np.testing.assert_allclose(moved[NearestGroup.name], unit(3), atol=0.06)
    np.testing.assert_allclose(moved[NearestGroups.name], (unit(2) + unit(3)) / 2, atol=0.06)
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


def test_settings_are_chosen_by_leaving_out_groups_that_train() -> None:
    """Each gene's change grows along the axis of groups: what follows the axis is chosen weak, what averages is not."""
    places = {name: float(place) for name, place in zip("abcde", (-4, -2, 0, 2, 4), strict=True)}
    table = screen({("drug", name): unit(1, 5 + place) for name, place in places.items() if name != "e"}, places)
    ridge = RidgeOnComponents().fit(table)
    assert ridge.chosen["drug"] == min(RidgeOnComponents.options)
    np.testing.assert_allclose(ridge.change(table.untreated("e"), "drug", "e").mean(0)[1], 9.0, atol=0.2)
    assert NearestGroups().fit(table).chosen["drug"] <= 2
    assert SimilarGroups().fit(table).chosen["drug"] <= 1
    flat = screen({("drug", name): unit(1) + 0.3 * np.eye(GENES)[i + 2] for i, name in enumerate("abcd")}, places)
    assert NearestGroups().fit(flat).chosen["drug"] >= 3
    assert RidgeOnComponents().fit(flat).chosen["drug"] >= 1


def test_two_groups_leave_a_setting_as_it_is_usual() -> None:
    table = screen({("drug", "a"): unit(1), ("drug", "b"): unit(2)}, {"a": 0.0, "b": 3.0, "c": 5.0})
    rules = [rule for rule in rules_across_groups() if isinstance(rule, RuleOfGroups)]
    assert len(rules) == 5
    for rule in rules:
        assert rule.fit(table).chosen == {"drug": rule.usual}


def test_pairs_by_neighbours_and_by_a_ridge() -> None:
    """Three kinds of treatment; pairs add. The ridge tells parts apart that were seen only together."""
    rng = np.random.default_rng(1)
    effect = {name: unit(i % 3 + 1, 2.0) + 0.1 * rng.normal(size=GENES) for i, name in enumerate("abcdef")}
    pairs = {f"{x}+{y}": effect[x] + effect[y] for x, y in ("ae", "bf", "cd", "de", "af")}
    table = screen({(name, "x"): change for name, change in {**effect, **pairs}.items()}, {"x": 0.0})
    cells = table.untreated()
    ridge = RidgeOnParts().fit(table)
    assert ridge.chosen[0] == min(strength for strength, _ in RidgeOnParts.options)
    np.testing.assert_allclose(ridge.change(cells, "b+d").mean(0), effect["b"] + effect["d"], atol=0.2)
    near = KNearestTreatments().fit(table).change(cells, "b+d").mean(0)
    alike = (pairs["a+e"], pairs["d+e"])
    assert min(np.linalg.norm(near - change) for change in alike) < 0.5, "a+e and d+e switch on the same kinds"
    for rule in (LatentSum(), TransportedSum()):
        moved = rule.fit(table).change(cells, "b+d").mean(0)
        np.testing.assert_allclose(moved, effect["b"] + effect["d"], atol=0.15)
    for sum_rule in (KNearestTreatments(), RidgeOnParts()):
        with pytest.raises(LookupError, match="part of 'q'"):
            sum_rule.fit(table).change(cells, "q")


def test_without_pairs_to_leave_out_a_setting_is_as_it_is_usual() -> None:
    table = screen({("a", "x"): unit(1), ("b", "x"): unit(2)}, {"x": 0.0})
    assert RidgeOnParts().fit(table).chosen == RidgeOnParts.usual
    assert KNearestTreatments().fit(table).chosen == KNearestTreatments.usual


def test_a_rule_says_how_it_predicts() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Rule()
    assert AdditiveMedian.name != Additive.name

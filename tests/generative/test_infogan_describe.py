"""Names of categories and features of codes, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generative.test_infogan import DIRECTION, fitted, planted
from virtualcell.generative.infogan_describe import name_categories, turned_features
from virtualcell.schema import UNKNOWN, DataError

NAMES = np.array(["common", "frequent", "rare"])


def test_categories_are_named_by_most_of_their_cells() -> None:
    states, group, _ = planted(400, seed=2)
    table = name_categories(fitted().read(states)[0].argmax(1), NAMES[group], 3)
    assert sorted(table["name"]) == sorted(NAMES)
    assert table["cells"].sum() == 400
    assert table["share"].sum() == pytest.approx(1)
    assert (table["share_of_name"] > 0.97).all()
    shares = table.set_index("name")["share"]
    assert shares["common"] == pytest.approx((group == 0).mean(), abs=0.02)


def test_a_category_without_cells_is_unknown() -> None:
    table = name_categories(np.array([0, 0, 0, 2]), ["a", "b", "a", "b"], 3)
    assert table["name"].tolist() == ["a", UNKNOWN, "b"]
    assert table["cells"].tolist() == [3, 0, 1]
    np.testing.assert_allclose(table["share_of_name"], [2 / 3, 0, 1])


def test_the_feature_on_the_planted_direction_comes_first() -> None:
    """What is read is an exponential of half the states, so that its logarithm moves by half of what the states do."""
    amount = np.log2(np.exp(fitted().turn(0, 0, steps=5, n=200) / 2).mean(1))
    table = turned_features(amount, ["first", "second", "third"])
    assert table["feature"][0] == "third"
    spanned = 2 * DIRECTION[2] / 2 / np.log(2)  # exponent from one end to the other, in powers of 2
    assert 0.4 * spanned < abs(table["change"][0]) < 1.2 * spanned
    assert table["reach"].is_monotonic_decreasing
    np.testing.assert_allclose(table["change"][0], amount[-1, 2] - amount[0, 2])


def test_what_passes_a_peak_reaches_far_without_changing() -> None:
    table = turned_features(np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 1.0]]), ["peak", "step"])
    assert table["feature"].tolist() == ["peak", "step"]
    assert table["change"].tolist() == [0, 1]
    assert table["reach"].tolist() == [3, 1]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match="labels"):
        name_categories(np.zeros(50, dtype=int), ["a"], 1)
    with pytest.raises(DataError, match="names"):
        turned_features(np.zeros((3, 2)), ["one"])

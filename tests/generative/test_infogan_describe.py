"""Names of categories and genes of codes, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generative.test_infogan import DIRECTION, fitted, planted
from virtualcell.generative.infogan_describe import LOG2, genes_of_code, name_categories
from virtualcell.schema import DataError

NAMES = np.array(["common", "frequent", "rare"])


def test_categories_are_named_by_most_of_their_cells() -> None:
    states, group, _ = planted(400, seed=2)
    table = name_categories(fitted(), states, NAMES[group])
    assert sorted(table["name"]) == sorted(NAMES)
    assert table["cells"].sum() == 400
    assert table["share"].sum() == pytest.approx(1)
    assert (table["share_of_name"] > 0.97).all()
    shares = table.set_index("name")["share"]
    assert shares["common"] == pytest.approx((group == 0).mean(), abs=0.02)


def test_a_name_of_two_categories_is_numbered_by_size() -> None:
    states, group, _ = planted(400, seed=2)
    table = name_categories(fitted(), states, np.where(group == 2, "rare", "both")).set_index("name")
    assert {"both 1", "both 2", "rare"} == set(table.index)
    assert table.loc["both 1", "cells"] >= table.loc["both 2", "cells"]


def test_the_gene_on_the_planted_direction_comes_first() -> None:
    def decode(states: np.ndarray) -> np.ndarray:
        return np.exp(states / 2)

    table = genes_of_code(fitted(), 0, decode, ["first", "second", "third"])
    assert table["gene"][0] == "third"
    spanned = 2 * DIRECTION[2] / 2 / np.log(2)  # exponent from one end to the other, in powers of 2
    assert 0.4 * spanned < abs(table[LOG2][0]) < 1.2 * spanned
    assert table[LOG2].abs().is_monotonic_decreasing
    assert np.sign(table[LOG2][0]) == np.sign(table["high"][0] - table["low"][0])
    assert len(genes_of_code(fitted(), 0, decode, ["first", "second", "third"], category=1, top=2)) == 2


def test_what_does_not_fit_is_named() -> None:
    states = planted(50)[0]
    with pytest.raises(DataError, match="labels"):
        name_categories(fitted(), states, ["a"])
    with pytest.raises(DataError, match="names"):
        genes_of_code(fitted(), 0, lambda z: z, ["one"])

"""Which genes change first, on curves made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtualcell.landscape.order import first_changes

ALONG = np.linspace(0, 1, 41)


def expression(*logs: np.ndarray) -> np.ndarray:
    """(41, genes) counts per 10,000 whose log2(1 + counts) are the curves given."""
    return np.stack([2.0**curve - 1 for curve in logs], 1)


def test_genes_come_in_the_order_in_which_half_of_their_change_is_made() -> None:
    early, late, falling = 3 * (ALONG > 0.21), 2 * ALONG**4, 5 - 4 * np.clip((ALONG - 0.3) / 0.4, 0, 1)
    found = first_changes(expression(late, early, falling), ["late", "early", "falling"]).set_index("gene")
    assert list(found.index) == ["early", "falling", "late"]
    assert found.loc["early", "log2_change"] == pytest.approx(3)
    assert found.loc["falling", "log2_change"] == pytest.approx(-4)
    assert found.loc["late", "log2_change"] == pytest.approx(2)
    assert found.loc["early", "half_way"] == pytest.approx(0.2125, abs=1e-6)  # between the 8th image and the 9th
    assert found.loc["falling", "half_way"] == pytest.approx(0.5, abs=1e-6)
    assert found.loc["late", "half_way"] == pytest.approx(0.5**0.25, abs=1e-3)


def test_a_gene_that_overshoots_is_half_way_when_it_is_there_first() -> None:
    over = 2 * np.sin(np.pi * ALONG / 1.2)  # up to 2, and down to 1
    found = first_changes(expression(over), ["over"])
    assert found.loc[0, "log2_change"] == pytest.approx(1.0, abs=1e-6)
    assert found.loc[0, "half_way"] == pytest.approx(1.2 / np.pi * np.arcsin(0.25), abs=2e-3)


def test_those_that_change_most_are_shown_and_those_that_do_not_change_never() -> None:
    logs = [size * ALONG for size in (1.0, -4.0, 0.0, 3.0)]
    assert set(first_changes(expression(*logs), list("abcd"), most=2)["gene"]) == {"b", "d"}
    assert set(first_changes(expression(*logs), list("abcd"))["gene"]) == {"a", "b", "d"}
    assert first_changes(np.ones((41, 2)), ["a", "b"]).empty


@given(st.lists(st.floats(0, 1000), min_size=3, max_size=12), st.lists(st.floats(0, 1000), min_size=3, max_size=12))
def test_every_way_has_its_halves_between_start_and_end(one: list[float], other: list[float]) -> None:
    k = min(len(one), len(other))
    found = first_changes(np.stack([one[:k], other[:k]], 1), ["one", "other"])
    assert found["half_way"].between(0, 1).all()
    assert found["half_way"].is_monotonic_increasing
    for _, row in found.iterrows():
        curve = {"one": one, "other": other}[row["gene"]][:k]
        assert row["log2_change"] == pytest.approx(np.log2((1 + curve[-1]) / (1 + curve[0])))


@given(st.floats(0.5, 6), st.booleans())
def test_the_way_back_mirrors_the_way_there(power: float, rising: bool) -> None:
    curve = 4 * ALONG**power if rising else 4 * (1 - ALONG**power)
    there, back = (first_changes(expression(c), ["g"]).loc[0] for c in (curve, curve[::-1]))
    assert there["half_way"] == pytest.approx(1 - back["half_way"], abs=1e-6)
    assert there["log2_change"] == pytest.approx(-back["log2_change"])

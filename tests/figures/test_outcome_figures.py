"""Outcomes of a push: volcanoes, gene sets, fates and pairs show the numbers given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtualcell.figures.effect_volcano import REACHES, effect_volcano
from virtualcell.figures.fate_change import fate_change
from virtualcell.figures.pair_matrix import pair_matrix
from virtualcell.figures.pair_scales import pair_scales
from virtualcell.figures.perturbation import top_genes
from virtualcell.figures.set_changes import set_changes
from virtualcell.perturbation.interaction import ADDITIVE, SYNERGY


def test_bars_carry_their_intervals_in_the_order_of_the_bars():
    (bar,) = top_genes(["a", "b", "c"], [0.5, -2, 1], low=np.array([0.2, -2.5, -0.1]), high=np.array([0.9, -1.0, 1.3])).data
    assert list(bar.y) == ["c", "a", "b"]
    np.testing.assert_allclose(bar.error_x.array, [0.3, 0.4, 1.0])
    np.testing.assert_allclose(bar.error_x.arrayminus, [1.1, 0.3, 0.5])


def test_a_volcano_colours_what_is_large_and_sure():
    fig = effect_volcano(["a", "b", "c", "d", "e"], [2, -1, 3, 0.1, 1], [9, 4, 1.9, 50, np.inf])
    nothing, up, down = fig.data
    assert (list(nothing.text), list(up.text), list(down.text)) == (["c", "d"], ["a", "e"], ["b"])
    np.testing.assert_allclose(np.square(up.y[0]), 9)
    assert up.y[1] > max(nothing.y), "without any error it stands above all others"
    assert fig.layout.shapes[0].y0 == pytest.approx(np.sqrt(REACHES))
    assert {note.text for note in fig.layout.annotations} == {"a", "b", "e"}
    with pytest.raises(ValueError, match="is a number"):
        effect_volcano(["a"], [1.0], [np.nan])


def test_names_in_a_volcano_do_not_lie_on_one_another():
    fig = effect_volcano([f"GENE{i}" for i in range(30)], np.linspace(2, 2.1, 30), np.linspace(9, 9.5, 30))
    assert len(fig.layout.annotations) == 1


def test_gene_sets_are_ordered_and_open_where_they_are_like_other_genes():
    fig = set_changes(
        ["x", "y", "z"], [0.1, 2, -1], [0, 1.5, -2], [0.2, 2.6, -0.5], [False, True, True], ["A", "B", "C"], others=0.2
    )
    clear, unclear = fig.data[:2]
    assert (list(clear.y), list(unclear.y)) == (["y", "z"], ["x"])
    np.testing.assert_allclose(clear.error_x.array, [0.6, 0.5])
    np.testing.assert_allclose(clear.error_x.arrayminus, [0.5, 1.0])
    assert list(fig.layout.yaxis.categoryarray) == ["z", "x", "y"]  # from below
    assert fig.layout.shapes[0].x0 == 0.2
    with pytest.raises(ValueError, match="one set at least"):
        set_changes([], [], [], [], [], [], others=0.0)


def test_fates_are_percentages_side_by_side():
    share = (np.array([0.6, 0.4]), np.array([0.5, 0.3]), np.array([0.8, 0.5]))
    before, after = fate_change(
        ["a", "b"], share, tuple(1 - x for x in (share[0], share[2], share[1])), labels=("no", "yes")
    ).data
    np.testing.assert_allclose(before.x, [60, 40])
    np.testing.assert_allclose(before.error_x.array, [20, 10])
    np.testing.assert_allclose(after.x, [40, 60])


def measured(**others) -> pd.DataFrame:
    row = {"first": "b", "second": "a", "pair": "b+a", "kind": SYNERGY, "scale": 1.5, "scale_low": 1.2, "scale_high": 2.0}
    return pd.DataFrame([row | others])


def test_each_pair_has_one_mark_that_says_which_it_is():
    additive = pd.DataFrame({"first": ["a", "a", "b"], "second": ["b", "c", "c"], "size": [1.0, 2.0, 3.0], "alike": 0.0})
    squares, diamonds = pair_matrix(additive, measured(), [True]).data
    assert [tuple(one[:2]) for one in squares.customdata] == [("a", "c"), ("b", "c")]
    np.testing.assert_allclose(squares.marker.color, [2, 3])
    assert [tuple(one[:2]) for one in diamonds.customdata] == [("b", "a")]
    assert (diamonds.x[0], diamonds.y[0]) == ("a", "b"), "in the lower half in whichever order it was named"
    assert "150% of the sum [120%, 200%]" in diamonds.customdata[0][3]
    pale = pair_matrix(additive, measured(kind=ADDITIVE, scale=np.nan), [False]).data[1]
    assert pale.marker.line.color[0] != diamonds.marker.line.color[0]
    assert pale.marker.color[0] == 1.0
    assert "too weak" in pale.customdata[0][3]


def test_shares_of_the_sum_are_filled_where_clear_and_written_where_unknown():
    fig = pair_scales(["p", "q", "r"], [1.5, np.nan, 0.9], [1.2, np.nan, 0.5], [9.0, np.nan, 1.4], [True, False, False])
    (dots,) = fig.data
    assert dots.marker.color[0] == dots.marker.line.color[0]
    assert dots.marker.color[2] != dots.marker.line.color[2]
    assert dots.error_x.array[0] == pytest.approx(2.5), "cut at four times the sum, with an arrow"
    assert {"→", "  alone too weak"} <= {note.text for note in fig.layout.annotations}

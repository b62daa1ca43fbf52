"""Bars, dots and curves show the numbers given."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.composition import composition
from virtualcell.figures.fates import fates
from virtualcell.figures.gene_curves import gene_curves
from virtualcell.figures.heldout import heldout
from virtualcell.figures.perturbation import shift, top_genes
from virtualcell.figures.placing import Placing
from virtualcell.figures.quality import quality
from virtualcell.figures.volcano import volcano


def test_gene_curves_show_prediction_band_and_measured_points():
    times, mean = np.linspace(0, 3, 4), np.arange(8.0).reshape(4, 2)
    fig = gene_curves(
        times,
        mean,
        mean - 1,
        mean + 1,
        ["A", "B"],
        measured_times=np.array([0, 3]),
        measured_mean=np.array([[0.5, 1], [6, 7]]),
        measured_error=np.full((2, 2), 0.1),
        unit="h",
    )
    band, line, points = fig.data[3:]
    np.testing.assert_array_equal(line.y, mean[:, 1])
    np.testing.assert_array_equal(points.y, [1, 7])
    np.testing.assert_array_equal(points.error_y.array, [0.1, 0.1])
    assert max(band.y) == mean[:, 1].max() + 1
    assert min(band.y) == mean[:, 1].min() - 1
    assert [note.text for note in fig.layout.annotations] == ["A", "B"]


def test_gene_curves_mark_times_that_the_model_never_saw():
    fig = gene_curves(
        np.array([0.0, 2.0]), np.ones((2, 1)), None, None, ["A"], unit="h", measured_times=np.array([0, 1, 2]),
        measured_mean=np.array([[1], [2], [3]]), measured_error=np.full((3, 1), 0.1), unseen=np.array([False, True, False]),
    )  # fmt: skip
    line, seen, unseen = fig.data
    assert (list(line.x), list(seen.x), list(unseen.x)) == ([0, 2], [0, 2], [1])
    assert list(unseen.y) == [2]
    assert unseen.marker.color != seen.marker.color


def test_fate_bars_and_intervals_are_percentages():
    (bar,) = fates(["x", "y"], [0.7, 0.3], [0.6, 0.25], [0.85, 0.4]).data
    np.testing.assert_allclose(bar.x, [70, 30])
    np.testing.assert_allclose(bar.error_x.array, [15, 10])
    np.testing.assert_allclose(bar.error_x.arrayminus, [10, 5])


def test_heldout_is_ordered_and_marks_ours():
    fig = heldout(
        ["ours", "no change", "floor"],
        [1.2, 2.0, 0.9],
        [1.1, 1.9, 0.8],
        [1.3, 2.2, 1.0],
        ours="ours",
        limit="floor",
        measure="W1",
    )
    assert [trace.name for trace in fig.data] == ["floor", "ours", "no change"]
    assert fig.data[1].marker.symbol == "diamond"
    np.testing.assert_allclose(fig.data[2].error_x.array, [0.2])
    assert fig.layout.shapes[0].x0 == 0.9
    larger = heldout(["a", "b"], [0.2, 0.9], [0.1, 0.8], [0.3, 1.0], ours="a", larger_is_better=True)
    assert [trace.name for trace in larger.data] == ["b", "a"]
    with pytest.raises(ValueError, match="must be among"):
        heldout(["a"], [1], [1], [1], ours="b")


def test_composition_counts_the_selection_beside_all():
    values = np.array(["a"] * 6 + ["b"] * 4)
    chosen = np.array([True] * 3 + [False] * 6 + [True])
    inside, overall = composition(values, chosen).data
    np.testing.assert_allclose(inside.x, [75, 25])
    np.testing.assert_array_equal(inside.customdata, [3, 1])
    np.testing.assert_allclose(overall.x, [60, 40])


def test_top_genes_keep_the_largest_changes_both_ways():
    (bar,) = top_genes(["a", "b", "c", "d"], [0.1, -3, 2, -0.2], n=3).data
    assert list(bar.y) == ["c", "d", "b"]
    np.testing.assert_allclose(bar.x, [2, -0.2, -3])


def test_volcano_splits_by_evidence_and_survives_p_of_zero():
    fig = volcano(["a", "b", "c"], [2, -1, 0.1], [0.0, 0.01, 0.9])
    nothing, up, down = fig.data
    assert (list(up.text), list(down.text), list(nothing.text)) == (["a"], ["b"], ["c"])
    assert np.isfinite(up.y).all()


def test_shift_draws_one_bold_arrow_for_the_middle_of_each_group():
    before = np.zeros((10, 2))
    after = np.repeat([[2.0, -1.0], [-3.0, 0.0]], 5, axis=0)
    fig = shift(np.zeros((9, 2)), before, after, labels=("before", "after"), groups=np.repeat(["a", "b"], 5))
    bold = [(arrow.ax, arrow.ay, arrow.x, arrow.y) for arrow in fig.layout.annotations if arrow.arrowwidth == 4]
    assert bold == [(0, 0, 2, -1), (0, 0, -3, 0)]


def test_quality_violins_hold_the_log_of_each_group():
    fig = quality({"counts": np.array([1, 10, 100, 0])}, np.array(["a", "a", "b", "b"]))
    np.testing.assert_allclose(fig.data[0].y, [0, 1])
    np.testing.assert_allclose(fig.data[1].y, [2, 0])


def test_placing_returns_measured_cells_to_their_place_and_interpolates_between():
    along = np.linspace(0, 1, 101)[:, None]
    place = Placing(along * np.ones((1, 4)), np.c_[10 * along, 0 * along], neighbours=2)
    np.testing.assert_allclose(place(along[[30, 70]] * np.ones((1, 4))), [[3, 0], [7, 0]], atol=1e-2)
    np.testing.assert_allclose(place(np.full((1, 1, 4), 0.455)), [[[4.55, 0]]], atol=1e-2)


def test_placing_never_puts_a_cell_into_the_empty_space_between_two_parts_of_the_map():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(80, 3)).astype(np.float32)
    side = np.where(rng.random(80) < 0.5, -50.0, 50.0)
    place = Placing(states, np.c_[side, np.zeros(80)])
    assert np.abs(place(rng.normal(size=(200, 3)))[:, 0]).min() > 45

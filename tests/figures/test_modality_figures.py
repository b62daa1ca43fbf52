"""Figures of the page Modalities show the numbers given."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.alignment import alignment
from virtualcell.figures.calibration import calibration
from virtualcell.figures.coding import coding, rate
from virtualcell.figures.interval_check import interval_check
from virtualcell.figures.leaderboard import leaderboard, log_interval
from virtualcell.figures.look import DARK, LIGHT
from virtualcell.figures.patterns import patterns
from virtualcell.figures.peaks import peaks
from virtualcell.figures.translation import translation
from virtualcell.figures.viewpoints import viewpoints


def test_viewpoints_place_the_same_cells_in_every_panel_with_one_legend():
    rng = np.random.default_rng(0)
    time = np.repeat([0.0, 1.0, 3.0], 5)
    alone = rng.normal(size=(15, 2))
    alone[3] = np.nan
    fig = viewpoints({"all": rng.normal(size=(15, 2)), "RNA alone": alone}, time, name="time", kind="time", unit="h")
    assert [trace.name for trace in fig.data] == ["0 h", "1 h", "3 h"] * 2
    assert [trace.showlegend for trace in fig.data] == [True] * 3 + [False] * 3
    assert all(trace.legendgroup == trace.name for trace in fig.data)
    # A cell that was not measured that way is not drawn there.
    assert [len(trace.x) for trace in fig.data] == [5, 5, 5, 4, 5, 5]
    np.testing.assert_allclose(fig.data[3].y, alone[[0, 1, 2, 4], 1], rtol=1e-6)
    assert fig.data[0].marker.color == fig.data[3].marker.color == LIGHT.times(3)[0]
    assert {axis.matches for axis in fig.select_xaxes()} == {"x"}


def test_viewpoints_of_an_amount_share_one_scale():
    amount = np.arange(6.0)
    fig = viewpoints({"a": np.zeros((6, 2)), "b": np.ones((6, 2))}, amount, name="CD3", kind="amount")
    first, second = fig.data
    assert (first.marker.cmin, first.marker.cmax) == (second.marker.cmin, second.marker.cmax)
    assert (first.marker.cmin, first.marker.cmax) == pytest.approx((0.0, 4.975))  # the 99.5th percentile of 0 to 5
    with pytest.raises(ValueError, match="6 cells"):
        viewpoints({"a": np.zeros((5, 2))}, amount, name="CD3")


def test_translation_has_a_dot_a_feature_beside_the_average():
    measured, predicted, average = np.array([0.1, 0.4, 0.0]), np.array([0.2, 0.3, 0.01]), np.array([0.25, 0.25, 0.02])
    fig = translation(["p", "q", "r"], measured, predicted, average, predicted_by="RNA", share=True, smallest=0.002, chosen=1)
    line, stems, ours, ring = fig.data
    assert list(line.x) == list(line.y)
    np.testing.assert_allclose(ours.x, [0.1, 0.4, 0.002], rtol=1e-6)
    np.testing.assert_allclose(ours.y, predicted, rtol=1e-6)
    # Stems lead from the average to the prediction.
    np.testing.assert_allclose(stems.y, [0.25, 0.2, np.nan, 0.25, 0.3, np.nan, 0.02, 0.01, np.nan], rtol=1e-6)
    np.testing.assert_allclose(ours.customdata, np.column_stack([measured, predicted, average]), rtol=1e-6)
    np.testing.assert_allclose((ring.x[0], ring.y[0]), (0.4, 0.3), rtol=1e-6)
    assert fig.layout.xaxis.type == "log"
    (note,) = fig.layout.annotations
    assert note.text == "q"
    # Annotations on a logarithmic axis stand at the logarithm.
    np.testing.assert_allclose((note.x, note.y), np.log10([0.4, 0.3]), rtol=1e-6)


def test_translation_of_amounts_is_linear_and_wants_one_number_a_feature():
    fig = translation(["a", "b"], np.array([-1.0, 2]), np.array([0.0, 1]), np.zeros(2), predicted_by="RNA")
    assert fig.layout.xaxis.type != "log"
    assert fig.layout.xaxis.range == fig.layout.yaxis.range
    assert fig.layout.xaxis.range[0] < -1 < 2 < fig.layout.xaxis.range[1]
    with pytest.raises(ValueError, match="2 names"):
        translation(["a", "b"], np.zeros(3), np.zeros(2), np.zeros(2), predicted_by="RNA")


def test_interval_check_parts_cells_inside_from_those_outside():
    measured, predicted = np.array([0.0, 1.0, 5.0, 2.0]), np.array([0.5, 1.5, 1.0, 2.0])
    fig = interval_check(measured, predicted, predicted - 1, predicted + 1, name="g")
    band, _, inside, outside = fig.data
    assert (list(inside.y), list(outside.y)) == ([0, 1, 2], [5])
    assert (min(band.y), max(band.y)) == (-0.5, 3.0)
    assert (inside.name, outside.name) == ("inside (3 cells)", "outside (1 cells)")
    bare = interval_check(measured, predicted, name="g")
    assert len(bare.data) == 3
    assert bare.data[1].name == "4 cells"


def test_calibration_is_in_percent_with_the_average_as_a_line():
    fig = calibration([0.1, 0.3], [0.12, 0.2], [0.05, 0.1], [0.2, 0.4], [50, 50], average=0.15)
    line, dots = fig.data[1:]
    np.testing.assert_allclose(dots.x, [10, 30])
    assert dots.mode == "markers"
    np.testing.assert_allclose(dots.y, [12, 20])
    np.testing.assert_allclose(dots.error_y.array, [8, 20])
    np.testing.assert_allclose(dots.error_y.arrayminus, [7, 10])
    assert (line.name, line.y) == ("average of the training cells", (15, 15))


def test_alignment_parts_groups_and_centres_its_colours_on_nothing():
    likeness = np.linspace(-1, 1, 25).reshape(5, 5)
    fig = alignment(likeness, ["0 h", "0 h", "1 h", "1 h", "1 h"], names=("RNA", "chromatin"), look=DARK)
    (heat,) = fig.data
    np.testing.assert_allclose(heat.z, likeness, rtol=1e-6)
    assert heat.zmid == 0
    assert heat.zmin == -heat.zmax
    # One line across and one down between the two groups, and a name in the middle of each.
    across, down, *ends = fig.layout.shapes
    assert [(shape.y0, shape.x0) for shape in (across, down)] == [(1.5, 0), (0, 1.5)]
    # The diagonal is marked outside of the cells.
    assert [(end.x0, end.x1) for end in ends] == [(end.y0, end.y1) for end in ends]
    assert ends[0].x1 == -0.5
    assert ends[1].x0 == 4.5
    assert dict(zip(fig.layout.xaxis.ticktext, fig.layout.xaxis.tickvals, strict=True)) == {"0 h": 0.5, "1 h": 3.0}
    with pytest.raises(ValueError, match="4 cells"):
        alignment(likeness, ["a"] * 4, names=("RNA", "chromatin"))


def test_on_a_dark_page_lightness_rises_from_nothing_to_both_ends():
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    light = [lightness(colour) for _, colour in alignment(np.eye(2), ["a", "a"], names=("x", "y"), look=DARK).data[0].colorscale]
    assert light[3] == min(light)
    assert (np.diff(light[:4]) < 0).all()
    assert (np.diff(light[3:]) > 0).all()


def test_patterns_lay_blocks_of_cells_side_by_side():
    fig = patterns({("RNA",): 100, ("RNA", "chromatin"): 300}, ["RNA", "chromatin"])
    both, rna = fig.data
    assert (both.base[0], both.x[0], rna.base[0], rna.x[0]) == (0, 300, 300, 100)
    assert list(both.marker.color) == [LIGHT.accent] * 2
    assert list(rna.marker.color) == [LIGHT.accent, LIGHT.faint]
    assert [note.text for note in fig.layout.annotations] == ["300", "100"]
    with pytest.raises(ValueError, match="image"):
        patterns({("image",): 1}, ["RNA"])


def test_coding_greys_what_may_be_nothing():
    fig = coding({"true pairs": (2.0, 1.0, 3.0), "shuffled": (0.5, -1.0, 1.5)}, unit="nats a cell")
    sure, unsure = fig.data
    assert (sure.x[0], sure.error_x.array[0], sure.error_x.arrayminus[0]) == (2.0, 1.0, 1.0)
    assert (sure.marker.color, unsure.marker.color) == (LIGHT.accent, LIGHT.quiet)
    with pytest.raises(ValueError, match="no interval"):
        coding({"x": (5.0, 1.0, 3.0)}, unit="nats a cell")


def test_rate_marks_the_chosen_size():
    against_best = np.array([[-5.2, -6.0, -4.4], [-0.2, -0.5, 0.1], [0.0, 0.0, 0.0]])
    fig = rate([2, 8, 16], against_best, 8)
    line, mark = fig.data
    # The choice rests on differences to the best size, and so does the picture.
    np.testing.assert_allclose(line.y, [-5.2, -0.2, 0])
    np.testing.assert_allclose(line.error_y.array, [0.8, 0.3, 0.0])
    np.testing.assert_allclose(line.error_y.arrayminus, [0.8, 0.3, 0.0])
    low, high = fig.layout.yaxis.range
    assert low < -6.0
    assert high > 0.1
    assert (mark.x[0], mark.y[0]) == pytest.approx((8, -0.2))
    with pytest.raises(ValueError, match="be one of them"):
        rate([2, 8, 16], against_best, 4)


def test_leaderboard_orders_by_the_first_measure_and_leaves_out_what_a_method_cannot_do():
    fig = leaderboard(
        ["AUROC", "RMSE"],
        [True, False],
        ["ridge", "ours", "MULTIVI"],
        ["baseline", "ours", "peer"],
        [[[0.58, 0.57, 0.59], [0.4, 0.39, 0.41]], [[0.6, 0.59, 0.61], [0.3, 0.29, 0.31]], [[0.55, 0.5, 0.6], None]],
    )
    assert list(fig.layout.yaxis.categoryarray) == ["MULTIVI", "ridge", "ours"]  # from the bottom up
    assert [(trace.y[0], trace.x[0]) for trace in fig.data] == [
        ("ours", 0.6), ("ridge", 0.58), ("MULTIVI", 0.55), ("ours", 0.3), ("ridge", 0.4),
    ]  # fmt: skip
    assert sum(bool(trace.showlegend) for trace in fig.data) == 3
    # The faint line stands at the best of each: the largest AUROC, the smallest error.
    assert [shape.x0 for shape in fig.layout.shapes] == pytest.approx([0.6, 0.3])


def test_peaks_stand_at_their_distance_with_the_gene_beside():
    opened = np.array([[[0.1, 0.2], [0.3, 0.4]], [[0.05, 0.1], [0.2, 0.3]], [[0.2, 0.3], [0.4, 0.5]]])
    predicted = np.array([[0.12, 0.18], [0.25, np.nan]])
    amount = np.array([[1.0, 2.0], [0.9, 1.8], [1.1, 2.2]])
    fig = peaks("G", np.array([-20.0, 5.0]), ["p", "q"], ["0 h", "3 h"], opened, predicted, amount)
    stems, dots, diamonds, gene = fig.data[4:]
    np.testing.assert_allclose(dots.y, [30, 40])
    np.testing.assert_allclose(dots.error_y.arrayminus, [10, 10])
    np.testing.assert_allclose(dots.customdata, [-20, 5])
    # No wider than the peaks and the start of the gene.
    low, high = fig.layout.xaxis.range
    assert -23 < low < -20
    assert 5 < high < 8
    # Times of one peak stand side by side, less than two kb apart.
    np.testing.assert_allclose(dots.x, [-20, 5], atol=1)
    assert dots.x[0] > fig.data[1].x[0]
    assert np.nanmax(stems.y) == pytest.approx(40)
    np.testing.assert_allclose(diamonds.y, [25, np.nan])
    assert (gene.y[0], gene.error_y.array[0]) == pytest.approx((2.0, 0.2))
    with pytest.raises(ValueError, match="do not fit"):
        peaks("G", np.zeros(2), ["p", "q"], ["0 h"], opened, predicted, amount)


def test_leaderboard_tells_ways_of_joining_and_single_splits_by_their_marks():
    rows = [[[0.6, 0.5, 0.7]], [[0.5, 0.4, 0.6]], [[0.55, 0.55, 0.55]], [[0.52, 0.5, 0.54]]]
    once = np.array([[False], [False], [True], [False]])
    fig = leaderboard(["AUROC"], [True], ["V", "j", "U", "M"], ["ours", "fusion", "peer", "peer"], rows, once=once)
    marks = {method: trace.marker.symbol for trace in fig.data for method in trace.y}
    assert marks == {"V": "diamond", "U": "square-open", "M": "square", "j": "triangle-up"}
    # The legend shows the full square, although the hollow one stands above it.
    assert {trace.y[0] for trace in fig.data if trace.showlegend} == {"V", "M", "j"}


def test_intervals_of_times_stay_above_nothing():
    mean, low, high = log_interval(np.array([300.0, -30.0, 630.0]))
    assert (mean, low, high) == pytest.approx((300, 300 * np.exp(-1.1), 300 * np.exp(1.1)))
    # Narrow ones stay what they were.
    np.testing.assert_allclose(log_interval(np.array([[100.0, 99.0, 101.0]])), [[100, 99, 101]], rtol=1e-4)


def test_leaderboard_draws_measures_over_decades_on_a_logarithmic_axis():
    rows = [[[3.0, -1.0, 7.0], [0.5, 0.4, 0.6]], [[900.0, 700.0, 1100.0], [0.6, 0.5, 0.7]]]
    fig = leaderboard(["CPU seconds", "AUROC"], [False, True], ["ours", "MULTIVI"], ["ours", "peer"], rows)
    assert (fig.layout.xaxis.type, fig.layout.xaxis2.type) == ("log", None)
    assert fig.data[0].error_x.arrayminus[0] == pytest.approx(2.0)  # cut at a third of the smallest, above 0
    assert list(fig.layout.yaxis.categoryarray) == ["MULTIVI", "ours"]

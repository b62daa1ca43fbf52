"""Figures of drawn cells show what was measured and what was drawn, each in its place."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from virtualcell.explore.polygon import members
from virtualcell.figures.drawn_codes import settling, spaced, turned
from virtualcell.figures.drawn_features import LONGEST, feature_intervals, means, short, spreads, togetherness
from virtualcell.figures.drawn_images import drawn_images, marked_sheet, mosaic, turned_images
from virtualcell.figures.drawn_map import drawn_map, inks, one_cell, outline
from virtualcell.figures.look import DARK, LIGHT
from virtualcell.figures.pair_figures import label_scores, nearest, pair_scores

RNG = np.random.default_rng(0)


def test_measured_and_drawn_cells_stand_in_panels_of_their_own():
    everyone, real, made = RNG.normal(size=(50, 2)), RNG.normal(size=(8, 2)), RNG.normal(size=(9, 2))
    made[2] = np.nan
    fig = drawn_map(everyone, real, made, titles=("as they are", "as drawn"))
    left, right = ([trace for trace in fig.data if trace.xaxis == axis] for axis in ("x", "x2"))
    np.testing.assert_allclose(left[1].x, real[:, 0].astype(np.float32))
    np.testing.assert_allclose(right[1].y, np.delete(made, 2, axis=0)[:, 1].astype(np.float32))
    assert (left[1].marker.color, right[1].marker.color) == inks(LIGHT)
    assert [note.text for note in fig.layout.annotations] == ["as they are (8)", "as drawn (8)"]
    other = drawn_map(everyone, real, made, around=(everyone[3:5], everyone[:3] + 9))
    assert [(t.xaxis, t.x[0]) for t in other.data if "otherwise" in t.name] == [
        ("x", np.float32(everyone[3, 0])),
        ("x2", np.float32(everyone[0, 0] + 9)),
    ]
    assert other.layout.xaxis.range[1] > everyone[:3, 0].max() + 9, "no faint dot is cut off"
    assert other.layout.yaxis.range[1] > everyone[:3, 1].max() + 9
    assert fig.layout.xaxis2.matches == fig.layout.xaxis.matches == "x"


def test_draws_that_stray_are_in_the_frame():
    everyone, strays = RNG.normal(size=(500, 2)), RNG.normal(size=(100, 2)) * 9
    fig = drawn_map(everyone, everyone[:9], strays)
    (left, right), (low, high) = fig.layout.xaxis.range, fig.layout.yaxis.range
    seen = (strays[:, 0] > left) & (strays[:, 0] < right) & (strays[:, 1] > low) & (strays[:, 1] < high)
    assert seen.mean() >= 0.95
    fig = one_cell(everyone, strays[:20], np.array([-50.0, 2.0]))
    assert fig.layout.xaxis.range[0] < -50
    assert fig.layout.xaxis.range[1] > strays[:20, 0].max()


def test_a_group_that_was_not_drawn_shifts_no_colour():
    places = RNG.normal(size=(3, 2))
    fig = drawn_map(places, places, places, groups=(np.array(["a", "b", "c"]), np.array(["c", "a", "c"])), name="state")
    colour = {(t.name, t.xaxis): t.marker.color for t in fig.data}
    assert all(colour[name, "x"] == colour[name, "x2"] for name in "abc")
    count = {(t.name, t.xaxis): len(t.x) for t in fig.data}
    assert [count[name, "x2"] for name in "abc"] == [1, 0, 2]
    assert [t.name for t in fig.data if t.showlegend] == ["a", "b", "c"]
    lacking = drawn_map(places, places[:2], places, groups=(np.array(["a", "b"]), np.array(["c", "a", "c"])))
    assert [(t.name, t.xaxis) for t in lacking.data if t.showlegend] == [("a", "x"), ("b", "x"), ("c", "x2")]
    assert all(len(t.x) for t in lacking.data if t.showlegend), "an empty trace has no entry in a legend"
    with pytest.raises(ValueError, match="one label"):
        drawn_map(places, places, places, groups=(np.array(["a"]), np.array(["a"])))


def test_the_outline_holds_nine_of_ten_draws_and_leaves_out_the_far_ones():
    draws = RNG.normal(size=(200, 2))
    draws[:5] += 40
    corners = outline(draws)
    np.testing.assert_array_equal(corners[0], corners[-1])
    assert np.abs(corners).max() < 10
    assert 0.88 <= len(members(draws, corners[:-1] * (1 + 1e-6))) / len(draws) <= 0.93
    assert len(outline(draws[:2])) == len(outline(np.ones((9, 2)))) == 0


def test_one_cell_has_its_draws_its_truth_and_what_was_expected():
    fig = one_cell(RNG.normal(size=(30, 2)), RNG.normal(size=(20, 2)), np.array([1.0, 2.0]), expected=np.array([0.5, 0.5]))
    found = {trace.name: trace for trace in fig.data}
    assert (found["measured"].x[0], found["measured"].y[0]) == (1, 2)
    assert found["expected"].x[0] == 0.5
    assert len(found["drawn"].x) == 20


def test_the_halves_of_a_violin_are_measured_and_drawn():
    real, made = RNG.normal(0, 1, (900, 2)), RNG.normal(5, 1, (40, 2))
    fig = spreads(["A", "B"], real, made, unit="log amount")
    left, right = ([trace for trace in fig.data if trace.side == side] for side in ("negative", "positive"))
    assert len(left) == len(right) == 2
    assert np.median(left[1].y) == pytest.approx(np.median(real[:, 1]), abs=0.02)
    assert max(len(trace.y) for trace in left) <= 400
    np.testing.assert_allclose(np.sort(right[0].y), np.sort(made[:, 0]), rtol=1e-6)
    seen = (np.array([0.5, 1.0]), np.array([0.25, 0.0]))
    assert spreads(["A", "B"], real, made, unit="", seen=seen).layout.xaxis.ticktext == ("A<br>50% | 25%", "B<br>100% | 0%")


def test_long_units_are_broken_into_lines():
    fig = feature_intervals(["A"], [0], [0], [1], unit="log(1 + tag count) minus its mean over the proteins")
    lines = fig.layout.xaxis.title.text.split("<br>")
    assert " ".join(lines) == "log(1 + tag count) minus its mean over the proteins"
    assert max(map(len, lines)) <= 40


def test_means_are_on_the_line_where_they_agree():
    fig = means(["A", "B"], np.array([0.1, 0.5]), np.array([0.1, 0.6]), unit="", share=True, cells=(7, 1200))
    line, dots = fig.data
    np.testing.assert_array_equal(line.x, line.y)
    np.testing.assert_allclose(dots.y, [0.1, 0.6])
    assert fig.layout.xaxis.type == fig.layout.yaxis.type == "log"
    assert "mean of 7 cells" in fig.layout.xaxis.title.text
    assert fig.layout.yaxis.title.text == "drawn, mean of 1,200 cells"
    rare = means(["A"], np.array([0.0]), np.array([0.2]), unit="", share=True, smallest=0.01, cells=(7, 9)).data[1]
    assert rare.x[0] == pytest.approx(0.01), "none of the cells: on the edge, as a logarithm has no zero"


def test_measured_correlations_are_above_the_diagonal_and_drawn_ones_below():
    real, made = np.full((3, 3), 0.4), np.full((3, 3), -0.2)
    (found,) = togetherness(["A", "B", "C"], real, made).data
    z = np.asarray(found.z)
    assert z[0, 2] == pytest.approx(0.4)
    assert z[2, 0] == pytest.approx(-0.2)
    assert np.isnan(np.diag(z)).all()
    assert found.zmin == -found.zmax
    with pytest.raises(ValueError, match="must be"):
        togetherness(["A"], real, made)


def test_squares_have_short_names_and_the_pointer_tells_the_whole_ones():
    names = [
        "chr1-817084-817608",
        "chrGL000205.1:117507-120143",
        "HLA-DRA_ENSG00000204287",
        "CD14",
        "a name without any end to it",
    ]
    told = ["chr1:817084", "chrGL000205.1:117507", "HLA-DRA…", "CD14", "a name without any …"]
    assert [short(name) for name in names] == told
    assert max(map(len, told)) <= LONGEST
    fig = togetherness(names, np.eye(5), np.eye(5))
    assert list(fig.layout.xaxis.ticktext) == list(fig.layout.yaxis.ticktext) == told
    assert fig.data[0].text[1][0] == "chrGL000205.1:117507-120143 with chr1-817084-817608, drawn"
    assert fig.data[0].text[0][1].endswith("measured")


def test_what_all_cells_have_is_inside_the_picture():
    fig = means(["A", "B"], np.array([1.0, 0.1]), np.array([1.0, 0.1]), unit="", share=True, cells=(7, 1200))
    assert fig.layout.xaxis.range[1] == fig.layout.yaxis.range[1] > 0
    assert fig.layout.xaxis.range[0] < -1


def test_intervals_of_features_say_what_lies_outside():
    fig = feature_intervals(
        ["A", "B", "C"], np.ones(3), np.zeros(3), np.full(3, 2.0), np.array([1.0, 3.0, np.nan]), unit="log amount"
    )
    found = {trace.name: trace for trace in fig.data}
    np.testing.assert_array_equal(found["90 % interval"].x, [2, 2, 2])
    assert list(found["measured"].y) == ["A"]
    assert list(found["outside"].y) == ["B"]
    with pytest.raises(ValueError, match="below its start"):
        feature_intervals(["A"], [0], [1], [0], unit="")


def test_the_features_that_turn_most_are_drawn_against_the_middle():
    places = np.linspace(-1, 1, 5)
    slopes = np.linspace(0.1, 1.2, 12)
    fig = turned([f"g{i}" for i in range(12)], places, places[:, None] * slopes + 7, unit="log", knob="knob 1")
    assert [trace.name for trace in fig.data] == [f"g{i}" for i in range(11, 3, -1)]
    np.testing.assert_allclose(fig.data[0].y, places * 1.2, atol=1e-9)
    assert {note.text for note in fig.layout.annotations} == {trace.name for trace in fig.data}


def test_labels_move_apart_no_more_than_they_must():
    np.testing.assert_allclose(spaced(np.array([0.0, 5.0]), 1), [0, 5])
    np.testing.assert_allclose(spaced(np.array([2.0, 2.0, 9.0]), 1), [1.5, 2.5, 9])
    found = spaced(RNG.normal(size=9), 0.7)
    assert np.diff(np.sort(found)).min() >= 0.7 - 1e-9


def test_the_log_shows_both_entropies_and_how_high_they_can_be():
    fig = settling(np.arange(3), np.array([1.5, 0.5, 0.1]), np.array([1.6, 1.6, 1.5]), n_codes=5)
    assert [list(trace.y) for trace in fig.data] == [[1.5, 0.5, 0.1], [1.6, 1.6, 1.5]]
    assert fig.layout.shapes[0].y0 == pytest.approx(np.log(5))
    assert fig.layout.annotations[0].text == "every kind equally often"


def pictures(n: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, 4, 5, 3), dtype=np.uint8)


def test_pictures_are_put_in_rows_pixel_by_pixel():
    some = pictures(5)
    sheet = mosaic(some, 3, (9, 9, 9))
    assert sheet.shape == (2 * 4 + 2, 3 * 5 + 2 * 2, 3)
    np.testing.assert_array_equal(sheet[6:10, 7:12], some[4])
    assert (sheet[4:6] == 9).all()
    assert (sheet[6:, 14:] == 9).all()
    assert mosaic(some, 3, (9, 9, 9), down=4).shape[0] == 4 * 4 + 3 * 2
    with pytest.raises(ValueError, match="uint8"):
        mosaic(some.astype(float), 3, (9, 9, 9))


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_drawn_pictures_are_never_blurred(look):
    some = pictures(4)
    fig = drawn_images(some, some[:0], titles=("drawn", "real"), across=2, look=look)
    (image,) = fig.data
    assert image.zsmooth is False
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.source.split(",")[1]))))
    np.testing.assert_array_equal(shown[:4, :5], some[0])
    assert "none" in [note.text for note in fig.layout.annotations]


def test_a_knob_is_turned_from_left_to_right():
    frames = pictures(6).reshape(2, 3, 4, 5, 3)
    fig = turned_images(frames, knobs=["knob 1", "knob 2"])
    (image,) = fig.data
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.source.split(",")[1]))))
    np.testing.assert_array_equal(shown[6:10, 14:19], frames[1, 2])
    assert list(fig.layout.yaxis.ticktext) == ["knob 1", "knob 2"]
    ends = [(note.text, note.y) for note in fig.layout.annotations]
    assert ends == [("−1", 2), ("+1", 2), ("−1", 8), ("+1", 8)], "at both ends of both rows"
    with pytest.raises(ValueError, match="knobs"):
        turned_images(frames, knobs=["knob 1"])


def test_a_sheet_of_drawn_pictures_says_in_words_that_they_are():
    some = pictures(3)
    sheet = marked_sheet(some, zoom=3)
    np.testing.assert_array_equal(sheet[1 : 4 * 3 : 3, 1 : 5 * 3 : 3], some[0])
    assert (sheet[4 * 3 :] < 128).any(), "words stand under the pictures"


def test_true_pairs_score_to_the_right_of_shuffled_ones():
    fig = pair_scores(RNG.normal(3, 1, 500), RNG.normal(-3, 1, 400))
    shuffled, true = fig.data
    centre = [float(np.average(trace.x, weights=trace.y)) for trace in (shuffled, true)]
    assert centre[0] == pytest.approx(-3, abs=0.3)
    assert centre[1] == pytest.approx(3, abs=0.3)
    assert sum(true.y) == pytest.approx(1)
    for hill in fig.data:
        assert hill.y[0] == hill.y[-1] == 0, "a hill ends inside the picture"
        assert max(hill.y) < fig.layout.yaxis.range[1]
        assert fig.layout.xaxis.range[0] <= hill.x[0] < hill.x[-1] <= fig.layout.xaxis.range[1]
    assert "(500)" in true.name


def test_labels_that_are_plausible_are_written_into_their_places():
    fig = label_scores(["0 h", "3 h"], ["0 h", "3 h"], np.array([[0.8, 0.2], [0.4, 0.6]]), asked="time")
    assert [note.text for note in fig.layout.annotations] == ["80%", "20%", "40%", "60%"]
    assert fig.layout.annotations[0].font.color == LIGHT.paper
    assert fig.layout.annotations[1].font.color == LIGHT.text


def test_copies_would_stand_at_no_distance():
    unseen, drawn = nearest(np.zeros(40), np.full(30, 2.0)).data
    assert (unseen.y[np.searchsorted(unseen.x, 1.9)], unseen.x[-1]) == (pytest.approx(1 / 30), 2)
    assert (drawn.x == 0).all()
    assert drawn.y[-1] == 1

"""Figures of the landscape: what stands in their traces is what was given, in the right units and at the right place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from virtualcell.figures.density import density
from virtualcell.figures.gene_order import gene_order
from virtualcell.figures.labels import HIGH, WIDE, apart, on_screen
from virtualcell.figures.landscape import landscape_surface
from virtualcell.figures.landscape_map import landscape_map
from virtualcell.figures.overlay import Line, Shade
from virtualcell.figures.path_profile import path_profile
from virtualcell.figures.relief import Relief
from virtualcell.figures.saddles import height, saddles
from virtualcell.schema import Attractor, Barrier, EnergyPath, Landscape

ORIGIN = np.array([0.5, 0.0, 0.0])
NOTHING = np.zeros((1, 0, 2)), np.zeros(1), np.zeros(0, dtype=str)


def energy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two valleys at x = -1 and 1 with a pass of 2 D between them, the right one 0.6 D higher."""
    return 2 * (x**2 - 1) ** 2 + 3 * y**2 + 0.3 * (x + 1)


@pytest.fixture
def valleys() -> Landscape:
    x, y = np.linspace(-1.8, 1.8, 61), np.linspace(-1.2, 1.2, 41)
    xx, yy = np.meshgrid(x, y)
    way = np.linspace(-1, 1, 21)
    states = np.c_[way + ORIGIN[0], np.zeros((21, 2))]
    height = energy(way, 0 * way)
    path = EnergyPath(states, height - height[0], int(height.argmax()))
    back = EnergyPath(states[::-1].copy(), height[::-1] - height[-1], 20 - path.saddle)
    left = Attractor("left", states[0], np.array([-1.0, 0.0]), 0.0, 60, 1.0, 1.0)
    right = Attractor("right", states[-1], np.array([1.0, 0.0]), 0.6, 40, 0.9, 1.0)
    barriers = (
        Barrier("left", "right", path.barrier, 1.8, 2.6, 31.0, True, path),
        Barrier("right", "left", back.barrier, 1.2, 2.1, 0.0, False, back),
    )
    cells = np.random.default_rng(0).normal([-1, 0], 0.2, (200, 2))
    density = np.where((np.abs(xx) < 1.7), (xx + 1) ** 2 + yy**2, np.nan)
    near, plane, names = np.abs(xx) < 1.7, np.eye(3)[:2], ("a", "b")
    return Landscape(x, y, energy(xx, yy), near, plane, ORIGIN, cells, (left, right), "exact", names, barriers, density)


# -- the drawn part
def test_what_leaves_the_surface_is_not_drawn(valleys):
    relief = Relief.of(valleys)
    inside, beyond, far = np.array([0.2, 0.1]), np.array([1.79, 0.0]), np.array([9.0, 9.0])
    assert list(relief.shows(np.array([inside, beyond, far]))) == [True, False, False]
    laid = relief.lay(np.array([inside, beyond, far]), lift=0.1)
    assert laid[0] == pytest.approx([0.2, 0.1, energy(0.2, 0.1) + 0.1], abs=0.03)
    assert np.isnan(laid[1:]).all()


def test_tails_that_leave_the_surface_are_cut_there(valleys):
    steps = np.linspace(0, 3, 7)
    paths = np.stack([-1 + steps, 0 * steps], 1)[:, None]  # ends at x = 2, where there is nothing
    fig = landscape_surface(valleys, paths, steps, np.array(["right"]), unit="d")
    tail, head = fig.frames[-1].data
    assert np.nanmax(tail.x) <= 1.5
    assert np.isnan(head.x).all()
    assert fig.frames[2].data[1].x[0] == pytest.approx(0.0)
    drawn = landscape_map(valleys, paths, np.array(["right"]))
    line = next(trace for trace in drawn.data if trace.name == "right" and trace.mode == "lines")
    assert np.nanmax(line.x) <= 1.5


# -- passes
def test_a_height_that_too_few_cells_crossed_for_is_not_said(valleys):
    there, back = valleys.barriers
    assert height(there) == "2.3 D (1.8 to 2.6)"
    assert height(back) == "not identifiable: too few cells crossed"
    assert height(dataclasses.replace(there, low=None, high=None)) == "2.3 D (no interval)"


def test_both_directions_of_a_pass_are_one_mark_at_its_saddle(valleys):
    (saddle,) = saddles(valleys)
    assert saddle.label == "2.3 D"
    assert "right → left: not identifiable" in saddle.said
    top = saddle.line.xy[saddle.line.top]
    assert top == pytest.approx([0.0, 0.0], abs=0.11)
    for fig in (landscape_map(valleys, NOTHING[0], NOTHING[2]), landscape_surface(valleys, *NOTHING, unit="d")):
        (mark,) = [trace for trace in fig.data if trace.name == "left to right" and trace.mode.startswith("markers")]
        assert (mark.x[0], mark.y[0]) == pytest.approx(top, abs=1e-6)
        assert "2.3 D (1.8 to 2.6)" in mark.hovertemplate
        assert "not identifiable: too few cells crossed" in mark.hovertemplate


def test_a_pass_that_nobody_crossed_is_dotted_and_has_no_number(valleys):
    unseen = tuple(dataclasses.replace(way, identifiable=False) for way in valleys.barriers)
    (saddle,) = saddles(dataclasses.replace(valleys, barriers=unseen))
    assert saddle.label == ""
    assert saddle.line.dash == "dot"
    assert " D" not in saddle.said


def test_of_guesses_only_the_lowest_way_out_of_each_valley_is_drawn(valleys):
    path = valleys.barriers[0].path

    def way(start, end, height, seen=False):
        return Barrier(start, end, height, None, None, 9.0 * seen, seen, path)

    heights = {
        ("a", "b"): (1.0, 2.0),
        ("b", "c"): (3.0, 1.5),
        ("a", "c"): (5.0, 4.0),
        ("c", "d"): (6.0, 0.5),
        ("a", "d"): (7.0, 8.0),
    }
    guesses = [way(*ends, up) for pair, ups in heights.items() for ends, up in ((pair, ups[0]), (pair[::-1], ups[1]))]
    drawn = {saddle.line.name for saddle in saddles(dataclasses.replace(valleys, barriers=tuple(guesses)))}
    assert drawn == {"a to b", "b to c", "c to d"}
    crossed = [dataclasses.replace(g, identifiable=(g.start, g.end) == ("d", "a")) for g in guesses]
    drawn = {saddle.line.name for saddle in saddles(dataclasses.replace(valleys, barriers=tuple(crossed)))}
    assert drawn == {"a to b", "b to c", "c to d", "a to d"}


# -- what is laid over it
def test_surface_and_map_are_seen_from_the_same_side_whatever_moves(valleys):
    left_to_right = np.array([[[-1.0, 0.0]], [[1.0, 0.0]]])
    moved = landscape_surface(valleys, left_to_right, np.arange(2.0), np.array(["right"]), unit="d")
    for fig in (landscape_surface(valleys, *NOTHING, unit="d"), moved):
        eye = fig.layout.scene.camera.eye
        assert eye.x == 0
        assert eye.y < 0 < eye.z


def test_a_way_lies_on_the_surface_and_on_the_map(valleys):
    xy = np.c_[np.linspace(-1, 1, 9), np.full(9, 0.2)]
    line = Line(xy, "way", top=4)
    surface = landscape_surface(valleys, *NOTHING, unit="d", lines=(line,))
    drawn = [trace for trace in surface.data if trace.name == "way" and trace.mode == "lines"][-1]
    np.testing.assert_allclose(np.c_[drawn.x, drawn.y], xy, atol=1e-6)
    assert np.all(drawn.z > energy(*xy.T) - 0.02)
    above = landscape_map(valleys, NOTHING[0], NOTHING[2], lines=(line,))
    mark = next(trace for trace in above.data if trace.name == "way" and trace.mode.startswith("markers"))
    assert (mark.x[0], mark.y[0]) == pytest.approx((0.0, 0.2), abs=1e-6)


def test_coloured_cells_carry_their_share_and_unknown_ones_are_left_out(valleys):
    xy = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    shade = Shade(xy, np.array([0.1, np.nan, 0.8]), "reach right first", ("left", "right"), ("#000000", "#FFFFFF"))
    for fig in (
        landscape_map(valleys, NOTHING[0], NOTHING[2], shade=shade),
        landscape_surface(valleys, *NOTHING, unit="d", shade=shade),
    ):
        (cells,) = [trace for trace in fig.data if trace.name == "reach right first"]
        np.testing.assert_allclose(cells.marker.color, [0.1, 0.8])
        np.testing.assert_allclose(cells.x, [-1.0, 1.0])
        assert (cells.marker.cmin, cells.marker.cmax) == (0, 1)
        assert list(cells.marker.colorbar.ticktext) == ["left", "either", "right"]


def test_cells_to_click_carry_their_row_and_the_ground_does_not_catch_the_click(valleys):
    cells = np.array([[-1.0, 0.0], [9.0, 9.0], [0.5, 0.1]])
    fig = landscape_map(valleys, NOTHING[0], NOTHING[2], cells=cells)
    (points,) = [trace for trace in fig.data if trace.name == "cells"]
    assert list(points.customdata) == [0, 2]
    assert fig.data[0].hoverinfo == "skip"


def test_given_colours_are_used(valleys):
    paths = np.zeros((2, 2, 2))
    colours = {"left": "#111111", "right": "#222222"}
    fates = np.array(["right", "left"])
    for fig in (
        landscape_map(valleys, paths, fates, colours=colours),
        landscape_surface(valleys, paths, np.arange(2.0), fates, unit="d", colours=colours),
    ):
        lines = {trace.name: trace.line.color for trace in fig.data if trace.name in colours and trace.mode == "lines"}
        assert lines == colours


# -- names
def boxes_overlap(points: np.ndarray, names: list[str], offsets: np.ndarray) -> bool:
    middles = points + offsets * (1, -1)
    for i in range(len(names)):
        for j in range(i):
            wide = WIDE * (len(names[i]) + len(names[j])) / 2
            if (np.abs(middles[i] - middles[j]) < (wide, HIGH)).all():
                return True
    return False


def test_names_of_crowded_points_do_not_cover_each_other():
    points = np.random.default_rng(1).normal(0, 15, (9, 2))
    names = ["Undifferentiated", "Monocyte", "Neutrophil", "Baso", "Mast (2)", "Mast", "Erythroid", "Lymphoid", "Ccr7 DC"]
    assert boxes_overlap(points, names, np.tile([0.0, -30.0], (9, 1)))  # all above their points: they do
    assert not boxes_overlap(points, names, apart(points, names))


def test_names_stay_inside_the_figure():
    offsets = apart(np.array([[2.0, 98.0]]), ["a long name"], (300.0, 100.0))
    middle = np.array([2.0, 98.0]) + offsets[0] * (1, -1)
    assert middle[0] - WIDE * 11 / 2 >= 0
    assert middle[1] + HIGH / 2 <= 100


def test_what_is_right_and_up_in_the_scene_is_right_and_up_on_the_screen():
    seen = on_screen(np.array([[0.0, 0, 0], [0.3, 0, 0], [0, 0, 0.3]]), {"x": 0.0, "y": -1.2, "z": 1.2}, 500.0)
    assert seen[0] == pytest.approx([0, 0])
    assert seen[1][0] > 20
    assert seen[1][1] == pytest.approx(0)
    assert seen[2][1] > 20


# -- density, profile, genes
def test_the_density_map_shows_the_density_and_calls_itself_so(valleys):
    fig = density(valleys)
    ground, cells = fig.data
    shown = np.isfinite(valleys.density)
    assert np.array_equal(np.isfinite(ground.z), shown)
    below = shown & (valleys.density < ground.zmax)
    np.testing.assert_allclose(ground.z[below], valleys.density[below], rtol=1e-6)
    assert len(cells.x) == 200
    said = fig.to_json()
    assert "density" in said
    assert "energy" not in said
    with pytest.raises(ValueError, match="without a density"):
        density(dataclasses.replace(valleys, density=None))


def test_the_profile_marks_its_pass_and_the_places_on_the_way():
    height = np.array([0.0, 1.0, -0.5, 2.0, -1.0])
    fig = path_profile(height, 3, start="a", end="b", passed=[(2, "between")])
    line, places, top = fig.data
    np.testing.assert_allclose(line.x, [0, 25, 50, 75, 100])
    np.testing.assert_allclose(line.y, height)
    assert list(places.text) == ["a", "between", "b"]
    np.testing.assert_allclose(places.y, [0, -0.5, -1])
    assert (top.x[0], top.y[0]) == (75, 2)
    assert any("2.0 D over the start" in note.text for note in fig.layout.annotations)


@pytest.mark.parametrize(("height", "saddle"), [([0.0, -1, -2], 0), ([0.0, 1, 2], 2)])
def test_a_way_that_only_falls_or_only_climbs_has_no_pass(height, saddle):
    fig = path_profile(np.array(height), saddle, start="a", end="b")
    assert len(fig.data) == 2
    assert not any("highest" in note.text for note in fig.layout.annotations)


def test_genes_stand_where_they_change_earliest_on_top():
    fig = gene_order(["late", "early", "middle"], np.array([1.0, -2.0, 3.0]), np.array([0.9, 0.1, 0.5]), top=0.4)
    assert list(fig.layout.yaxis.ticktext) == ["early", "middle", "late"]
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # row 0 on top
    dots = {trace.name: trace for trace in fig.data if trace.mode == "markers+text"}
    assert list(dots["goes down"].x) == [10]
    assert list(dots["goes up"].x) == [50, 90]
    assert list(dots["goes up"].y) == [1, 2]
    assert list(dots["goes up"].text) == ["× 8", "× 2"]
    assert list(dots["goes down"].text) == ["÷ 4"]
    assert fig.layout.shapes[0].x0 == 40
    with pytest.raises(ValueError, match="2 genes"):
        gene_order(["a", "b"], np.zeros(3), np.zeros(3))

"""Figures of the page Trajectories show the numbers given."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.fates import fates
from virtualcell.figures.gene_curves import PER_ROW, gene_curves
from virtualcell.figures.trajectory import trajectory
from virtualcell.figures.trajectory_methods import OTHER_OURS, OURS, RULE, trajectory_methods
from virtualcell.figures.trajectory_next import trajectory_next

METHODS = ["VirtualCell", "no change", "linear transport (McCann)", "VirtualCell flows"]
KINDS = [OURS, RULE, RULE, OTHER_OURS]
VALUES = np.array(
    [
        [[1.5, 1.4, 1.6], [0.30, 0.2, 0.4]],
        [[3.0, 2.9, 3.1], [0.90, 0.8, 1.0]],
        [[1.2, np.nan, np.nan], [0.40, 0.3, 0.5]],
        [[1.4, 1.3, 1.5], [np.nan, np.nan, np.nan]],
    ]
)
FLOOR = np.array([[0.8, 0.7, 0.9], [0.0, np.nan, np.nan]])


@pytest.fixture
def panels():
    return trajectory_methods(METHODS, KINDS, ["W1", "energy distance"], VALUES, floor=FLOOR)


def test_every_method_has_its_dot_and_interval_in_each_panel(panels):
    for axis, j in (("x", 0), ("x2", 1)):
        found = {}
        for trace in panels.data:
            if trace.xaxis == axis and trace.mode == "markers":
                for i, name in enumerate(trace.y):
                    low, high = trace.error_x.arrayminus[i], trace.error_x.array[i]
                    found[name] = (trace.x[i], trace.x[i] - low, trace.x[i] + high)
        for name, (value, low, high) in zip(METHODS, VALUES[:, j], strict=True):
            if np.isnan(value):
                assert name not in found
            else:
                np.testing.assert_allclose(found[name], [value, *((value, value) if np.isnan(low) else (low, high))])


def test_the_best_by_the_first_measure_stands_on_top_and_a_loss_is_not_hidden(panels):
    # The category axis runs from the bottom up.
    assert list(panels.layout.yaxis.categoryarray) == [METHODS[i] for i in (1, 0, 3, 2)]
    assert [text for text in panels.layout.yaxis.ticktext if text.startswith("<b>")] == ["<b>VirtualCell</b>"]
    ours = [trace for trace in panels.data if trace.name == OURS]
    assert len(ours) == 2
    assert {trace.marker.symbol for trace in ours} == {"diamond"}


def test_the_floor_is_a_line_in_each_panel_with_its_interval_where_there_is_one(panels):
    lines = {shape.xref: shape.x0 for shape in panels.layout.shapes if shape.type == "line"}
    assert lines == {"x": 0.8, "x2": 0.0}
    (band,) = [shape for shape in panels.layout.shapes if shape.type == "rect"]
    assert (band.xref, band.x0, band.x1) == ("x", 0.7, 0.9)


def test_values_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="must be"):
        trajectory_methods(METHODS, KINDS, ["W1"], VALUES)
    with pytest.raises(ValueError, match="unknown kinds"):
        trajectory_methods(METHODS, ["ours", *KINDS[1:]], ["W1", "energy distance"], VALUES)


def test_what_is_open_falls_to_nothing_at_measured_times_and_both_times_are_marked():
    times, open_now, share = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.4, 0.2]), np.array([0.2, 0.5, 0.7])
    fig = trajectory_next(times, open_now, share, [0.0, 4.0], middle=2.0, unit="d")
    left_open, taken = [trace for trace in fig.data if trace.mode == "lines"]
    np.testing.assert_allclose(left_open.x, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(left_open.y, [0, 0.1, 0.4, 0.2, 0])
    np.testing.assert_allclose(taken.y, [0, 20, 50, 70, 0])
    named, middle = [trace for trace in fig.data if trace.mode == "markers+lines"]
    assert (named.x[0], middle.x[0]) == (3.0, 2.0)
    np.testing.assert_allclose([named.y[0], middle.y[0]], [70, 50])
    assert {shape.x0 for shape in fig.layout.shapes} == {3.0, 2.0}
    with pytest.raises(ValueError, match="each time"):
        trajectory_next(times, open_now[:2], share, [0.0, 4.0], middle=2.0, unit="d")


def test_rings_show_the_shares_without_growth():
    bar, ring = fates(["x", "y"], [0.7, 0.3], [0.6, 0.25], [0.85, 0.4], evenly=np.array([0.4, 0.6])).data
    np.testing.assert_allclose(bar.x, [70, 30])
    np.testing.assert_allclose(ring.x, [40, 60])
    assert list(ring.y) == ["x", "y"]


def test_diamonds_show_the_cells_of_that_time():
    fig = fates(
        ["x", "y"], [0.7, 0.3], [0.6, 0.25], [0.85, 0.4], measured=np.array([0.1, 0.9]), measured_name="cells simulated then"
    )
    _, diamond = fig.data
    np.testing.assert_allclose(diamond.x, [10, 90])
    assert diamond.name == "cells simulated then"
    assert fig.layout.xaxis.range[1] > 90


def test_bars_leave_room_for_an_interval_that_reaches_everything():
    fig = fates(["x"], [0.98], [0.9], [1.0])
    assert fig.layout.xaxis.range[1] > 100


def test_simulated_cells_are_not_called_measured_and_more_genes_than_fit_make_a_second_row():
    genes = [f"G{i}" for i in range(PER_ROW + 1)]
    n = len(genes)
    fig = gene_curves(
        np.array([0.0, 1.0]), np.ones((2, n)), None, None, genes, measured_times=np.array([0.0]),
        measured_mean=np.ones((1, n)), measured_error=np.ones((1, n)), unit="d", cells="simulated",
    )  # fmt: skip
    assert "measured" not in fig.to_json()
    assert "simulated" in fig.to_json()
    assert {trace.yaxis for trace in fig.data} == {"y", "y2", "y3", "y4"}
    one_row = gene_curves(
        np.array([0.0, 1.0]), np.ones((2, 1)), None, None, ["A"], measured_times=np.array([0.0]),
        measured_mean=np.ones((1, 1)), measured_error=np.ones((1, 1)), unit="d",
    )  # fmt: skip
    assert fig.layout.height > 1.5 * one_row.layout.height


def test_moving_cells_take_the_colours_given_and_trails_break_where_the_map_leaps():
    steps = np.linspace(0, 1, 6)
    paths = np.stack([np.c_[steps, 0 * steps], np.where(steps[:, None] < 0.5, [0.0, 1.0], [10.0, 1.0])], axis=1)
    names = np.array(["near", "far"])
    arguments = {"unit": "d", "colours": {"near": "#112233", "far": "#445566"}, "cells": "simulated"}
    fig = trajectory(np.zeros((4, 2)), paths, steps, names, **arguments)
    heads = {trace.name: trace.marker.color for trace in fig.data if trace.name.startswith("ends among")}
    assert heads == {"ends among near": "#112233", "ends among far": "#445566"}
    assert fig.data[0].name == "simulated"
    trails = {trace.name: np.asarray(trace.x, float) for trace in fig.frames[-1].data if trace.mode == "lines"}
    assert np.isnan(trails["near"]).sum() == 1  # the gap after its end
    assert np.isnan(trails["far"]).sum() == 2
    # On the plane every step is a way that the model took.
    plain = trajectory(np.zeros((4, 2)), paths, steps, names, axes="plane", **arguments)
    far = next(trace for trace in plain.frames[-1].data if trace.name == "far" and trace.mode == "lines")
    assert np.isnan(np.asarray(far.x, float)).sum() == 1

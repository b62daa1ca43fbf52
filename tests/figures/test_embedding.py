"""The picture holds exactly the cells given, once each, in their places and colours."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.embedding import embedding, ordered
from virtualcell.figures.look import DARK, LIGHT


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 3)).astype(np.float32), np.array([0.0, 1.0, 3.0])[rng.integers(0, 3, 60)]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_cell_is_drawn_once_at_its_place(cells, dimensions):
    positions, times = cells
    fig = embedding(positions[:, :dimensions], times, name="time", kind="time", unit="h")
    rows = np.concatenate([trace.customdata for trace in fig.data])
    assert sorted(rows) == list(range(60))
    for trace in fig.data:
        np.testing.assert_array_equal(trace.x, positions[trace.customdata, 0])
        np.testing.assert_array_equal(trace.y, positions[trace.customdata, 1])
        if dimensions == 3:
            np.testing.assert_array_equal(trace.z, positions[trace.customdata, 2])


def test_times_are_in_order_with_their_unit_and_count(cells):
    positions, times = cells
    fig = embedding(positions[:, :2], times, name="time", kind="time", unit="h")
    assert [trace.name for trace in fig.data] == [f"{t:g} h ({int(np.sum(times == t))})" for t in (0, 1, 3)]
    assert len({trace.marker.color for trace in fig.data}) == 3


def test_amounts_are_drawn_lowest_first_and_keep_their_cell(cells):
    positions, _ = cells
    amount = np.linspace(5, 0, 60)
    (trace,) = embedding(positions[:, :2], amount, name="FKBP5", kind="amount", look=DARK).data
    assert np.all(np.diff(trace.marker.color) >= 0)
    np.testing.assert_allclose(trace.marker.color, amount[trace.customdata], rtol=1e-6)
    assert trace.marker.colorscale[0][1] == DARK.expression[0] != LIGHT.expression[0]


def test_float32_goes_to_the_browser(cells):
    positions, times = cells
    fig = embedding(positions.astype(np.float64)[:, :2], times, name="time", kind="time")
    assert {trace.x.dtype for trace in fig.data} == {np.dtype(np.float32)}


def test_unknown_comes_last_and_is_faint(cells):
    positions, _ = cells
    names = np.array(["unknown", "B", "A"] * 20)
    assert ordered(names) == ["A", "B", "unknown"]
    assert embedding(positions[:, :2], names, name="state").data[-1].marker.color == LIGHT.faint


def test_values_of_another_length_are_refused(cells):
    with pytest.raises(ValueError, match="one value a cell"):
        embedding(cells[0], np.zeros(3), name="x")

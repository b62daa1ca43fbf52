"""Cells inside an outline, against the winding number computed another way, and outlines that survive a link."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtualcell.explore.polygon import MOST_CORNERS, members, pack, simplified, unpack

coordinates = st.floats(-100, 100, width=32).map(lambda value: round(value, 3))
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=40).map(np.array)


def turns(point: np.ndarray, polygon: np.ndarray) -> float:
    """How often the outline goes around the point: the sum of the angles under which its edges are seen."""
    seen = polygon - point
    angles = np.arctan2(seen[:, 1], seen[:, 0])
    steps = np.diff(np.append(angles, angles[0]))
    return float(np.sum((steps + np.pi) % (2 * np.pi) - np.pi) / (2 * np.pi))


def distance_to_outline(point: np.ndarray, polygon: np.ndarray) -> float:
    start, along = polygon, np.roll(polygon, -1, axis=0) - polygon
    length = np.maximum((along**2).sum(axis=1), 1e-300)
    share = np.clip(((point - start) * along).sum(axis=1) / length, 0, 1)
    return float(np.linalg.norm(start + share[:, None] * along - point, axis=1).min())


@settings(max_examples=150, deadline=None)
@given(polygons, st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=20).map(np.array))
def test_inside_is_an_odd_number_of_turns(polygon, points):
    inside = set(members(points, polygon).tolist())
    for row, point in enumerate(points):
        if distance_to_outline(point, polygon) > 1e-3:  # on the outline itself either answer is right
            assert (row in inside) == (round(turns(point, polygon)) % 2 == 1)


def test_a_square_holds_its_cells_and_a_star_leaves_its_middle():
    x, y = np.meshgrid(np.arange(10) + 0.5, np.arange(10) + 0.5)
    grid = np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)
    rows = members(grid, np.array([[2, 3], [6, 3], [6, 8], [2, 8]]))
    np.testing.assert_array_equal(rows, [i for i, (a, b) in enumerate(grid) if 2 < a < 6 and 3 < b < 8])
    assert rows.dtype == np.int64
    angles = np.pi / 2 + np.arange(5) * 4 * np.pi / 5
    star = np.column_stack([np.cos(angles), np.sin(angles)])
    assert members(np.array([[0.0, 0.0], [0.0, 0.7]]), star).tolist() == [1]


def test_a_cell_on_the_shared_edge_of_two_outlines_belongs_to_one():
    cells = np.column_stack([np.full(50, 1.0), np.linspace(0.1, 0.9, 50)])
    left, right = [[0, 0], [1, 0], [1, 1], [0, 1]], [[1, 0], [2, 0], [2, 1], [1, 1]]
    assert len(members(cells, np.array(left))) + len(members(cells, np.array(right))) == 50


def test_cells_without_a_place_are_never_inside():
    cells = np.array([[np.nan, 0], [0, np.inf], [0, 0]], dtype=np.float32)
    assert members(cells, np.array([[-1, -1], [1, -1], [0, 1]])).tolist() == [2]
    assert members(cells, np.array([[-1, -1], [1, 1]])).tolist() == []
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        members(np.zeros((4, 3)), np.zeros((3, 2)))


def test_a_million_cells_take_well_under_a_second():
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(1_000_000, 2)).astype(np.float32)
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    polygon = np.column_stack([np.cos(angles), np.sin(angles)]) * (1.5 + 0.2 * np.cos(7 * angles))[:, None]
    seconds = []
    for _ in range(3):
        start = time.process_time()
        rows = members(cells, polygon)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1.0
    angle, radius = np.arctan2(cells[:, 1], cells[:, 0]), np.linalg.norm(cells, axis=1)
    expected = np.flatnonzero(radius < 1.5 + 0.2 * np.cos(7 * angle))
    assert len(np.setxor1d(rows, expected)) < 0.01 * len(expected)  # 60 corners cut the bays a little


@settings(max_examples=100, deadline=None)
@given(polygons)
def test_what_comes_out_of_a_link_goes_in_again(polygon):
    text = pack(polygon)
    again = unpack(text)
    assert len(text) <= 262
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    np.testing.assert_allclose(again, polygon, atol=1e-4 + 0.6 / 4095 * np.ptp(polygon, axis=0).max())
    assert pack(again) == text
    cells = np.random.default_rng(0).uniform(-100, 100, size=(200, 2))
    np.testing.assert_array_equal(members(cells, unpack(pack(again))), members(cells, again))


def test_a_hand_drawn_outline_keeps_its_shape_in_sixty_corners():
    angles = np.linspace(0, 2 * np.pi, 700, endpoint=False)
    drawn = np.column_stack([3 + np.cos(angles), 2 * np.sin(angles)])
    short = unpack(pack(drawn))
    assert len(short) == MOST_CORNERS == len(simplified(drawn))
    cells = np.random.default_rng(1).uniform([1, -3], [5, 3], size=(20_000, 2))
    before, after = members(cells, drawn), members(cells, short)
    assert len(np.setxor1d(before, after)) < 0.01 * len(before)


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "not a polygon", "A" * 31, "A" * 500, "é" * 34, "//" + "A" * 32, pack(np.eye(3, 2))[:-1], None, 7]
)
def test_nonsense_in_a_link_is_refused(text):
    with pytest.raises((ValueError, TypeError)) as caught:
        unpack(text)
    assert isinstance(caught.value, ValueError)


def test_ends_that_are_no_numbers_are_refused():
    import base64
    import struct

    for ends in ((0.0, 0.0, float("nan"), 1.0), (2.0, 0.0, 1.0, 1.0), (0.0, 0.0, float("inf"), 1.0)):
        text = base64.urlsafe_b64encode(struct.pack("<4f", *ends) + bytes(9)).decode().rstrip("=")
        with pytest.raises(ValueError, match="ends"):
            unpack(text)


@pytest.mark.parametrize("polygon", [np.zeros((2, 2)), np.zeros((3, 3)), np.array([[0, 0], [1, np.nan], [1, 1]])])
def test_what_is_no_outline_is_not_packed(polygon):
    with pytest.raises(ValueError, match="outline"):
        pack(polygon)

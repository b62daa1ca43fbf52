"""Plotly's map and the picture show the cells of a colouring in their places and colours."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from plotly.colors import hex_to_rgb

from virtualcell.figures.cell_image import FADED, WIDEST, cell_image, pixels, png
from virtualcell.figures.coloured_map import coloured_map
from virtualcell.figures.colouring import blend, colouring
from virtualcell.figures.embedding import embedding
from virtualcell.figures.look import LIGHT

RNG = np.random.default_rng(0)
PLACES = RNG.normal(size=(400, 2)).astype(np.float32)
GROUPS = np.array(["a", "b", "c"])[RNG.integers(0, 3, 400)]


def test_the_map_of_groups_is_that_of_embedding():
    fig = coloured_map(PLACES, colouring(GROUPS, name="state"))
    for ours, known in zip(fig.data, embedding(PLACES, GROUPS, name="state").data, strict=True):
        assert (ours.name, ours.marker.color) == (known.name, known.marker.color)
        np.testing.assert_array_equal(np.sort(ours.customdata), np.sort(known.customdata))
        np.testing.assert_array_equal(ours.x, PLACES[ours.customdata, 0])
        np.testing.assert_array_equal(ours.y, PLACES[ours.customdata, 1])


def test_amounts_are_drawn_lowest_first_and_what_was_not_measured_before_them():
    amount = RNG.gamma(1.0, 1.0, 400)
    amount[:20] = np.nan
    fig = coloured_map(PLACES, colouring(amount, name="FKBP5", kind="amount"), ids=[f"cell-{i}" for i in range(400)])
    missing, measured = fig.data
    assert sorted(missing.customdata) == list(range(20))
    assert np.all(np.diff(measured.marker.color) >= 0)
    top = np.nanpercentile(amount, 99.5)
    np.testing.assert_allclose(measured.marker.color, np.minimum(amount[measured.customdata], top), atol=0.003 * top)
    assert list(measured.text) == [f"cell-{i}" for i in measured.customdata]
    assert measured.marker.cmax == pytest.approx(top, rel=1e-5)


def test_blends_have_a_swatch_a_gene():
    colours = blend(RNG.uniform(size=(400, 2)), ["A", "B"])
    cells, *swatches = coloured_map(PLACES, colours).data
    np.testing.assert_array_equal(cells.marker.color, colours.codes[cells.customdata])
    assert [trace.marker.color for trace in swatches] == list(colours.channels)
    place = colours.codes[0] / (len(colours.palette) - 1)
    shown = {round(stop, 9): colour for stop, colour in cells.marker.colorscale}
    assert shown[round(float(place), 9)] == colours.palette[colours.codes[0]]


def test_lit_cells_are_selected_and_last():
    lit = np.array([1, 5, 9, 250])
    fig = coloured_map(PLACES, colouring(GROUPS, name="state"), lit=lit)
    selected = np.concatenate([trace.customdata[trace.selectedpoints] for trace in fig.data])
    assert sorted(selected) == lit.tolist()
    for trace in fig.data:
        assert list(trace.selectedpoints) == list(range(len(trace.x) - len(trace.selectedpoints), len(trace.x)))


def test_the_outline_is_a_shape():
    fig = coloured_map(PLACES, colouring(GROUPS, name="state"), polygon=np.array([[0, 0], [1, 0], [1, 2]]))
    assert fig.layout.shapes[0].path == "M0,0L1,0L1,2Z"
    assert not coloured_map(PLACES, colouring(GROUPS, name="state")).layout.shapes


def read(fig) -> np.ndarray:
    data = base64.b64decode(fig.layout.images[0].source.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_the_png_is_read_back_as_written():
    picture = RNG.integers(0, 256, size=(31, 17, 4)).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


def test_each_cell_is_a_pixel_in_its_place_and_colour():
    places = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [np.nan, 0.5]], dtype=np.float32)
    colours = colouring(["a", "b", "c", "d", "a"], name="x")
    fig = cell_image(places, colours, height=460)
    picture = read(fig)
    height, width, _ = picture.shape
    assert (width, height) == (400, 400)
    # Rows run from the top: (0, 0) is at the lower left.
    corner = {0: (-1, 0), 1: (-1, -1), 2: (0, 0), 3: (0, -1)}
    for row, (y, x) in corner.items():
        assert tuple(picture[y, x]) == (*hex_to_rgb(colours.palette[row]), 255)
    assert (picture[..., 3] > 0).sum() <= 16
    assert fig.layout.images[0].x < 0 < 1 < fig.layout.images[0].x + fig.layout.images[0].sizex
    assert [trace.name for trace in fig.data[1:]] == ["a (2)", "b (1)", "c (1)", "d (1)"]


def test_where_cells_share_a_pixel_groups_mix_and_the_highest_amount_shows():
    places = np.array([[0, 0], [0, 0], [0, 0], [0, 0], [1, 1]], dtype=np.float32)
    box = (0.0, 0.0, 1.0, 1.0)
    groups = colouring(["a", "a", "a", "b", "b"], name="x")
    a, b = (np.array(hex_to_rgb(colour)) for colour in groups.palette)
    np.testing.assert_allclose(pixels(places, groups, box, 50)[-1, 0, :3], (3 * a + b) / 4, atol=1)
    amounts = colouring([1.0, 8.0, 2.0, 0.0, 3.0], name="x", kind="amount")
    top = hex_to_rgb(LIGHT.expression[-1])
    np.testing.assert_allclose(pixels(places, amounts, box, 50)[-1, 0, :3], top, atol=2)


def test_unlit_cells_fade_and_lit_ones_cover_them():
    places = np.array([[0, 0], [0, 0], [1, 1]], dtype=np.float32)
    colours = colouring(["a", "b", "a"], name="x")
    picture = pixels(places, colours, (0.0, 0.0, 1.0, 1.0), 50, lit=np.array([1]))
    a, b = (np.array(hex_to_rgb(colour)) for colour in colours.palette)
    np.testing.assert_allclose(picture[-1, 0, :3], b, atol=1)
    np.testing.assert_allclose(picture[0, -1, :3], 255 + FADED * (a - 255), atol=1)


def test_a_very_wide_map_still_fits():
    places = np.array([[0, 0], [1000, 1]], dtype=np.float32)
    assert pixels(places, colouring(["a", "b"], name="x"), (0.0, 0.0, 1000.0, 1.0), 400).shape == (2, WIDEST, 4)


def test_a_map_of_no_placed_cell_is_empty():
    fig = cell_image(np.full((3, 2), np.nan), colouring(["a", "b", "a"], name="x"))
    assert not fig.layout.images

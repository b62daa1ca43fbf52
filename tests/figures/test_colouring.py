"""One byte a cell says what ``embedding`` would draw; blends stay apart for colour-blind readers."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest
from plotly.colors import hex_to_rgb

from virtualcell.figures.colouring import BLEND, SHADES, STEPS, blend, colouring
from virtualcell.figures.embedding import embedding
from virtualcell.figures.look import DARK, LIGHT
from virtualcell.schema import DataError

RNG = np.random.default_rng(0)
PLACES = RNG.normal(size=(300, 2))


@pytest.mark.parametrize("look", [LIGHT, DARK])
@pytest.mark.parametrize(
    ("kind", "values", "unit"),
    [
        ("time", np.array([0.0, 1.0, 3.5])[RNG.integers(0, 3, 300)], "h"),
        ("category", np.array(["B cell", "A cell", "unknown", "nan"])[RNG.integers(0, 4, 300)], ""),
    ],
)
def test_groups_have_the_order_names_and_colours_of_the_drawn_map(kind, values, unit, look):
    found = colouring(values, name="x", kind=kind, unit=unit, look=look)
    traces = embedding(PLACES, values, name="x", kind=kind, unit=unit, look=look).data
    assert [trace.name for trace in traces] == [f"{label} ({count:,})" for label, count in zip(found.labels, found.counts)]
    assert [trace.marker.color for trace in traces] == list(found.palette)
    for code, trace in enumerate(traces):
        np.testing.assert_array_equal(np.flatnonzero(found.codes == code), np.sort(trace.customdata))
    assert found.codes.dtype == np.uint8
    assert sum(found.counts) == 300


def test_missing_numbers_are_one_faint_group_at_the_end():
    values = np.array([np.nan, 2.0, 1.0, np.nan])
    found = colouring(values, name="time", kind="time", unit="h")
    assert found.labels[:2] == ("1 h", "2 h")
    assert found.codes.tolist() == [2, 1, 0, 2]
    assert found.palette[2] == LIGHT.faint


def test_an_amount_comes_back_within_half_a_shade():
    values = RNG.gamma(1.0, 1.0, 5000).astype(np.float32)
    values[:7] = np.nan
    found = colouring(values, name="FKBP5", kind="amount", unit="log")
    assert len(found.palette) == SHADES + 1 <= 256
    top = np.nanpercentile(values, 99.5)
    assert (found.low, found.high) == (0.0, pytest.approx(top, rel=1e-5))
    shown = found.values()
    assert np.isnan(shown[:7]).all()
    np.testing.assert_allclose(shown[7:], np.minimum(values[7:], top), atol=0.51 * top / (SHADES - 1))
    assert found.palette[-1] == LIGHT.faint


def test_a_gene_of_very_few_cells_still_has_a_scale():
    values = np.zeros(10_000)
    values[:3] = [1, 2, 4]
    assert colouring(values, name="rare", kind="amount").high == 4
    constant = colouring(np.zeros(5), name="none", kind="amount")
    assert constant.high > constant.low
    assert constant.codes.tolist() == [0] * 5


def test_a_million_random_amounts_are_under_a_megabyte_compressed():
    codes = colouring(RNG.uniform(size=1_000_000), name="worst case", kind="amount").codes
    assert len(gzip.compress(codes.tobytes(), 1)) < 1_000_000


def test_too_many_groups_are_refused_with_what_to_do():
    with pytest.raises(DataError, match="cannot be told apart") as caught:
        colouring([f"cell {i}" for i in range(256)], name="barcode")
    assert caught.value.field == "barcode"
    assert len(colouring([f"group {i:03}" for i in range(255)], name="group").palette) == 255
    with pytest.raises(ValueError, match="none of"):
        colouring([1, 2], name="x", kind="rainbow")


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("look", [LIGHT, DARK])
def test_a_blend_holds_each_channels_step(channels, look):
    values = RNG.uniform(size=(2000, channels)).astype(np.float32)
    values[0] = 0
    found = blend(values, ["a", "b", "c"][:channels], look=look)
    steps = STEPS[channels]
    assert len(found.palette) == steps**channels <= 256
    for channel in range(channels):
        step = found.codes.astype(int) // steps**channel % steps
        top = np.percentile(values[:, channel], 99.5)
        np.testing.assert_allclose(step / (steps - 1), np.minimum(values[:, channel] / top, 1), atol=0.51 / (steps - 1))
        assert found.counts[channel] == np.sum(step > 0)
    assert found.palette[0].lower() == look.expression[0].lower()
    assert found.codes[0] == 0


# Machado, Oliveira & Fernandes 2009, full protanopia, deuteranopia and tritanopia, on linear RGB.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: str, matrix: list[list[float]]) -> np.ndarray:
    """CIE Lab (D65) of a colour as a colour-blind reader sees it."""
    share = np.array(hex_to_rgb(colour)) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("look", [LIGHT, DARK])
@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("blindness", [*BLIND, "none"])
def test_colour_blind_readers_tell_a_blends_channels_apart(look, channels, blindness):
    found = blend(np.eye(channels), ["a", "b", "c"][:channels], look=look)
    matrix = BLIND.get(blindness, np.eye(3).tolist())
    colours = [found.palette[0], *found.channels, found.palette[-1]]  # none, each alone, all together
    seen = [lab(colour, matrix) for colour in colours]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(apart) > 10  # 2.3 is just noticeable side by side
    assert len(set(found.channels)) == channels


def test_the_channels_swatches_are_the_inks():
    found = blend(np.eye(2), ["a", "b"])
    base = np.array(hex_to_rgb(LIGHT.expression[0])) / 255
    for swatch, ink in zip(found.channels, BLEND):
        np.testing.assert_allclose(hex_to_rgb(swatch), 255 * base * np.array(hex_to_rgb(ink)) / 255, atol=1)


def test_shapes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="columns"):
        blend(np.zeros((5, 4)), list("abcd"))
    with pytest.raises(ValueError, match="columns"):
        blend(np.zeros((5, 2)), ["a"])
    with pytest.raises(ValueError, match="one value a cell"):
        colouring(np.zeros((5, 2)), name="x")


def test_pandas_is_there_before_plotly_is_imported():
    # Plotly looks for pandas in sys.modules; half imported by another reader's thread it is an error on the page.
    watch = """
import sys

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "plotly":
            print(hasattr(sys.modules.get("pandas"), "Series"))

sys.meta_path.insert(0, Watch())
import virtualcell.figures.look
"""
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["True"]

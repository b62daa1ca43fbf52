"""What the map hands to the browser, and whose outline counts."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from virtualcell.explore.polygon import pack, unpack
from virtualcell.ui.scatter import arrays
from virtualcell.ui.scatter.outline import corners, current

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
TRIANGLE = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])


def page() -> None:
    import numpy as np
    import streamlit as st

    from virtualcell.figures.colouring import colouring
    from virtualcell.ui.scatter import scatter

    rng = np.random.default_rng(0)
    positions = rng.normal(size=(300, 2)).astype(np.float32)
    positions[7] = np.nan
    groups = np.array(["a", "b", "c"])[np.arange(300) % 3]
    by = st.radio("by", ["group", "amount"], key="by")
    kind = {"name": by} if by == "group" else {"name": by, "kind": "amount"}
    colours = colouring(groups if by == "group" else np.arange(300.0), **kind)
    ids = [f"cell-{i}" for i in range(300)]
    lit = np.array([3, 299]) if st.checkbox("lit", key="lit") else None
    scatter(positions, colours, key="map", alt="Map", file="m", ids=ids, lit=lit, renderer="webgl")


def handed(app: AppTest) -> dict:
    (found,) = [element.proto for element in app.main if "bidi" in type(element.proto).__name__.lower()]
    return json.loads(found.json)


@pytest.fixture
def stored(monkeypatch) -> dict[str, bytes]:
    """What was put under an address, by address."""
    kept: dict[str, bytes] = {}
    told = arrays.address

    def address(content: bytes, mimetype: str, place: str) -> str:
        url = told(content, mimetype, place)
        kept[url] = content
        return url

    monkeypatch.setattr(arrays, "address", address)
    return kept


def test_positions_codes_and_names_lie_under_addresses_of_their_content(stored):
    app = AppTest.from_function(page).run(timeout=60)
    assert not app.exception
    first = handed(app)
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(300, 2)).astype(np.float32)
    shares = np.frombuffer(gzip.decompress(stored[first["positions"]]), dtype="<u2").reshape(300, 2)
    assert shares[7].tolist() == [65535, 65535]
    others = np.arange(300) != 7
    left, bottom, right, top = first["box"]
    back = np.array([left, bottom]) + shares[others] / 65534 * np.array([right - left, top - bottom])
    np.testing.assert_allclose(back, positions[others], atol=1e-4)
    codes = np.frombuffer(gzip.decompress(stored[first["codes"]]), dtype=np.uint8)
    np.testing.assert_array_equal(codes, np.arange(300) % 3)
    (names,) = first["ids"]
    assert gzip.decompress(stored[names]).decode().split("\n") == [f"cell-{i}" for i in range(300)]
    assert first["lit"] is None

    app.run(timeout=60)
    assert handed(app) == first  # nothing new for the browser
    app.radio(key="by").set_value("amount").run(timeout=60)
    recoloured = handed(app)
    changed = {key for key in first if recoloured[key] != first[key]}
    assert "codes" in changed
    assert not changed & {"positions", "ids", "box", "code", "n"}
    app.checkbox(key="lit").set_value(True).run(timeout=60)
    mask = np.unpackbits(np.frombuffer(gzip.decompress(stored[handed(app)["lit"]]), dtype=np.uint8))[:300]
    assert np.flatnonzero(mask).tolist() == [3, 299]
    assert handed(app)["chosen"] == 2


def test_names_travel_in_blocks(monkeypatch):
    monkeypatch.setattr(arrays, "BLOCK", 4)
    found = arrays.names([f"n{i}" for i in range(10)])
    assert [gzip.decompress(part).decode().split("\n") for part in found] == [
        ["n0", "n1", "n2", "n3"],
        ["n4", "n5", "n6", "n7"],
        ["n8", "n9"],
    ]


@pytest.mark.parametrize("positions", [np.full((4, 2), np.nan), np.zeros((4, 2)), np.array([[1.0, 2.0]])])
def test_cells_without_extent_are_packed_too(positions):
    content, box = arrays.places(positions.astype(np.float32))
    assert np.isfinite(box).all()
    assert len(gzip.decompress(content)) == 4 * len(positions)


def one_map() -> None:
    import numpy as np
    import streamlit as st

    from virtualcell.figures.colouring import colouring
    from virtualcell.ui.scatter import scatter

    settings = st.session_state["settings"]
    positions = np.zeros((settings.pop("n", 6), 2), dtype=np.float32)
    colours = colouring(["a"] * 6, name="x")
    scatter(positions, colours, key="map", alt="", file="m", **settings)


@pytest.mark.parametrize("settings", [{"n": 5}, {"ids": ["a"]}, {"renderer": "canvas"}])
def test_what_does_not_fit_together_is_refused(settings):
    app = AppTest.from_function(one_map)
    app.session_state["settings"] = settings
    app.run(timeout=60)
    assert app.exception[0].proto.type == "ValueError"


@pytest.mark.parametrize(
    "sent",
    [None, "x", 7, [[0, 0], [1, 1]], [[0, 0, 0]] * 4, [[0, float("nan")], [1, 1], [2, 0]], [["a", "b"]] * 3, [[0, 0]] * 3000],
)
def test_what_a_browser_sends_is_not_trusted(sent):
    assert corners(sent) is None


def drawn(polygon: np.ndarray | None, serial: int) -> dict:
    return {"corners": None if polygon is None else polygon.tolist(), "serial": serial}


@pytest.fixture
def memory(monkeypatch):
    kept: dict = {}
    monkeypatch.setattr(st, "session_state", kept)
    return kept


def test_a_link_counts_until_the_reader_draws(memory):
    assert current("m", None, None).polygon is None
    np.testing.assert_array_equal(current("m", None, SQUARE).polygon, SQUARE)
    np.testing.assert_array_equal(current("m", drawn(TRIANGLE, 5), SQUARE).polygon, TRIANGLE)
    # The page keeps the drawing for its link and hands it back: still the drawing.
    again = current("m", drawn(TRIANGLE, 5), unpack(pack(TRIANGLE)))
    np.testing.assert_allclose(again.polygon, TRIANGLE, atol=1e-3)
    assert again.serial == 5
    # Cleared with Escape: nothing, even while the page still hands in the old one.
    assert current("m", drawn(None, 6), unpack(pack(TRIANGLE))).polygon is None
    assert current("m", drawn(None, 6), None).polygon is None


def test_another_outline_from_the_page_counts_again(memory):
    current("m", drawn(TRIANGLE, 5), None)
    current("m", drawn(TRIANGLE, 5), unpack(pack(TRIANGLE)))
    np.testing.assert_array_equal(current("m", drawn(TRIANGLE, 5), SQUARE).polygon, SQUARE)  # another link was opened
    np.testing.assert_array_equal(current("m", drawn(TRIANGLE, 5), SQUARE).polygon, SQUARE)
    assert current("m", drawn(TRIANGLE, 5), None).polygon is None  # a button that clears
    np.testing.assert_array_equal(current("m", drawn(TRIANGLE, 9), None).polygon, TRIANGLE)  # drawn anew


def test_maps_keep_their_outlines_apart(memory):
    current("left", drawn(TRIANGLE, 5), None)
    assert current("right", None, None).polygon is None

"""A reader's way through the app in a real browser: cells, questions, trajectories, landscape, and a wrong file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.reader import Reader, blues, near
from virtualcell.figures.look import LIGHT

pytestmark = pytest.mark.browser

TIMES = [tuple(int(float(part)) for part in colour[4:-1].split(",")) for colour in LIGHT.times(3)]
"""Red, green and blue of three times, early to late."""


def test_from_the_first_view_to_the_landscape(reader):
    reader.go("?demo=a549")
    cells = reader.picture("home-map")
    # The three times. 2,641 points of four pixels across are far more than 300 pixels of each.
    for colour in TIMES:
        assert near(cells, colour) > 300, colour
    reader.check()

    reader.page.get_by_role("button", name="What are these cells?").click()
    reader.page.wait_for_url("**/explore*")
    reader.rest()
    assert near(reader.picture("map-a549-map"), TIMES[1]) > 300
    reader.check()

    reader.page.get_by_role("link", name="Trajectories").click()
    reader.page.wait_for_url("**/trajectories*")
    reader.rest()
    last = reader.picture("moving-a549")
    reader.page.locator(".st-key-moving-a549 .updatemenu-button", has_text="Play").first.click()
    reader.page.wait_for_timeout(700)
    chart = reader.page.locator(".st-key-moving-a549 .js-plotly-plot").first
    early = np.asarray(Image.open(io.BytesIO(chart.screenshot())).convert("RGB")).astype(int)
    moved = np.abs(last - early).max(axis=-1) > 60
    assert moved[: moved.shape[0] - 120].sum() > 500, "pressing play did not move the cells"
    reader.check()

    reader.page.get_by_role("link", name="Landscape").click()
    reader.page.wait_for_url("**/landscape*")
    reader.rest()
    surface = reader.picture("surface-a549")
    assert blues(surface).mean() > 0.08, "no surface was drawn"
    assert len(np.unique((surface // 8)[blues(surface)], axis=0)) > 60, "the surface has no shading"
    assert "demo=a549" in reader.page.url
    reader.check()


def test_a_link_to_a_page_opens_in_its_frame(reader):
    reader.go("landscape?demo=simulated")
    assert reader.page.get_by_text("computed, not measured").count() == 1
    assert reader.page.get_by_role("link", name="Explore").count() >= 1
    reader.page.get_by_role("tab", name="Map from above").click()
    reader.page.wait_for_timeout(500)
    assert blues(reader.picture("contours-simulated")).mean() > 0.03
    reader.check()


def draw_around(reader, key: str, right: float) -> None:
    """A lasso around the left part of a map, up to a share of its width."""
    chart = reader.page.locator(f".st-key-{key} .js-plotly-plot .nsewdrag").first
    box = chart.bounding_box()
    x, y, w, h = box["x"], box["y"], box["width"], box["height"]
    corners = [(0.02, 0.02), (right, 0.02), (right, 0.98), (0.02, 0.98), (0.02, 0.05)]
    reader.page.mouse.move(x + w * corners[0][0], y + h * corners[0][1])
    reader.page.mouse.down()
    for a, b in corners[1:]:
        reader.page.mouse.move(x + w * a, y + h * b, steps=8)
    reader.page.mouse.up()


def chosen(reader) -> int:
    found = reader.page.get_by_text("cells chosen")
    found.wait_for(timeout=60_000)
    return int(found.inner_text().split(" of ")[0].replace(",", ""))


def bright(pixels: np.ndarray) -> int:
    """Number of pixels in the full colour of a cell of one of the three times; a faded one is lighter."""
    return sum(near(pixels, colour, 25) for colour in ((70, 3, 159), (186, 51, 136), (253, 172, 51)))


def test_a_lasso_on_one_map_lights_up_the_other_and_its_link_opens_the_same(reader, browser, app):
    reader.go("explore?demo=a549&space2-a549=plane+of+the+landscape")
    before = bright(reader.picture("beside-a549-landscape"))
    draw_around(reader, "map-a549-map", 0.3)
    n = chosen(reader)
    reader.rest()
    assert 100 < n < 2000
    after = bright(reader.picture("beside-a549-landscape"))
    assert 0 < after < 0.8 * before, "the other map did not fade what was not chosen"
    reader.page.get_by_text("Genes that differ", exact=True).click()
    reader.rest()
    told = reader.page.get_by_text("genes differ").first.inner_text()
    reader.check()

    # Another browser knows nothing but the link.
    other = Reader(browser, app)
    other.page.goto(reader.page.url)
    other.rest()
    assert chosen(other) == n
    assert other.page.get_by_text("genes differ").first.inner_text() == told
    assert abs(bright(other.picture("beside-a549-landscape")) - after) < 0.1 * after
    other.check()
    other.page.close()

    reader.page.get_by_role("button", name="Clear the selection").click()
    reader.page.get_by_text("No cells are chosen yet").wait_for(timeout=60_000)
    reader.rest()
    assert "lasso" not in reader.page.url
    reader.check()


def test_a_wrong_file_gets_a_clear_message_and_the_app_goes_on(reader, tmp_path):
    wrong = tmp_path / "notes.h5ad"
    wrong.write_text("this is a text file\n" * 50)
    reader.go("cells?demo=a549")
    reader.page.locator('input[type="file"]').set_input_files(str(wrong))
    message = reader.page.locator('[data-testid="stAlert"]', has_text="cannot be used")
    message.wait_for(timeout=30_000)
    assert "What to do" in message.inner_text()
    reader.check()
    reader.page.get_by_role("link", name="Explore").click()
    reader.page.wait_for_url("**/explore*")
    reader.rest()
    assert near(reader.picture("map-a549-map"), TIMES[1]) > 300
    reader.check()

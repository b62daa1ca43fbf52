"""A reader's way through the app in a real browser: cells, questions, trajectories, landscape, and a wrong file."""

from __future__ import annotations

import io
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image

from virtualcell.figures.look import LIGHT

pytestmark = pytest.mark.browser

TIMES = [tuple(int(float(part)) for part in colour[4:-1].split(",")) for colour in LIGHT.times(3)]
"""Red, green and blue of three times, early to late."""

RESTED = """() => { const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') === 'notRunning'
    && !document.querySelector('[data-testid="stSkeleton"]'); }"""


class Reader:
    """A browser page that remembers what went wrong."""

    def __init__(self, browser, address: str):
        self.address, self.wrong = address, []
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        host = urlparse(address).netloc
        self.page.on("pageerror", lambda error: self.wrong.append(f"page error: {error}"))
        # Streamlit asks for its own files below a page's path first and is told 404; the browser logs that too.
        self.page.on(
            "console",
            lambda m: self.wrong.append(m.text) if m.type == "error" and not m.text.startswith("Failed to load") else None,
        )
        self.page.on(
            "response",
            lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 and "/_stcore/" not in r.url else None,
        )
        self.page.on(
            "request",
            lambda r: (
                self.wrong.append(f"request to {r.url}")
                if r.url.startswith(("http", "ws")) and urlparse(r.url).netloc != host
                else None
            ),
        )

    def rest(self) -> None:
        """Waits until the script has not been running for most of a second."""
        calm = 0
        for _ in range(600):
            calm = calm + 1 if self.page.evaluate(RESTED) else 0
            if calm >= 7:
                return
            self.page.wait_for_timeout(100)
        pytest.fail("The page never came to rest.")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.address}/{path}")
        self.rest()

    def check(self) -> None:
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert not self.wrong

    def picture(self, key: str) -> np.ndarray:
        """Pixels of the chart with this key, (height, width, 3)."""
        chart = self.page.locator(f".st-key-{key} .js-plotly-plot").first
        chart.wait_for(state="visible", timeout=30_000)
        self.page.wait_for_timeout(1500)
        return np.asarray(Image.open(io.BytesIO(chart.screenshot())).convert("RGB")).astype(int)


@pytest.fixture
def reader(browser, app):
    found = Reader(browser, app)
    yield found
    found.page.close()


def near(pixels: np.ndarray, colour: tuple[int, int, int], within: int = 40) -> int:
    """Number of pixels near a colour."""
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) <= within).sum())


def blues(pixels: np.ndarray) -> np.ndarray:
    """Which pixels are blue enough to be the landscape's surface."""
    return (pixels[..., 2] > pixels[..., 0] + 30) & (pixels[..., 2] > 60)


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
    assert near(reader.picture("map-a549"), TIMES[1]) > 300
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


def test_drawing_around_cells_tells_what_they_are(reader):
    reader.go("explore?demo=a549")
    chart = reader.page.locator(".st-key-map-a549 .js-plotly-plot .nsewdrag").first
    box = chart.bounding_box()
    x, y, w, h = box["x"], box["y"], box["width"], box["height"]
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.05)]
    reader.page.mouse.move(x + w * corners[0][0], y + h * corners[0][1])
    reader.page.mouse.down()
    for a, b in corners[1:]:
        reader.page.mouse.move(x + w * a, y + h * b, steps=8)
    reader.page.mouse.up()
    reader.page.get_by_text("cells chosen").wait_for(timeout=30_000)
    said = reader.page.get_by_text("cells chosen").inner_text()
    assert 1000 < int(said.split(" of ")[0].replace(",", "")) <= 2641
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
    assert near(reader.picture("map-a549"), TIMES[1]) > 300
    reader.check()

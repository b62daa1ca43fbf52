"""The map in a real browser: what is drawn, what the reader can do with it, and what travels for it."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image

from virtualcell.explore.polygon import members, pack, unpack
from virtualcell.figures.look import DARK, LIGHT

pytestmark = pytest.mark.browser

ORDER = ["north-east", "north-west", "south-east", "south-west"]  # of the legend, and so of the colours
COLOURS = {name: tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for name, c in zip(ORDER, LIGHT.groups)}


def made_up(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The cells of scatter_app.py."""
    rng = np.random.default_rng(0)
    quarter = rng.integers(0, 4, n)
    corner = np.array([[-5.0, -5.0], [5.0, -5.0], [-5.0, 5.0], [5.0, 5.0]])
    return (corner[quarter] + rng.uniform(-4, 4, (n, 2))).astype(np.float32), quarter


def near(pixels: np.ndarray, colour: tuple[int, ...], within: int = 12) -> int:
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) <= within).sum())


class Reader:
    """A browser page on the map that remembers what was asked for and what went wrong."""

    def __init__(self, browser, address: str, theme: str = "light"):
        self.address, self.wrong, self.asked = address, [], []
        self.context = browser.new_context(viewport={"width": 1200, "height": 800}, color_scheme=theme)
        self.page = page = self.context.new_page()
        host = urlparse(address).netloc
        page.on("pageerror", lambda error: self.wrong.append(f"page error: {error}"))
        page.on("console", lambda m: self.wrong.append(f"{m.type}: {m.text}") if m.type == "error" else None)
        page.on("response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)

        def request(found) -> None:
            if found.url.startswith(("http", "ws")) and urlparse(found.url).netloc != host:
                self.wrong.append(f"request to {found.url}")
            if urlparse(found.url).path.startswith("/media/") and found.url.endswith(".gz"):
                self.asked.append(found.url)

        page.on("request", request)

    def go(self, query: str = "") -> None:
        self.page.goto(f"{self.address}/?{query}")
        self.page.locator(".scatter[data-drawn]").first.wait_for(timeout=60_000)
        self.settle()

    def settle(self) -> None:
        """Waits until the script rests and the picture stays the same."""
        self.page.wait_for_function(
            "document.querySelector('[data-testid=\"stApp\"]')?.dataset.testScriptState === 'notRunning'", timeout=30_000
        )
        before = None
        for _ in range(60):
            now = self.page.locator(".stage").first.screenshot()
            if now == before:
                return
            before = now
            self.page.wait_for_timeout(350)
        pytest.fail("The map never came to rest.")

    def pixels(self) -> np.ndarray:
        self.page.mouse.move(2, 2)
        shot = self.page.locator(".stage").first.screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)

    def counts(self) -> dict[str, int]:
        pixels = self.pixels()
        return {name: near(pixels, colour) for name, colour in COLOURS.items()}

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a place in data coordinates while the whole map is shown."""
        box = self.page.locator(".surface").first.bounding_box()
        positions, _ = made_up(60_000)
        low, high = positions.min(axis=0).astype(float), positions.max(axis=0).astype(float)
        scale = min((box["width"] - 44) / (high - low)[0], (box["height"] - 44) / (high - low)[1])
        middle = (low + high) / 2
        return (
            float(box["x"] + box["width"] / 2 + (x - middle[0]) * scale),
            float(box["y"] + box["height"] / 2 - (y - middle[1]) * scale),
        )

    def draw(self, corners: list[tuple[float, float]]) -> None:
        places = [self.on_screen(*corner) for corner in corners]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=6)
        self.page.mouse.up()

    def colour_by(self, what: str) -> None:
        before = self.page.locator(".scatter").first.get_attribute("data-drawn")
        self.page.get_by_role("radio", name=what).click()
        self.page.wait_for_function(
            "before => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
            ".some(e => e.shadowRoot.querySelector('.scatter').dataset.drawn !== before)",
            arg=before,
        )
        self.settle()

    def check(self) -> None:
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert not self.wrong


@pytest.fixture
def reader(browser, scatter_app):
    found = Reader(browser, scatter_app)
    yield found
    found.context.close()


QUARTER = [(-9.5, 0.5), (-0.5, 0.5), (-0.5, 9.5), (-9.5, 9.5)]  # around all cells of the north-west and no other


def test_each_group_is_drawn_in_its_colour_and_place(reader):
    reader.go()
    pixels = reader.pixels()
    height, width, _ = pixels.shape
    halves = {"north": slice(0, height // 2), "south": slice(height // 2, None)}
    sides = {"west": slice(0, width // 2), "east": slice(width // 2, None)}
    for name, colour in COLOURS.items():
        up, side = name.split("-")
        assert near(pixels[halves[up], sides[side]], colour) > 5000, name
        assert near(pixels[halves[up], sides[side]], colour) == near(pixels, colour), f"{name} outside its quarter"
    reader.check()


def test_the_legend_hides_shows_and_isolates(reader):
    reader.go()
    before = reader.counts()
    button = reader.page.locator("button.group", has_text="north-west")
    button.click()
    reader.settle()
    hidden = reader.counts()
    assert hidden["north-west"] == 0
    assert hidden["south-east"] == before["south-east"]
    assert button.get_attribute("aria-pressed") == "false"
    reader.page.locator("button.group", has_text="south-east").dblclick()
    reader.settle()
    assert [name for name, count in reader.counts().items() if count] == ["south-east"]
    reader.page.get_by_role("button", name="Show all", exact=True).click()
    reader.settle()
    assert reader.counts() == before
    reader.check()


def test_a_lasso_tells_python_exactly_the_cells_inside(reader):
    reader.go()
    positions, quarter = made_up(60_000)
    reader.page.get_by_role("button", name="Draw around cells").click()
    reader.draw(QUARTER)
    said = reader.page.get_by_text("cells inside")
    said.wait_for(timeout=20_000)
    assert said.inner_text() == f"{np.sum(quarter == 2):,} cells inside; 0, 0, {np.sum(quarter == 2):,}, 0"

    reader.page.get_by_role("button", name="Choose cells with a box").click()
    reader.draw([(1.0, -9.0), (9.5, -4.0)])
    inside = (positions[:, 0] > 1) & (positions[:, 1] > -9) & (positions[:, 1] < -4)
    reader.page.get_by_text(re.compile(r"inside; 0, [\d,]+, 0, 0")).wait_for(timeout=20_000)
    told = int(said.inner_text().split(" cells")[0].replace(",", ""))
    assert abs(told - inside.sum()) < 0.02 * inside.sum()  # the mouse moves in whole pixels
    reader.check()


def test_shift_draws_while_moving_and_escape_clears(reader):
    reader.go()
    reader.page.keyboard.down("Shift")
    reader.draw(QUARTER)
    reader.page.keyboard.up("Shift")
    reader.page.get_by_text("cells inside").wait_for(timeout=20_000)
    assert reader.page.locator("path.outline").first.get_attribute("d")
    reader.page.locator(".surface").first.focus()
    reader.page.keyboard.press("Escape")
    reader.page.get_by_text("nothing drawn").wait_for(timeout=20_000)
    assert not reader.page.locator("path.outline").first.get_attribute("d")
    reader.check()


def test_an_outline_from_a_link_is_shown_until_the_reader_draws_another(reader):
    triangle = np.array([[-9.0, -9.0], [9.0, -9.0], [0.0, 9.0]])
    positions, quarter = made_up(60_000)
    rows = members(positions, unpack(pack(triangle)))
    reader.go(f"outline={pack(triangle)}")
    assert reader.page.get_by_text("cells inside").inner_text().startswith(f"{len(rows):,} cells inside")
    assert reader.page.locator("path.outline").first.get_attribute("d").count("L") == 2
    reader.page.get_by_role("button", name="Draw around cells").click()
    reader.draw(QUARTER)
    reader.page.get_by_text(f"{np.sum(quarter == 2):,} cells inside").wait_for(timeout=20_000)
    reader.page.locator(".surface").first.focus()
    reader.page.keyboard.press("Escape")
    reader.page.get_by_text("nothing drawn").wait_for(timeout=20_000)
    reader.check()


def test_keys_move_and_zoom(reader):
    reader.go()
    start = reader.pixels()
    reader.page.locator(".surface").first.focus()
    reader.page.keyboard.press("ArrowRight")
    reader.settle()
    moved = reader.pixels()
    green = np.abs(start - np.array(COLOURS["south-east"])).max(axis=-1) <= 12
    green_after = np.abs(moved - np.array(COLOURS["south-east"])).max(axis=-1) <= 12
    shift = np.flatnonzero(green.any(axis=0)).min() - np.flatnonzero(green_after.any(axis=0)).min()
    assert shift == pytest.approx(48, abs=2)
    for key, zoom in (("+", 1.4), ("+", 1.96), ("-", 1.4), ("0", 1.0)):
        reader.page.keyboard.press(key)
        reader.settle()
        assert float(reader.page.locator(".scatter").first.get_attribute("data-zoom")) == pytest.approx(zoom, abs=0.002)
    np.testing.assert_array_equal(reader.pixels()[40:-40, 40:-40], start[40:-40, 40:-40])
    reader.check()


def test_the_wheel_zooms_where_the_pointer_is_and_a_drag_moves(reader):
    reader.go()
    x, y = reader.on_screen(5, 5)
    reader.page.mouse.move(x, y)
    for _ in range(6):
        reader.page.mouse.wheel(0, -240)
    reader.settle()
    counts = reader.counts()
    assert counts["north-east"] > 20_000
    assert sum(counts.values()) == counts["north-east"]
    scroll = reader.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    assert scroll == 0
    start = reader.pixels()
    reader.page.mouse.move(x, y)
    reader.page.mouse.down()
    reader.page.mouse.move(x + 60, y + 30, steps=5)
    reader.page.mouse.up()
    reader.settle()
    after = reader.pixels()
    same = np.abs(after[130:330, 160:460] - start[100:300, 100:400]).max(axis=-1) <= 12
    assert same.mean() > 0.95
    reader.check()


def test_positions_travel_once_and_a_recolour_sends_only_codes(reader):
    reader.go()
    assert len(reader.asked) == 2  # positions and codes
    sizes = []
    reader.page.on("response", lambda r: sizes.append(len(r.body())) if r.url in reader.asked[2:] else None)
    reader.colour_by("amount")
    assert len(reader.asked) == 3
    reader.colour_by("blend")
    assert len(reader.asked) == 4
    assert len(set(reader.asked)) == 4
    assert all(0 < size < 60_000 for size in sizes)
    reader.colour_by("quarter")  # known already: nothing travels
    reader.page.get_by_text("Light up the north-east").click()
    reader.settle()
    assert len(reader.asked) == 5  # which cells are lit, one bit each
    reader.page.get_by_text("Light up the north-east").click()
    reader.settle()
    assert len(reader.asked) == 5
    reader.check()


def test_lit_cells_stay_bright_and_the_others_fade(reader):
    reader.go()
    before = reader.counts()
    reader.page.get_by_text("Light up the north-east").click()
    reader.settle()
    lit = reader.counts()
    assert lit["north-east"] >= before["north-east"]
    assert sum(lit.values()) == lit["north-east"]
    _, quarter = made_up(60_000)
    assert f"{np.sum(quarter == 3):,} cells selected" in reader.page.locator(".spoken").first.inner_text()
    reader.check()


def test_amounts_have_a_bar_and_blends_their_inks(reader):
    reader.go()
    reader.colour_by("amount")
    assert reader.page.locator(".ticks").inner_text().split() == ["3", "1.5", "0"]
    assert near(reader.pixels(), (42, 42, 114)) > 200  # the darkest shade: the highest cells are drawn on top
    reader.colour_by("blend")
    assert reader.page.locator(".channel .name").all_inner_texts() == ["FKBP5", "CD74"]
    reader.check()


def test_the_pointer_names_the_cell_under_it(reader):
    reader.go()
    positions, quarter = made_up(60_000)
    asked = len(reader.asked)
    row = int(np.argmin(np.linalg.norm(positions - [-5, 5], axis=1)))
    x, y = reader.on_screen(*positions[row])  # stays under the pointer while the wheel turns
    reader.page.mouse.move(x, y)
    for _ in range(6):
        reader.page.mouse.wheel(0, -240)
    reader.settle()
    tip = reader.page.locator(".tip").first
    tip.wait_for(state="visible")
    reader.page.wait_for_timeout(500)
    assert quarter[row] == 2
    assert tip.inner_text().splitlines() == ["quarter: north-west", f"cell-{row}"]
    assert len(reader.asked) == asked + 1  # names come with the first cell that is pointed at, and only its block
    reader.check()


def test_dark_page_dark_map(browser, scatter_app):
    reader = Reader(browser, scatter_app, theme="dark")
    try:
        reader.go()
        paper = tuple(int(DARK.paper[i : i + 2], 16) for i in (1, 3, 5))
        pixels = reader.pixels()
        assert near(pixels, paper) > 0.3 * pixels.shape[0] * pixels.shape[1]
        reader.colour_by("amount")
        assert near(reader.pixels(), (251, 248, 207)) > 200  # the top of the dark page's scale
        reader.check()
    finally:
        reader.context.close()


def test_a_map_says_what_it_shows(reader):
    reader.go()
    surface = reader.page.locator(".surface").first
    assert surface.get_attribute("aria-label").startswith("Map of 60,000 cells coloured by quarter")
    assert surface.get_attribute("tabindex") == "0"
    spoken = reader.page.locator(".spoken").first
    assert spoken.get_attribute("aria-live") == "polite"
    assert spoken.inner_text() == "60,000 cells coloured by quarter, 4 groups."
    reader.page.locator("button.group").first.click()
    assert "1 of them hidden" in spoken.inner_text()
    long = reader.page.locator("button.group").first
    name = long.locator(".name")
    assert name.evaluate("e => e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === 'ellipsis'")
    assert "very long name" in long.get_attribute("title")
    boxes = [b.bounding_box() for b in reader.page.locator("button.group").all()]
    assert all(a["y"] + a["height"] <= b["y"] + 0.5 for a, b in itertools.pairwise(boxes))
    reader.check()


def saved(reader: Reader, kind: str) -> Path:
    with reader.page.expect_download(timeout=30_000) as download:
        reader.page.get_by_role("button", name=kind, exact=True).first.click()
    assert download.value.suggested_filename == f"cells.{kind.lower()}"
    return Path(download.value.path())


def test_pictures_can_be_saved(reader):
    reader.go()
    before = reader.counts()
    pixels = np.asarray(Image.open(saved(reader, "PNG")).convert("RGB")).astype(int)
    for name, colour in COLOURS.items():
        assert near(pixels, colour) > 2 * before[name]  # twice as sharp in both directions
    many = saved(reader, "SVG").read_text("utf-8")
    assert "<image" in many
    assert "drawn as a picture" in many
    assert "<circle" in many  # the legend stays vector
    reader.settle()
    assert reader.counts() == before
    for name in ("north-west", "south-west"):
        reader.page.locator("button.group", has_text=name).click()
    reader.settle()
    few = saved(reader, "SVG").read_text("utf-8")
    _, quarter = made_up(60_000)
    assert "<image" not in few
    assert few.count("<circle") == np.sum(np.isin(quarter, [1, 3])) + 2  # cells, and the legend
    assert set(re.findall(r'<g fill="(#\w+)"', few)) == {LIGHT.groups[0].lower(), LIGHT.groups[2].lower()}
    reader.check()


def test_a_lost_context_comes_back_with_all_cells(reader):
    reader.go()
    before = reader.counts()
    canvas = reader.page.locator(".stage canvas").first
    canvas.evaluate("e => { e.kept = e.getContext('webgl2').getExtension('WEBGL_lose_context'); e.kept.loseContext(); }")
    reader.page.wait_for_timeout(500)
    assert sum(reader.counts().values()) == 0
    canvas.evaluate("e => e.kept.restoreContext()")
    reader.page.wait_for_timeout(500)
    reader.settle()
    assert reader.counts() == before
    reader.check()


def test_two_maps_on_a_page_share_their_cells(reader):
    reader.go("twice=1")
    reader.page.locator(".scatter[data-drawn]").nth(1).wait_for(timeout=30_000)
    assert len(reader.asked) == 2
    shot = reader.page.locator(".stage").nth(1).screenshot()
    assert near(np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int), COLOURS["south-west"]) > 1000
    reader.page.locator("button.group").first.click()  # of the first map
    reader.settle()
    assert reader.page.locator("button.group").nth(4).get_attribute("aria-pressed") == "true"
    reader.check()


def test_without_webgl_a_picture_is_drawn_and_the_lasso_still_works(browser, chromium_path, scatter_app):
    bare = browser.browser_type.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-3d-apis"])
    try:
        page = bare.new_page(viewport={"width": 1200, "height": 800})
        page.goto(f"{scatter_app}/?n=60000")
        page.locator(".js-plotly-plot image").first.wait_for(state="attached", timeout=60_000)
        page.wait_for_timeout(1500)
        chart = page.locator(".js-plotly-plot").first
        pixels = np.asarray(Image.open(io.BytesIO(chart.screenshot())).convert("RGB")).astype(int)
        for colour in COLOURS.values():
            assert near(pixels, colour) > 2000
        box = page.locator(".nsewdrag").first.bounding_box()
        places = [(0.01, 0.01), (0.5, 0.01), (0.5, 0.5), (0.01, 0.5)]  # the north-western quarter of the chart
        page.mouse.move(box["x"] + box["width"] * 0.01, box["y"] + box["height"] * 0.01)
        page.mouse.down()
        for across, down in places[1:]:
            page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down, steps=6)
        page.mouse.up()
        page.get_by_text("cells inside").wait_for(timeout=20_000)
        _, quarter = made_up(60_000)
        assert page.get_by_text("cells inside").inner_text().startswith(f"{np.sum(quarter == 2):,} cells inside; 0, 0,")
    finally:
        bare.close()

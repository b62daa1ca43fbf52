"""A reader's own cells, all the way: a file, its columns, a training that outlives the page, a landscape, a link to it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.browser.reader import Reader, blues
from virtualcell.data.catalogue import data_folder
from virtualcell.data.read import read

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

DRAWN = """key => JSON.stringify(document.querySelector(`.st-key-${key} .js-plotly-plot`).data.map(
  t => [t.type, t.name ?? '', t.z ?? [], t.x ?? [], t.y ?? []]))"""
"""Numbers of every trace of a chart, as text: what is missing equals what is missing."""


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """The cells of the first demo as a stranger's file: another name, a time column whose name says nothing, fewer cells."""
    cells = read(data_folder() / "scicar_a549_rna_atac.h5mu")
    rows = np.sort(np.random.default_rng(0).choice(cells.n_obs, 900, replace=False))
    cells = cells[rows].copy()
    hours = cells.obs["time_h"].to_numpy()
    for part in (cells, *cells.mod.values()):
        part.obs = part.obs.drop(columns=[c for c in part.obs if "time" in c])
    cells.obs["sampled"] = hours
    cells.write(tmp_path / "my_lung.h5mu")
    return tmp_path / "my_lung.h5mu"


def choose(reader: Reader, key: str, option: str) -> None:
    """Picks an option of the select box with this key."""
    box = reader.page.locator(f".st-key-{key}").first
    box.get_by_role("combobox").click()
    reader.page.get_by_role("option", name=option, exact=True).click()
    reader.rest()


def number(reader: Reader, key: str, value: int) -> None:
    field = reader.page.locator(f".st-key-{key} input").first
    field.fill(str(value))
    field.press("Enter")
    reader.rest()


def test_from_a_file_to_a_link_to_its_landscape(reader, browser, app, renamed):
    page = reader.page
    page.set_default_timeout(120_000)  # a training runs beside the app
    reader.go("cells")
    page.locator('input[type="file"]').set_input_files(str(renamed))
    page.get_by_text("2 · What the columns mean").wait_for()
    reader.rest()

    # Without a time column the page says what cannot be learned; with it, the cells of each time are drawn.
    assert page.get_by_text("movement in time cannot be learned").count() >= 1
    choose(reader, "own-time", "sampled")
    assert page.get_by_text("movement in time cannot be learned").count() == 0
    reader.check()

    # A small model.
    page.locator(".st-key-own-way").get_by_text("Quick look").click()
    reader.rest()
    page.get_by_text("Advanced settings").click()
    number(reader, "own-dims-Quick-look", 4)
    number(reader, "own-epochs-Quick-look", 3)
    number(reader, "own-steps-Quick-look", 60)
    page.locator(".st-key-own-name input").fill("Lung, small")
    page.locator(".st-key-own-name input").press("Enter")
    reader.rest()
    page.locator(".st-key-own-train button").click()
    page.wait_for_url(re.compile(r"run=run-"))
    run = re.search(r"run=(run-[a-z0-9]+)", page.url)[1]

    # Mid-way the page is loaded again, and then in a browser that never saw it: the training is there and goes on.
    page.get_by_role("progressbar").first.wait_for()
    page.reload()
    page.get_by_role("progressbar").first.wait_for()
    assert run in page.url
    other = Reader(browser, app)
    other.page.set_default_timeout(120_000)
    other.page.goto(page.url)
    other.page.locator(f".st-key-cancel-{run}").wait_for()
    other.page.close()

    page.get_by_role("button", name="Landscape", exact=True).wait_for(timeout=600_000)
    reader.rest()
    assert page.locator(".st-key-curves-" + run).count() == 1
    reader.check()
    page.get_by_role("button", name="Landscape", exact=True).click()
    page.wait_for_url("**/landscape*")
    reader.rest()
    assert blues(reader.picture(f"surface-{run}")).mean() > 0.05, "no surface was drawn"
    page.get_by_role("tab", name="Map from above").click()
    reader.rest()
    shown = page.evaluate(DRAWN, f"contours-{run}")

    # The link as the page offers it, opened elsewhere.
    page.locator(".st-key-share button").first.click()
    link = page.locator('[data-testid="stCode"]').first
    link.wait_for(timeout=30_000)
    address = link.inner_text().strip()
    assert run in address
    reader.check()
    fresh = Reader(browser, app)
    fresh.page.set_default_timeout(120_000)
    fresh.page.goto(address)
    fresh.rest()
    fresh.picture(f"contours-{run}")
    assert fresh.page.evaluate(DRAWN, f"contours-{run}") == shown
    assert fresh.page.get_by_role("tab", name="Map from above").get_attribute("aria-selected") == "true"
    fresh.check()
    fresh.page.close()

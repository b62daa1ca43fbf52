"""First paint, recolour and lasso of one number of cells, by one renderer, as a reader sees them."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
from plotly.colors import hex_to_rgb

from benchmarks.app.server import Server, browser_memory
from benchmarks.app.visit import Visit
from virtualcell.figures.look import LIGHT

EDGE = 22  # pixels around the whole map, as in frontend/scatter/src/view.js

STATE_COLOURS = np.array([hex_to_rgb(colour) for colour in LIGHT.groups[1:3]])
"""Red and green of two states: no shade of an amount, and no edge of a point in another colour, comes near them."""

AMOUNT_COLOURS = np.array([hex_to_rgb(colour) for colour in LIGHT.expression[-2:]])
"""The two dark blues of much: Streamlit fades a chart while its script runs, and a faded colour is never darker."""

PART = 0.002  # of the rectangle's pixels that must have the new colours


def look_at(
    browser: Any,
    server: Server,
    cells: int,
    renderer: str,
    gene: str,
    outline: np.ndarray | None,
    box: tuple[np.ndarray, np.ndarray],
) -> dict[str, float]:
    """One visit: opens the map, colours it by a gene and, where ``outline`` is given, draws it with the lasso.

    gene: title of the button to press. outline: corners (k, 2) in data coordinates; box: lowest and highest coordinates of the
    map. The browser has the program's files in its cache: it looked at a map of a thousand cells before.
    """
    visit = Visit(browser, server.address)
    try:
        visit.page.goto(f"{server.address}/?cells=1000&renderer={renderer}")
        visit.seconds_to(STATE_COLOURS, time.perf_counter(), part=0.0002)
        visit.rest()
        visit.page.goto("about:blank")  # a browser shows the old page until the new one paints
        visit.taken()
        found: dict[str, float] = {}

        start = time.perf_counter()
        visit.page.goto(f"{server.address}/?cells={cells}&renderer={renderer}", wait_until="commit")
        found["first paint, s"] = visit.seconds_to(STATE_COLOURS, start, part=PART)
        visit.rest()
        found["first paint, MB"] = visit.taken()["data MB"]
        found["script at first paint, s"] = _script(visit, "state")

        if visit.share(AMOUNT_COLOURS) > PART / 4:
            raise RuntimeError(f"{renderer}: the map shows the colours of amounts before it was asked to")
        start = time.perf_counter()
        visit.page.get_by_role("radio", name=gene, exact=True).click(no_wait_after=True)
        found["recolour, s"] = visit.seconds_to(AMOUNT_COLOURS, start, part=PART)
        visit.rest()
        found["recolour, MB"] = visit.taken()["data MB"]
        found["script at recolour, s"] = _script(visit, gene)

        if outline is not None:
            found |= _lasso(visit, outline, box)
        found["browser memory, MB"] = browser_memory()
        found["server memory, MB"] = server.memory()["now"]
        if visit.wrong:
            raise RuntimeError(f"{renderer}, {cells:,} cells: {visit.wrong[:3]}")
        return found
    finally:
        visit.close()


def _script(visit: Visit, by: str) -> float:
    said = visit.page.get_by_text(re.compile(rf"script took [\d.]+ s for {re.escape(by)}$"))
    said.wait_for(timeout=60_000)
    return float(said.inner_text().split()[2])


def _lasso(visit: Visit, outline: np.ndarray, box: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    surface = visit.page.locator(".surface").bounding_box()
    low, high = (np.asarray(end, dtype=float) for end in box)
    room = np.array([surface["width"], surface["height"]])
    scale = ((room - 2 * EDGE) / (high - low)).min()
    places = room / 2 + (outline - (low + high) / 2) * [scale, -scale]
    corner = np.array([surface["x"], surface["y"]])
    places = np.clip(places, 1, room - 1) + corner
    visit.page.get_by_role("button", name="Draw around cells").click()
    visit.page.mouse.move(*places[0].tolist())
    visit.page.mouse.down()
    for place in (*places[1:], places[0]):
        visit.page.mouse.move(*place.tolist(), steps=12)
    visit.taken()
    start = time.perf_counter()
    visit.page.mouse.up()
    said = visit.page.get_by_text("cells chosen")
    said.wait_for(timeout=120_000)
    taken = time.perf_counter() - start
    visit.rest()
    return {
        "lasso to statistics, s": taken,
        "lasso, sent by the browser, kB": visit.taken()["sent bytes"] / 1e3,
        "lasso, cells": float(said.inner_text().split(" ")[0].replace(",", "")),
    }

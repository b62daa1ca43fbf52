"""A map of cells, from a handful to a few millions, with an outline that the reader draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from virtualcell.figures.cell_image import cell_image
from virtualcell.figures.coloured_map import coloured_map, narrow
from virtualcell.figures.colouring import STEPS, Colouring
from virtualcell.ui.parts import chart
from virtualcell.ui.scatter import arrays
from virtualcell.ui.scatter.outline import corners, current
from virtualcell.ui.theme import look

__all__ = ["MANY", "scatter"]

MANY = 50_000
"""From this many cells on the map is drawn by our own WebGL2 canvas; below, Plotly is as fast and knows more."""

_NO_WEBGL = "scatter-no-webgl"

_CODE = (Path(__file__).parent / "scatter.js").read_bytes()

# The page gets the code under an address, once, instead of with every message about another colour.
_canvas = st.components.v2.component(
    "virtualcell_scatter",
    js="export default async (map) => (await import(new URL(map.data.code, location.href).href)).default(map);",
)


def scatter(
    positions: np.ndarray,
    colours: Colouring,
    *,
    key: str,
    alt: str,
    file: str,
    height: int = 560,
    ids: Sequence[str] | None = None,
    lit: np.ndarray | None = None,
    polygon: np.ndarray | None = None,
    axes: tuple[str, str] = ("map 1", "map 2"),
    select: bool = True,
    renderer: str | None = None,
    beside: bool = False,
) -> np.ndarray | None:
    """Draws the cells; returns the outline around chosen ones, (k, 2) in data coordinates, None where there is none.

    positions: (n, 2) float32; a cell whose place is not finite is not drawn. colours: of the n cells. ids: names of the n cells,
    for the pointer. lit: rows that stay bright and on top while the others fade. polygon: an outline to start with, e.g. from a
    link; it is returned until the reader draws another or clears it, and it counts again where the page hands in another one
    than before. alt: for readers who cannot see it. file: name of saved pictures, without ending. height: pixels.
    renderer: ``"webgl"``, ``"plotly"`` or ``"image"``; chosen by the number of cells, and an image where the browser has no
    WebGL2, unless named. beside: another map stands beside it, so that its legend goes above it.
    """
    positions = np.asarray(positions, dtype=np.float32)
    if positions.ndim != 2 or positions.shape[1] != 2 or len(colours.codes) != len(positions):
        raise ValueError(f"positions {positions.shape} must be (n, 2) with one code a cell, not {colours.codes.shape}")
    if ids is not None and len(ids) != len(positions):
        raise ValueError(f"{len(ids):,} names for {len(positions):,} cells")
    if renderer is None:
        renderer = "plotly" if len(positions) < MANY else "webgl"
    if renderer == "webgl" and st.session_state.get(_NO_WEBGL):
        renderer = "image"
    if renderer == "webgl":
        return _by_canvas(positions, colours, key, alt, file, height, ids, lit, polygon, axes, select)
    if renderer not in ("plotly", "image"):
        raise ValueError(f"renderer {renderer!r} is none of webgl, plotly, image")
    outline = current(key, _drawn(key), polygon)
    draw = coloured_map if renderer == "plotly" else cell_image
    fig = draw(positions, colours, lit=lit, polygon=outline.polygon, axes=axes, ids=ids, look=look(), height=height)
    if beside:
        narrow(fig, colours)
    if select:
        chart(fig, key, alt=alt, file=file, on_select="rerun", selection_mode=("lasso", "box"))
    else:
        fig.update_layout(dragmode="pan")
        chart(fig, key, alt=alt, file=file)
    return outline.polygon


def _by_canvas(
    positions: np.ndarray,
    colours: Colouring,
    key: str,
    alt: str,
    file: str,
    height: int,
    ids: Sequence[str] | None,
    lit: np.ndarray | None,
    polygon: np.ndarray | None,
    axes: tuple[str, str],
    select: bool,
) -> np.ndarray | None:
    outline = current(key, (st.session_state.get(key) or {}).get("polygon"), polygon)
    packed, box = arrays.places(positions)
    marked = None if lit is None or not len(lit) else arrays.zipped(arrays.mask(lit, len(positions)), f"{key}-lit")
    data = {
        "code": arrays.address(_CODE, "text/javascript", "code"),
        "n": len(positions),
        "box": box,
        "positions": arrays.zipped(packed, f"{key}-positions"),
        "codes": arrays.zipped(arrays.codes(colours.codes), f"{key}-codes"),
        "lit": marked,
        "chosen": 0 if lit is None else len(lit),
        "ids": [] if ids is None else [arrays.zipped(part, f"{key}-ids-{i}") for i, part in enumerate(arrays.names(ids))],
        "block": arrays.BLOCK,
        "kind": colours.kind,
        "name": colours.name,
        "palette": list(colours.palette),
        "labels": list(colours.labels),
        "counts": list(colours.counts),
        "low": colours.low,
        "high": colours.high,
        "unit": colours.unit,
        "shades": colours.shades,
        "channels": list(colours.channels),
        "steps": STEPS.get(len(colours.labels), 0),
        "alt": alt,
        "file": file,
        "height": height,
        "axes": list(axes),
        "select": select,
        "polygon": None if outline.polygon is None else outline.polygon.round(6).tolist(),
        "serial": outline.serial,
    }
    _canvas(key=key, data=data, on_polygon_change=_nothing, on_webgl_change=_no_webgl)
    return outline.polygon


def _nothing() -> None:
    """Named so that Streamlit keeps the state; the page is run again anyway."""


def _no_webgl() -> None:
    # The browser has told us that it has no WebGL2: all maps of this session are pictures from now on.
    st.session_state[_NO_WEBGL] = True


def _drawn(key: str) -> dict[str, Any] | None:
    """The outline in a Plotly chart's selection as our canvas would send it; None before anything was drawn."""
    memory = st.session_state.setdefault(f"scatter-drew-{key}", {"drew": False})
    event = st.session_state.get(key)
    if not event or "selection" not in event:  # a chart that was just put on the page
        memory["drew"] = False
        return None
    selection = event["selection"]
    shapes = [(shape["x"], shape["y"]) for shape in selection.get("lasso", [])]
    for box in selection.get("box", []):
        (x0, x1), (y0, y1) = box["x"], box["y"]
        shapes.append(([x0, x1, x1, x0], [y0, y0, y1, y1]))
    found = corners(np.column_stack(shapes[-1])) if shapes else None
    if found is None and not memory["drew"]:
        return None
    memory["drew"] = True
    # Plotly counts no drawings; another outline is another drawing.
    return {"corners": None if found is None else found.tolist(), "serial": 1 + hash(str(found)) % 2**40}

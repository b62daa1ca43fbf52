"""A map of very many cells as one picture, for browsers that cannot draw a million points.

With numpy rather than datashader: a million cells take 0.25 CPU seconds with either, but datashader's first picture takes 2.3
(import and compilation), and it brings seven packages of 42 MB for what is thirty lines here.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import unlabel_rgb, validate_colors

from virtualcell.figures.coloured_map import add_inks, colour_bar, dress
from virtualcell.figures.colouring import Colouring
from virtualcell.figures.look import LIGHT, Look, figure

WIDEST = 1600
"""Pixels across the picture at most; otherwise it has about the pixels of the screen, so that no cell is blurred away."""

FADED = 0.2
"""Share of its colour that an unlit cell keeps, as on the WebGL map."""


def cell_image(
    positions: np.ndarray,
    colours: Colouring,
    *,
    lit: np.ndarray | None = None,
    polygon: np.ndarray | None = None,
    ids: Sequence[str] | None = None,  # a picture has no single cells to name
    axes: tuple[str, str] = ("map 1", "map 2"),
    look: Look = LIGHT,
    height: int = 560,
) -> go.Figure:
    """The cells as pixels. Arguments as for ``coloured_map``; where cells share a pixel, an amount shows the highest and groups
    show their mean colour weighted by cells."""
    positions = np.asarray(positions, dtype=np.float32)
    fig = figure(look, height)
    placed = np.isfinite(positions).all(axis=1)
    if placed.any():
        (left, bottom), (right, top) = positions[placed].min(axis=0).tolist(), positions[placed].max(axis=0).tolist()
        wide, high = max(right - left, 1e-9), max(top - bottom, 1e-9)
        box = (left, bottom, wide, high)
        picture = pixels(positions, colours, box, height - 60, lit=lit, look=look)  # 60: title and margins of the axis
        margin_x, margin_y = wide / picture.shape[1], high / picture.shape[0]
        fig.add_layout_image(
            source="data:image/png;base64," + base64.b64encode(png(picture)).decode("ascii"),
            xref="x",
            yref="y",
            x=left - margin_x,
            y=top + margin_y,
            sizex=wide + 2 * margin_x,
            sizey=high + 2 * margin_y,
            sizing="stretch",
            layer="below",
        )
        # Two unseen points keep the axes on the map and let the lasso work.
        ends = {"x": [left, right], "y": [bottom, top], "mode": "markers", "hoverinfo": "skip", "showlegend": False}
        scale_of = {"color": [colours.low, colours.high], **colour_bar(colours)} if colours.kind == "amount" else {}
        fig.add_trace(go.Scatter(marker={"opacity": 0, **scale_of}, **ends))
    if colours.kind != "amount":
        add_inks(fig, colours)
        fig.update_layout(legend={"itemclick": False, "itemdoubleclick": False})
    dress(fig, colours, axes, polygon, look)
    return fig


def pixels(
    positions: np.ndarray,
    colours: Colouring,
    box: tuple[float, float, float, float],
    rows: int,
    *,
    lit: np.ndarray | None = None,
    look: Look = LIGHT,
) -> np.ndarray:
    """The picture, (height, width, 4) uint8 RGBA, top row first.

    box: left, bottom, width, height of the map. rows: of pixels; fewer where the map is so wide that it would not fit.
    """
    left, bottom, wide, high = box
    height, width = rows, max(round(rows * wide / high), 2)
    if width > WIDEST:
        height, width = max(round(WIDEST * high / wide), 2), WIDEST
    table = np.array([rgb(colour) for colour in colours.palette], dtype=np.float32)
    inside = np.flatnonzero(np.isfinite(positions).all(axis=1))
    x = np.clip((positions[inside, 0] - left) / wide * (width - 1), 0, width - 1)
    y = np.clip((bottom + high - positions[inside, 1]) / high * (height - 1), 0, height - 1)
    place = np.rint(y).astype(np.int64) * width + np.rint(x).astype(np.int64)
    codes = colours.codes[inside]
    bright = np.ones(len(inside), dtype=bool) if lit is None or not len(lit) else np.isin(inside, lit)
    picture = np.zeros((height * width, 4), dtype=np.float32)
    for some, share in ((~bright, FADED), (bright, 1.0)):  # lit cells are painted over the others
        if not some.any():
            continue
        colour = _paint(place[some], codes[some], table, height * width, highest=colours.kind in ("amount", "blend"))
        painted = colour[:, 3] > 0
        paper = np.array(rgb(look.paper))
        picture[painted, :3] = paper + share * (colour[painted, :3] - paper)
        picture[painted, 3] = 255
    return _spread(picture.reshape(height, width, 4)).round().astype(np.uint8)


def _paint(place: np.ndarray, codes: np.ndarray, table: np.ndarray, n: int, *, highest: bool) -> np.ndarray:
    painted = np.zeros((n, 4), dtype=np.float32)
    if highest:
        order = np.argsort(codes, kind="stable")
        painted[place[order], :3] = table[codes[order]]  # of cells in one pixel the last, the highest, stays
        painted[place, 3] = 1
        return painted
    cells = np.bincount(place, minlength=n)
    seen = cells > 0
    for channel in range(3):
        total = np.bincount(place, weights=table[codes, channel], minlength=n)
        painted[seen, channel] = total[seen] / cells[seen]
    painted[seen, 3] = 1
    return painted


def _spread(picture: np.ndarray) -> np.ndarray:
    """Empty pixels beside a cell take its colour: single cells are then two pixels wide and can be seen."""
    for axis in (0, 1):
        beside = np.roll(picture, 1, axis=axis)
        picture = np.where(picture[..., 3:] > 0, picture, beside)
    return picture


def png(picture: np.ndarray) -> bytes:
    """A PNG file of (height, width, 4) uint8 (ISO/IEC 15948: filter 0 on each line, one compressed block)."""
    height, width, _ = picture.shape
    lines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), picture.reshape(height, width * 4)], axis=1)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 3)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green, blue in 0..255 of "#RRGGBB" or "rgb(r, g, b)"."""
    return unlabel_rgb(validate_colors(colour, "rgb")[0])

"""A small picture of a map of cells, as a PNG file of a few kB, without a browser or Plotly."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageColor


def thumbnail(positions: np.ndarray, codes: np.ndarray, colours: list[str], *, size: tuple[int, int] = (360, 200)) -> bytes:
    """Cells as dots on a clear ground: a PNG with a palette.

    positions: (n, 2), drawn with equal scales, y upwards. codes: (n,) index into ``colours`` (CSS, at most 255). size: width and
    height in pixels; at twice the size on screen it is sharp on every screen. ValueError where there is no cell or no colour.
    """
    positions, codes = np.asarray(positions, dtype=float), np.asarray(codes)
    if not len(positions) or not 1 <= len(colours) <= 255 or len(codes) != len(positions):
        raise ValueError(f"{len(positions)} cells with {len(codes)} codes of {len(colours)} colours cannot be drawn.")
    width, height = size
    radius = int(np.clip(round(90 / np.sqrt(len(positions))), 1, 4))
    low, high = positions.min(0), positions.max(0)
    span, room = np.maximum(high - low, 1e-9), np.array(size) - 2 * (radius + 2)
    place = (positions - (low + high) / 2) * (room / span).min() * [1, -1] + np.array(size) / 2
    column, row = np.clip(place.astype(int), radius, np.array(size) - 1 - radius).T
    pixels = np.zeros((height, width), dtype=np.uint8)
    # Cells lie in the file group by group: in another order none is buried under the group that comes last.
    order = np.random.default_rng(0).permutation(len(positions))
    reach = np.arange(-radius, radius + 1)
    for dy in reach:
        for dx in reach[np.abs(reach) ** 2 + dy**2 <= radius**2 + 1]:
            pixels[row[order] + dy, column[order] + dx] = codes[order] + 1
    image = Image.fromarray(pixels, mode="P")
    image.putpalette([0, 0, 0, *(channel for colour in colours for channel in ImageColor.getrgb(_plain(colour)))])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0, optimize=True, bits=8)
    return file.getvalue()


def _plain(colour: str) -> str:
    # Plotly's scales may say rgb(12.5, 3.0, 7.0); Pillow reads whole numbers only.
    if not colour.startswith("rgb("):
        return colour
    return f"rgb({', '.join(str(round(float(part))) for part in colour[4:-1].split(','))})"

"""Drawn pictures of cells beside real ones, pixel by pixel."""

from __future__ import annotations

import base64
import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image, ImageDraw, ImageFont
from plotly.colors import unlabel_rgb, validate_colors
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look

GAP = 2
"""Pixels of paper between two pictures, in pixels of the pictures."""

MARK = "synthetic"
"""The word that is written under drawn pictures."""


def mosaic(images: np.ndarray, across: int, paper: tuple[int, ...], down: int = 1) -> np.ndarray:
    """Pictures (n, height, width, 3) uint8 in rows of ``across``, ``down`` rows or more, on paper of that colour, as one such
    picture."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or not len(images):
        raise ValueError(f"images {images.shape} {images.dtype} must be (n, height, width, 3) uint8")
    n, height, width, _ = images.shape
    down = max(down, -(-n // across))
    out = np.empty((down * (height + GAP) - GAP, across * (width + GAP) - GAP, 3), dtype=np.uint8)
    out[:] = paper
    for i, image in enumerate(images):
        top, left = i // across * (height + GAP), i % across * (width + GAP)
        out[top : top + height, left : left + width] = image
    return out


def drawn_images(
    drawn: np.ndarray,
    real: np.ndarray,
    *,
    titles: tuple[str, str],
    across: int = 6,
    look: Look = LIGHT,
    height: int = 480,
) -> go.Figure:
    """Two grids side by side: drawn pictures on the left, real ones on the right; both (n, height, width, 3) uint8. Pixels are
    drawn as squares and never blurred. real may be empty: then the grid is left out and says so."""
    fig = make_subplots(rows=1, cols=2, subplot_titles=list(titles), horizontal_spacing=0.04)
    paper = _paper(look)
    for column, images in enumerate((drawn, real), start=1):
        place = {"row": 1, "col": column}
        bare = {"visible": False, "constrain": "domain"}
        fig.update_xaxes(**bare, **place)
        fig.update_yaxes(**bare, scaleanchor="x" if column == 1 else "x2", autorange="reversed", constraintoward="top", **place)
        if not len(images):
            middle = 0.25 if column == 1 else 0.75
            font = {"size": 13, "color": look.quiet}
            fig.add_annotation(text="none", x=middle, y=0.5, xref="paper", yref="paper", showarrow=False, font=font)
            continue
        # As many rows in both, so that pictures are equally large and begin at the same height.
        picture = mosaic(images, across, paper, -(-max(len(drawn), len(real)) // across))
        fig.add_trace(_picture(picture, titles[column - 1]), **place)
    fig.update_annotations(font={"size": 14, "color": look.text})
    fig.update_layout(template=look.name, height=height, margin={"t": 30}, dragmode=False)
    return fig


def turned_images(frames: np.ndarray, *, knobs: list[str], look: Look = LIGHT, height: int | None = None) -> go.Figure:
    """A row a knob: the same picture as that knob is turned from -1 (left) to 1, all else held.

    frames: (knobs, steps, height, width, 3) uint8; knobs: their names, which may have several lines.
    """
    frames = np.asarray(frames)
    if frames.ndim != 5 or len(frames) != len(knobs):
        raise ValueError(f"frames {frames.shape} must be ({len(knobs)} knobs, steps, height, width, 3)")
    n, steps, tall, wide, _ = frames.shape
    fig = go.Figure(layout={"template": look.name, "height": height or 24 + 84 * n})
    fig.add_trace(_picture(mosaic(frames.reshape(n * steps, tall, wide, 3), steps, _paper(look)), "turned"))
    fig.update_xaxes(showticklabels=False, ticks="", showline=False, constrain="domain")
    rows = [i * (tall + GAP) + tall / 2 for i in range(n)]
    fig.update_yaxes(
        tickvals=rows, ticktext=knobs, ticks="", showline=False, scaleanchor="x", autorange="reversed", constrain="domain",
        tickfont={"size": 13, "color": look.text}, ticklabelstandoff=30,
    )  # fmt: skip
    for y in rows:
        for text, x, anchor, shift in (("−1", -0.5, "right", -6), ("+1", steps * (wide + GAP) - GAP - 0.5, "left", 6)):
            fig.add_annotation(
                text=text, x=x, y=y, xanchor=anchor, xshift=shift, showarrow=False, font={"size": 13, "color": look.quiet}
            )
    return fig.update_layout(dragmode=False, margin={"t": 4, "b": 8, "r": 40})


def _paper(look: Look) -> tuple[int, ...]:
    return tuple(round(value) for value in unlabel_rgb(validate_colors(look.paper, "rgb")[0]))


def _picture(pixels: np.ndarray, name: str) -> go.Image:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return go.Image(source=source, zsmooth=False, hoverinfo="skip", name=name)


def marked_sheet(images: np.ndarray, *, across: int = 8, zoom: int = 4) -> np.ndarray:
    """Drawn pictures (n, height, width, 3) uint8 on one sheet of the same type, with words under them that say what they are.

    zoom: pixels of the sheet for one of a picture.
    """
    picture = mosaic(images, min(across, len(images)), (255, 255, 255))
    picture = picture.repeat(zoom, axis=0).repeat(zoom, axis=1)
    strip = 24
    sheet = Image.new("RGB", (picture.shape[1], picture.shape[0] + strip), "white")
    sheet.paste(Image.fromarray(picture), (0, 0))
    font, pen = ImageFont.load_default(12), ImageDraw.Draw(sheet)
    said = f"{MARK}: drawn by a model, no photographs of cells"
    if pen.textlength(said, font=font) > sheet.width - 8:
        said = MARK
    pen.text((4, picture.shape[0] + 5), said, fill="black", font=font)
    return np.asarray(sheet)

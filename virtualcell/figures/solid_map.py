"""Cells in three dimensions, in the colours of a ``Colouring``."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.colouring import Colouring
from virtualcell.figures.embedding import point_size
from virtualcell.figures.look import LIGHT, Look, figure

MOST = 50_000
"""Cells that are drawn: more make a browser without a graphics card stand still."""


def solid_map(
    positions: np.ndarray, colours: Colouring, *, lit: np.ndarray | None = None, look: Look = LIGHT, height: int = 560
) -> go.Figure:
    """positions: (n, 3). colours: of the n cells. lit: rows that stay bright while all others fade. Of more than ``MOST`` cells
    every k-th is drawn."""
    positions = np.asarray(positions, dtype=np.float32)
    if positions.ndim != 2 or positions.shape[1] != 3 or len(colours.codes) != len(positions):
        raise ValueError(f"positions {positions.shape} must be (n, 3) with one code a cell, not {colours.codes.shape}")
    fig = figure(look, height)
    n = len(positions)
    drawn = np.arange(n) if n <= MOST else np.unique(np.linspace(0, n - 1, MOST).astype(int))
    size = 0.65 * point_size(len(drawn))
    faded = np.zeros(n, dtype=bool)
    if lit is not None:
        faded[:] = True
        faded[lit] = False
        _points(fig, positions, drawn[faded[drawn]], {"size": size, "color": look.faint, "opacity": 0.35}, "other cells", False)
    bright = drawn[~faded[drawn]]
    if colours.kind in ("category", "time"):
        for code, label in enumerate(colours.labels):
            marker = {"size": size, "color": colours.palette[code], "opacity": 0.85}
            shown = f"{label} ({colours.counts[code]:,})"
            _points(fig, positions, bright[colours.codes[bright] == code], marker, shown, True)
        fig.update_layout(legend={"title": {"text": colours.name}, "x": 1.0, "xanchor": "left", "y": 0.94})
    elif colours.kind == "amount":
        palette = colours.palette[: colours.shades]
        bar = {"title": {"text": colours.name, "side": "right"}, "thickness": 10, "len": 0.5, "outlinewidth": 0}
        there = bright[colours.codes[bright] < colours.shades]
        # Cells with much are drawn last.
        there = there[np.argsort(colours.codes[there], kind="stable")]
        marker = {
            "size": size, "color": colours.values()[there], "cmin": colours.low, "cmax": colours.high, "colorbar": bar,
            "colorscale": [[i / (len(palette) - 1), colour] for i, colour in enumerate(palette)],
        }  # fmt: skip
        _points(fig, positions, there, marker, colours.name, False)
    else:
        marker = {"size": size, "color": np.asarray(colours.palette)[colours.codes[bright]]}
        _points(fig, positions, bright, marker, colours.name, False)
        for label, colour in zip(colours.labels, colours.channels, strict=True):
            empty = np.empty(0, dtype=int)
            _points(fig, positions, empty, {"size": 8, "color": colour}, label, True)
    fig.update_scenes(aspectmode="cube", camera={"eye": {"x": 1.2, "y": 1.2, "z": 0.75}})
    fig.update_layout(dragmode="orbit", uirevision="solid")
    return fig


def _points(fig: go.Figure, positions: np.ndarray, rows: np.ndarray, marker: dict, label: str, legend: bool) -> None:
    x, y, z = positions[rows].T if len(rows) else ([None], [None], [None])
    fig.add_trace(
        go.Scatter3d(
            x=x, y=y, z=z, mode="markers", marker=marker, name=label, showlegend=legend, hovertemplate=f"{label}<extra></extra>"
        )
    )

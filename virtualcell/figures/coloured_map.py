"""A map of up to some ten thousand cells in Plotly, coloured by one byte a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.colouring import Colouring
from virtualcell.figures.embedding import point_size
from virtualcell.figures.look import LIGHT, Look, figure, scale


def coloured_map(
    positions: np.ndarray,
    colours: Colouring,
    *,
    lit: np.ndarray | None = None,
    polygon: np.ndarray | None = None,
    ids: Sequence[str] | None = None,
    axes: tuple[str, str] = ("map 1", "map 2"),
    look: Look = LIGHT,
    height: int = 560,
) -> go.Figure:
    """Scatter of the cells. positions: (n, 2); colours: of the n cells; each point carries its row in ``customdata``.

    lit: rows that stay bright and are drawn on top while the others fade. polygon: (k, 2) outline to show. ids: n names for
    the pointer. A category is one legend entry that a click hides; an amount has a colour bar.
    """
    positions = np.asarray(positions, dtype=np.float32)
    fig = figure(look, height)
    size, values = point_size(len(positions)), colours.values()
    unit = f" {colours.unit}" if colours.unit else ""
    parts: list[tuple[np.ndarray, dict[str, Any], str, str]]
    if colours.kind == "amount":
        missing = np.isnan(values)
        shown = np.flatnonzero(~missing)
        # Cells with much are drawn last, so that few high cells are not buried under many low ones.
        rows = shown[np.argsort(values[shown], kind="stable")]
        parts = [(rows, colour_bar(colours), colours.name, f"{colours.name} %{{marker.color:.2f}}{unit}")]
        if missing.any():
            parts.insert(0, (np.flatnonzero(missing), {"color": colours.palette[-1]}, "not measured", "not measured"))
    elif colours.kind == "blend":
        ramp = {"colorscale": scale(colours.palette), "cmin": 0, "cmax": len(colours.palette) - 1, "showscale": False}
        parts = [(np.argsort(colours.codes, kind="stable"), ramp, colours.name, colours.name)]
    else:
        parts = [
            (
                np.flatnonzero(colours.codes == code),
                {"color": colour, "opacity": 0.85},
                f"{label} ({count:,})",
                f"{colours.name}: {label}",
            )
            for code, (colour, label, count) in enumerate(zip(colours.palette, colours.labels, colours.counts, strict=True))
        ]
    named = None if ids is None else np.asarray(ids, dtype=object)
    bright = None if lit is None or not len(lit) else np.isin(np.arange(len(positions)), lit)
    for rows, marker, name, hover in parts:
        if bright is not None:  # lit cells on top within each colour
            rows = rows[np.argsort(bright[rows], kind="stable")]
        if "color" not in marker:
            marker = {"color": values[rows].astype(np.float32), **marker}
        fig.add_trace(
            go.Scattergl(
                x=positions[rows, 0],
                y=positions[rows, 1],
                mode="markers",
                name=name,
                customdata=rows.astype(np.int32),
                text=None if named is None else named[rows],
                hovertemplate=("" if named is None else "%{text}<br>") + hover + "<extra></extra>",
                marker={"size": size, **marker},
                unselected={"marker": {"opacity": 0.12}},
                selectedpoints=None if bright is None else np.flatnonzero(bright[rows]),
                showlegend=colours.kind in ("category", "time"),
            )
        )
    if colours.kind == "blend":
        add_inks(fig, colours)
    dress(fig, colours, axes, polygon, look)
    return fig


def colour_bar(colours: Colouring) -> dict[str, Any]:
    """Marker settings of an amount: its scale and the bar that explains it."""
    return {
        "colorscale": scale(colours.palette[: colours.shades]),
        "cmin": colours.low,
        "cmax": colours.high,
        "colorbar": {
            "title": {"text": colours.name, "side": "right", "font": {"size": 13}},
            "thickness": 10,
            "len": 0.5,
            "outlinewidth": 0,
            "x": 1.0,
            "tickfont": {"size": 12},
        },
    }


def add_inks(fig: go.Figure, colours: Colouring) -> None:
    """Legend entries without cells: the colour that each channel of a blend has alone, or that each group has."""
    swatches = colours.channels if colours.kind == "blend" else colours.palette
    for label, colour, count in zip(colours.labels, swatches, colours.counts, strict=True):
        marker = {"color": colour, "size": 9}
        name = f"{label} ({count:,})"
        fig.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, showlegend=True))


def dress(fig: go.Figure, colours: Colouring, axes: tuple[str, str], polygon: np.ndarray | None, look: Look) -> None:
    """Axes of equal scale without numbers, the legend's title, and the outline."""
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    fig.update_xaxes(**bare, title={"text": axes[0], "font": {"size": 12}}, constrain="domain")
    fig.update_yaxes(**bare, title={"text": axes[1], "font": {"size": 12}}, scaleanchor="x", constrain="domain")
    fig.update_layout(legend={"title": {"text": colours.name}, "x": 1.0, "xanchor": "left", "y": 0.94}, dragmode="lasso")
    # The same place keeps zoom and hidden groups while only the colours change.
    fig.update_layout(uirevision="-".join(axes))
    if polygon is not None and len(polygon) >= 3:
        path = "M" + "L".join(f"{x:.6g},{y:.6g}" for x, y in polygon) + "Z"
        fig.add_shape(type="path", path=path, line={"color": look.accent, "width": 1.5}, layer="above")


MOST_ABOVE = 12
"""Legend entries that fit above a narrow map; of more, the pointer tells."""


def narrow(fig: go.Figure, colours: Colouring) -> None:
    """Moves the legend above the map, where two maps share a page's width."""
    few = len(colours.labels) <= MOST_ABOVE
    above = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "title": {"text": ""}}
    fig.update_layout(legend=above, showlegend=few and colours.kind != "amount")

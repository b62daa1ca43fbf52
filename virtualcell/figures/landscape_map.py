"""The landscape from above: contours, passes, resting places, and what moves over it; needs no WebGL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import ordered, point_size
from virtualcell.figures.labels import apart
from virtualcell.figures.look import ENERGY, LIGHT, Look, figure, scale
from virtualcell.figures.motion import joined
from virtualcell.figures.overlay import Line, Shade
from virtualcell.figures.relief import FINE, Relief
from virtualcell.figures.saddles import saddles
from virtualcell.schema import Landscape

INK = "#1F2F57"
HALO = f"0px 0px 4px {INK}, 0px 0px 4px {INK}, 0px 0px 2px {INK}"
USUAL = 820.0
"""Pixels that the map is usually wide: places of names are chosen for it."""


def landscape_map(
    landscape: Landscape,
    paths: np.ndarray,
    fates: np.ndarray,
    *,
    colours: Mapping[str, str] | None = None,
    lines: Sequence[Line] = (),
    shade: Shade | None = None,
    cells: np.ndarray | None = None,
    look: Look = LIGHT,
    height: int = 620,
    relief: Relief | None = None,
) -> go.Figure:
    """Contours of the energy with cells' paths (T, m, 2) coloured by their fates (m,), passes and resting places.

    colours: fate -> colour. lines, shade: ways and coloured cells on it. cells: (n, 2) cells that can be clicked, each with its
    row in ``customdata``. Parts that no measured cell supports are left out. relief: that of the landscape, where it is known.
    """
    paths, fates = np.asarray(paths, float), np.asarray(fates)
    relief = relief or Relief.of(landscape)
    fig = figure(look, height)
    fig.add_trace(_contours(landscape, relief, hover=cells is None, bar=shade is None))
    if cells is not None:
        fig.add_trace(_clickable(relief, cells))
    names = ordered(fates)
    colours = colours or dict(zip(names, look.categories(len(names)), strict=True))
    for name in names:
        mine = relief.lay(paths[:, fates == name])[..., :2]
        points = joined(mine, len(mine) - 1)
        fig.add_trace(
            go.Scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="lines",
                line={"color": colours[name], "width": 1.1},
                opacity=0.55,
                name=str(name),
                hoverinfo="skip",
                legendgroup=str(name),
            )
        )
    for name in names:
        ends = relief.lay(paths[-1, fates == name])
        fig.add_trace(
            go.Scatter(
                x=ends[:, 0],
                y=ends[:, 1],
                mode="markers",
                marker={"color": colours[name], "size": 7, "line": {"color": INK, "width": 0.8}},
                name=str(name),
                showlegend=False,
                legendgroup=str(name),
                hovertemplate=f"ends among {name}<extra></extra>",
            )
        )
    if shade is not None:
        fig.add_trace(_shaded(relief, shade))
    for saddle in saddles(landscape):
        fig.add_traces(_way(relief, saddle.line, saddle.said, saddle.label))
    for line in lines:
        fig.add_traces(_way(relief, line))
    across, along = _ranges(landscape, relief)
    if landscape.attractors:
        _rest(fig, landscape, across, along, height)
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    fig.update_xaxes(**bare, title={"text": landscape.axis_names[0]}, range=across, constrain="domain")
    fig.update_yaxes(**bare, title={"text": landscape.axis_names[1]}, range=along, scaleanchor="x", constrain="domain")
    legend = {"x": 1.0, "y": 1.0, "xanchor": "left"}
    if names:
        legend["title"] = {"text": "cells that end among", "font": {"size": 13}}
    fig.update_layout(legend=legend, uirevision="landscape", hoverdistance=40, dragmode="pan")
    return fig


def _contours(landscape: Landscape, relief: Relief, *, hover: bool, bar: bool) -> go.Contour:
    scaled = {
        "title": {"text": "energy (D)", "side": "right", "font": {"size": 13}},
        "thickness": 10,
        "len": 0.5,
        "outlinewidth": 0,
        "x": 1.0,
        "y": 0.25,
    }
    start = np.ceil(relief.low / relief.spacing) * relief.spacing
    return go.Contour(
        x=np.linspace(landscape.x[0], landscape.x[-1], FINE),
        y=np.linspace(landscape.y[0], landscape.y[-1], FINE),
        z=np.where(relief.inside, relief.height, np.nan).astype(np.float32),
        colorscale=scale(ENERGY),
        zmin=relief.low,
        zmax=relief.top,
        contours={"start": start, "end": relief.top, "size": relief.spacing},
        line={"color": "rgba(255,255,255,0.8)", "width": 1},
        colorbar=scaled,
        showscale=bar,
        connectgaps=False,
        name="energy",
        # Where cells are to be clicked, the ground must not catch the click.
        **({"hovertemplate": "energy %{z:.1f} D<extra></extra>"} if hover else {"hoverinfo": "skip"}),
    )


def _clickable(relief: Relief, cells: np.ndarray) -> go.Scatter:
    rows = np.flatnonzero(relief.shows(cells))
    return go.Scattergl(
        x=cells[rows, 0].astype(np.float32),
        y=cells[rows, 1].astype(np.float32),
        mode="markers",
        marker={"size": point_size(len(rows)), "color": "#FFFFFF", "opacity": 0.35},
        selected={"marker": {"opacity": 0.35}},
        unselected={"marker": {"opacity": 0.35}},
        customdata=rows.astype(np.int32),
        name="cells",
        showlegend=False,
        hovertemplate="click: drop a ball here<extra></extra>",
    )


def _shaded(relief: Relief, shade: Shade) -> go.Scatter:
    known = np.isfinite(shade.share) & relief.shows(shade.xy)
    return go.Scatter(
        x=shade.xy[known, 0],
        y=shade.xy[known, 1],
        mode="markers",
        marker={
            "size": 8,
            "color": shade.share[known],
            "colorscale": shade.scale,
            "cmin": 0.0,
            "cmax": 1.0,
            "colorbar": shade.bar | {"x": 1.0, "y": 0.8, "title": shade.bar["title"] | {"text": f"{shade.title}<br> "}},
            "line": {"color": INK, "width": 0.8},
        },
        name=shade.title,
        showlegend=False,
        hovertemplate=f"%{{marker.color:.2f}} {shade.ends[1]} first<extra></extra>",
    )


def _way(relief: Relief, line: Line, said: str | None = None, label: str = "") -> list[go.Scatter]:
    """A line, and a mark where its pass is; said: what a pass between valleys, drawn thinner, says of itself."""
    main = said is None
    laid = relief.lay(line.xy)
    x, y = np.where(np.isnan(laid[:, 2]), np.nan, laid[:, 0]), laid[:, 1]
    # With a dark edge: white on a light slope could not be seen.
    strokes = [(INK, 7.0), (line.colour, 4.0)] if main else [(line.colour, 1.8)]
    traces = [
        go.Scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": colour, "width": width, "dash": line.dash},
            name=line.name,
            showlegend=False,
            hoverinfo="skip",
        )
        for colour, width in strokes
    ]
    if line.top is not None:
        traces.append(
            go.Scatter(
                x=x[line.top : line.top + 1],
                y=y[line.top : line.top + 1],
                mode="markers+text",
                text=[f"<b>{label}</b>"] if label else None,
                textposition="bottom center",
                textfont={"size": 12, "color": "#FFFFFF", "shadow": HALO},
                marker={"size": 12, "color": line.colour, "symbol": "x", "line": {"color": INK, "width": 1.2}},
                name=line.name,
                showlegend=False,
                hovertemplate=f"{said or 'highest point of the ' + line.name}<extra></extra>",
            )
        )
    return traces


def _ranges(landscape: Landscape, relief: Relief) -> tuple[list[float], list[float]]:
    shown, edge = np.isfinite(relief.height), 0.03 * np.ptp(landscape.x)
    across, along = ([float(v[shown].min() - edge), float(v[shown].max() + edge)] for v in (relief.x, relief.y))
    return across, along


def _rest(fig: go.Figure, landscape: Landscape, across: list[float], along: list[float], height: int) -> None:
    at = np.array([a.xy for a in landscape.attractors], float)
    fig.add_trace(
        go.Scatter(
            x=at[:, 0],
            y=at[:, 1],
            mode="markers",
            text=[a.name for a in landscape.attractors],
            showlegend=False,
            name="attractors",
            marker={"size": 11, "color": "#FFFFFF", "symbol": "diamond", "line": {"color": INK, "width": 1.5}},
            customdata=[[a.energy, a.n_cells] for a in landscape.attractors],
            hovertemplate="%{text}<br>energy %{customdata[0]:.1f} D<br>%{customdata[1]:,} cells in this valley<extra></extra>",
        )
    )
    span = np.array([np.ptp(across), np.ptp(along)])
    scale = float(np.min(np.array([USUAL, height - 60.0]) / span))
    names = [a.name for a in landscape.attractors]
    offsets = apart((at - (across[0], along[0])) * scale, names, tuple(span * scale))
    sign = {"showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": "#FFFFFF", "borderpad": 2}
    for (x, y), name, (ax, ay) in zip(at.tolist(), names, offsets.tolist(), strict=True):
        font = {"size": 14, "color": "#FFFFFF", "shadow": HALO}
        fig.add_annotation(x=x, y=y, ax=ax, ay=ay, text=f"<b>{name}</b>", font=font, **sign)

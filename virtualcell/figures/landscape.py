"""The energy that the predictor learned, as a surface, with predicted cells moving on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import ordered
from virtualcell.figures.labels import apart, on_screen
from virtualcell.figures.look import ENERGY, LIGHT, Look, figure, scale
from virtualcell.figures.motion import BELOW, add_motion, joined
from virtualcell.figures.overlay import Line, Shade
from virtualcell.figures.relief import Relief
from virtualcell.figures.saddles import saddles
from virtualcell.schema import Attractor, Landscape

TAIL = 4
"""Frames back that a path is drawn."""

INK = "#1F2F57"
"""Outline of what lies on the surface: dark on both themes, as the surface is the same on both."""

EYE = {"x": 0.0, "y": -1.24, "z": 1.67}
"""Where one looks from: the first axis to the right and the second to the back, as on the map from above, in every view. So far
off that a wide surface fits the narrow column of a small screen."""

TALL = 0.55
"""Height of the scene, of which the longer side is 1.5."""


def landscape_surface(
    landscape: Landscape,
    paths: np.ndarray,
    times: np.ndarray,
    fates: np.ndarray,
    *,
    unit: str,
    colours: Mapping[str, str] | None = None,
    lines: Sequence[Line] = (),
    shade: Shade | None = None,
    kind: str = "predicted cell",
    look: Look = LIGHT,
    height: int = 660,
    relief: Relief | None = None,
) -> go.Figure:
    """3-D surface with white contours, named resting places, passes, and cells that lie on it, with play button and slider.

    paths: (T, m, 2) on the landscape's plane; none, where m is 0. times: (T,). fates: (m,) names. colours: fate -> colour. lines,
    shade: ways and coloured cells laid on it. Parts that no measured cell supports are left out, and so is what lies beyond.
    relief: that of the landscape, where it is known already.
    """
    paths, fates = np.asarray(paths, float), np.asarray(fates)
    relief = relief or Relief.of(landscape)
    names = ordered(fates)
    colours = colours or dict(zip(names, look.categories(len(names)), strict=True))
    lift = 0.012 * (relief.top - relief.low)
    laid = relief.lay(paths, lift)
    fig = figure(look, height)
    fig.add_trace(_ground(relief))
    frames = []
    if paths.shape[1]:

        def moving(step: int) -> list[dict[str, Any]]:
            return _heads_and_tails(laid, fates, names, step, lift)

        for trace, start in zip(_styles(names, colours, kind), moving(len(times) - 1), strict=True):
            fig.add_trace(go.Scatter3d(**(trace | start)))
        moved = list(range(1, 1 + 2 * len(names)))
        frames = [{"name": str(step), "data": moving(step), "traces": moved} for step in range(len(times))]
    if shade is not None:
        fig.add_trace(_shaded(relief, shade, lift))
    for line in lines:
        fig.add_traces(_way(relief.lay(line.xy, 1.5 * lift), line, lift))
    for saddle in saddles(landscape):
        fig.add_traces(_way(relief.lay(saddle.line.xy, lift), saddle.line, lift, saddle.said))
    if landscape.attractors:
        at = relief.lay(np.array([a.xy for a in landscape.attractors], float), lift)
        fig.add_trace(_resting(at, landscape.attractors))
        _name(fig, relief, at, [a.name for a in landscape.attractors], look, height)
    fig.update_scenes(
        aspectmode="manual",
        aspectratio=dict(zip("xyz", _sides(relief), strict=True)),
        camera={"eye": EYE, "center": {"x": 0, "y": 0, "z": 0.0}},
        dragmode="orbit",
        **{f"{axis}axis": {"visible": False, "showspikes": False} for axis in "xyz"},
    )
    legend = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}
    if paths.shape[1]:
        legend["title"] = {"text": "cells that end among  ", "font": {"size": 13}}
    fig.update_layout(legend=legend, uirevision="landscape", margin={"t": 44})
    if frames:
        add_motion(fig, frames, times, unit, look, redraw=True, milliseconds=140)
    return fig


def _ground(relief: Relief) -> go.Surface:
    contours = {
        "show": True,
        "usecolormap": False,
        "color": "rgba(255,255,255,0.75)",
        "width": 1.4,
        "start": np.ceil(relief.low / relief.spacing) * relief.spacing,
        "end": relief.top,
        "size": relief.spacing,
        "highlight": False,
    }
    return go.Surface(
        x=relief.x.astype(np.float32),
        y=relief.y.astype(np.float32),
        z=relief.height.astype(np.float32),
        colorscale=scale(ENERGY),
        cmin=relief.low,
        cmax=relief.top,
        showscale=False,
        contours={"z": contours, "x": {"highlight": False}, "y": {"highlight": False}},
        name="energy",
        hovertemplate="energy %{z:.1f} D<extra></extra>",
        lighting={"ambient": 0.72, "diffuse": 0.5, "specular": 0.06, "roughness": 0.9, "fresnel": 0.05},
        lightposition={"x": -200, "y": 200, "z": 900},
    )


def _styles(names: list, colours: Mapping[str, str], kind: str) -> list[dict[str, Any]]:
    """What does not change from frame to frame: tails of each fate, then heads of each."""
    styles: list[dict[str, Any]] = []
    for name in names:
        styles.append({"line": {"color": colours[name], "width": 2.5}, "hoverinfo": "skip", "legendgroup": str(name)})
    for name in names:
        styles.append(
            {
                "marker": {"color": colours[name], "size": 4, "line": {"color": INK, "width": 1}},
                "showlegend": False,
                "legendgroup": str(name),
                "hovertemplate": f"{kind}, ends among {name}<extra></extra>",
            }
        )
    return styles


def _heads_and_tails(laid: np.ndarray, fates: np.ndarray, names: list, step: int, lift: float) -> list[dict[str, Any]]:
    """What a frame changes; only where the cells were last, because whole noisy paths bury the valleys."""
    late = max(0, step - TAIL)
    tails = [joined(laid[late:, fates == name], step - late) for name in names]
    heads = [laid[step, fates == name] + (0, 0, lift) for name in names]
    return [
        {"type": "scatter3d", "mode": mode, "name": str(name)} | dict(zip("xyz", points.T.astype(np.float32), strict=True))
        for mode, parts in (("lines", tails), ("markers", heads))
        for points, name in zip(parts, names, strict=True)
    ]


def _shaded(relief: Relief, shade: Shade, lift: float) -> go.Scatter3d:
    known = np.isfinite(shade.share)
    laid = relief.lay(shade.xy[known], lift)
    return go.Scatter3d(
        **dict(zip("xyz", laid.T.astype(np.float32), strict=True)),
        mode="markers",
        marker={
            "size": 4.5,
            "color": shade.share[known],
            "colorscale": shade.scale,
            "cmin": 0.0,
            "cmax": 1.0,
            "colorbar": shade.bar
            | {"orientation": "h", "x": 0.06, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "ticklabeloverflow": "allow"},
            "line": {"color": INK, "width": 1},
        },
        showlegend=False,
        name=shade.title,
        hovertemplate=f"%{{marker.color:.2f}} {shade.ends[1]} first<extra></extra>",
    )


def _way(laid: np.ndarray, line: Line, lift: float, said: str | None = None) -> list[go.Scatter3d]:
    """A line, and a mark where its pass is; said: what a pass between valleys, drawn thinner, says of itself."""
    main = said is None
    # With a dark edge: white on a light slope could not be seen.
    strokes = [(INK, 10.0, 0.0), (line.colour, 5.0, 0.6 * lift)] if main else [(line.colour, 3.0, 0.0)]
    traces = [
        go.Scatter3d(
            **dict(zip("xyz", (laid + np.array([0.0, 0.0, up])).T.astype(np.float32), strict=True)),
            mode="lines",
            line={"color": colour, "width": width, "dash": line.dash},
            name=line.name,
            showlegend=False,
            hoverinfo="skip",
        )
        for colour, width, up in strokes
    ]
    if line.top is not None:
        here = laid[line.top : line.top + 1] + np.array([0.0, 0.0, 1.5 * lift])
        traces.append(
            go.Scatter3d(
                **dict(zip("xyz", here.T.astype(np.float32), strict=True)),
                mode="markers",
                marker={"size": 9, "color": line.colour, "symbol": "cross", "line": {"color": INK, "width": 1}},
                name=line.name,
                showlegend=False,
                hovertemplate=f"{said or 'highest point of the ' + line.name}<extra></extra>",
            )
        )
    return traces


def _resting(at: np.ndarray, attractors: Sequence[Attractor]) -> go.Scatter3d:
    return go.Scatter3d(
        **dict(zip("xyz", at.T, strict=True)),
        mode="markers",
        text=[a.name for a in attractors],
        showlegend=False,
        name="attractors",
        marker={"size": 5, "color": "#FFFFFF", "symbol": "diamond", "line": {"color": INK, "width": 1}},
        customdata=[[a.energy, a.n_cells] for a in attractors],
        hovertemplate="%{text}<br>energy %{customdata[0]:.1f} D<br>%{customdata[1]:,} cells in this valley<extra></extra>",
    )


def _name(fig: go.Figure, relief: Relief, at: np.ndarray, names: list[str], look: Look, height: int) -> None:
    """Names on a ground of their own (plain text would vanish on the floor), apart from each other as the scene is first seen."""
    corners = [np.array([np.nanmin(part), np.nanmax(part)]) for part in (relief.x, relief.y, relief.height)]
    corners[2][1] = relief.top
    middle, span = np.array([c.mean() for c in corners]), np.array([np.ptp(c) for c in corners])
    seen = on_screen((at - middle) / np.where(span > 0, span, 1.0) * _sides(relief), EYE, height - BELOW - 44)
    sign = {
        "showarrow": True,
        "arrowcolor": look.text,
        "arrowhead": 0,
        "arrowwidth": 1,
        "borderpad": 3,
        "bgcolor": look.paper,
        "opacity": 0.92,
        "font": {"size": 13, "color": look.text},
    }
    fig.update_scenes(
        annotations=[
            {"x": x, "y": y, "z": z, "text": name, "ax": ax, "ay": ay} | sign
            for (x, y, z), name, (ax, ay) in zip(at.tolist(), names, apart(seen, names).tolist(), strict=True)
        ]
    )


def _sides(relief: Relief) -> np.ndarray:
    shown = np.isfinite(relief.height)
    spans = np.array([np.ptp(relief.x[shown]), np.ptp(relief.y[shown])])
    return np.append(1.5 * spans / spans.max(), TALL)

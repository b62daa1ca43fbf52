"""The energy that the predictor learned, as a surface and as a map, with predicted cells on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import distance_transform_edt, gaussian_filter, label, map_coordinates

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import ENERGY, FATES, LIGHT, Look, figure, scale
from virtualcell.figures.motion import add_motion, joined
from virtualcell.schema import Landscape

FINE = 150
"""Grid lines a side that are drawn, interpolated from the computed grid so that edges are smooth."""


TAIL = 4
"""Frames back that a path is drawn."""


@dataclass(frozen=True)
class _Drawn:
    """The drawn part: x, y, height are (FINE, FINE).

    height is in units of D and NaN where nothing is drawn. inside: not pulled to the rim. top, low: ends of the colour scale.
    """

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    inside: np.ndarray
    at: RegularGridInterpolator
    top: float
    low: float


def _drawn(landscape: Landscape, paths: np.ndarray) -> _Drawn:
    energy = np.asarray(landscape.energy, float)
    if not landscape.supported.any():
        raise ValueError("no part of the landscape is supported by measured cells, so there is nothing to draw")
    at = RegularGridInterpolator((landscape.y, landscape.x), energy, bounds_error=False, fill_value=None)
    # Steep walls would flatten everything else: what lies above the rim is cut off, never squeezed, unless a path goes there.
    top = float(np.quantile(energy[landscape.supported], 0.985))
    if paths.size:
        top = max(top, float(np.quantile(at(paths.reshape(-1, 2)[:, ::-1]), 0.99)))
    x, y = np.linspace(landscape.x[0], landscape.x[-1], FINE), np.linspace(landscape.y[0], landscape.y[-1], FINE)
    near = RegularGridInterpolator((landscape.y, landscape.x), landscape.supported.astype(float))
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    inside = np.pad(_without_islands((near(grid) > 0.5) & (at(grid) <= top)), 1)
    depth = gaussian_filter(distance_transform_edt(inside) - distance_transform_edt(~inside), 2.0)[1:-1, 1:-1]
    # Grid points just outside are pulled onto the rim, so that the rim is a smooth curve and not a staircase.
    slope = np.stack(np.gradient(depth))
    place = np.stack(np.meshgrid(np.arange(FINE), np.arange(FINE), indexing="ij")).astype(float)
    outside = (depth < 0) & (depth > -1.6)
    for _ in range(4):
        where = place[:, outside]
        value = map_coordinates(depth, where, order=1, mode="nearest")
        along = np.stack([map_coordinates(part, where, order=1, mode="nearest") for part in slope])
        place[:, outside] = where - value * along / np.maximum((along**2).sum(0), 0.05)
    place = np.clip(place, 0, FINE - 1)
    yy, xx = np.interp(place[0], np.arange(FINE), y), np.interp(place[1], np.arange(FINE), x)
    height = np.minimum(at(np.stack([yy, xx], axis=-1)), top)
    height[(depth < 0) & ~outside] = np.nan
    # A few deep grid points must not push all the others into one colour.
    low = float(np.quantile(height[np.isfinite(height)], 0.005))
    return _Drawn(xx, yy, height, depth >= 0, at, top, low)


def _without_islands(inside: np.ndarray) -> np.ndarray:
    """Leaves out pieces of less than 2 % of the whole: a single stray cell makes no landscape."""
    pieces, n = label(inside)
    size = np.bincount(pieces.ravel(), minlength=n + 1)
    keep = size >= 0.02 * inside.sum()
    keep[0] = False
    return keep[pieces]


def _on_surface(drawn: _Drawn, paths: np.ndarray, lift: float) -> np.ndarray:
    flat = paths.reshape(-1, 2)
    height = np.clip(drawn.at(flat[:, ::-1]), drawn.low, drawn.top) + lift
    return np.concatenate([flat, height[:, None]], axis=1).reshape(*paths.shape[:2], 3)


def _steps(span: float) -> float:
    """Contour spacing: about fourteen lines, at a round number of D."""
    rough = max(span, 1e-6) / 14
    power = 10 ** np.floor(np.log10(rough))
    return float(power * min((1, 2, 5, 10), key=lambda step: abs(step * power - rough)))


def fate_colours(names: list) -> dict:
    """Colour of each fate on the blue surface; cells without a fate are white."""
    return {name: "#FFFFFF" if str(name) in ("unknown", "in between") else FATES[i % len(FATES)] for i, name in enumerate(names)}


def landscape_surface(
    landscape: Landscape,
    paths: np.ndarray,
    times: np.ndarray,
    fates: np.ndarray,
    *,
    unit: str,
    look: Look = LIGHT,
    height: int = 660,
) -> go.Figure:
    """3-D surface with white contours, paths lying on it, named attractors, play button and slider.

    paths: (T, m, 2) on the landscape's plane. times: (T,). fates: (m,) names. Parts that no measured cell supports are left out.
    """
    paths, fates = np.asarray(paths, float), np.asarray(fates)
    drawn = _drawn(landscape, paths)
    line = _steps(drawn.top - drawn.low)
    fig = figure(look, height)
    contours = {
        "show": True,
        "usecolormap": False,
        "color": "rgba(255,255,255,0.75)",
        "width": 1.4,
        "start": np.ceil(drawn.low / line) * line,
        "end": drawn.top,
        "size": line,
        "highlight": False,
    }
    fig.add_trace(
        go.Surface(
            x=drawn.x.astype(np.float32),
            y=drawn.y.astype(np.float32),
            z=drawn.height.astype(np.float32),
            colorscale=scale(ENERGY),
            cmin=drawn.low,
            cmax=drawn.top,
            showscale=False,
            contours={"z": contours, "x": {"highlight": False}, "y": {"highlight": False}},
            name="energy",
            hovertemplate="energy %{z:.1f} D<extra></extra>",
            lighting={"ambient": 0.72, "diffuse": 0.5, "specular": 0.06, "roughness": 0.9, "fresnel": 0.05},
            lightposition={"x": -200, "y": 200, "z": 900},
        )
    )
    lift = 0.012 * (drawn.top - drawn.low)
    laid = _on_surface(drawn, paths, lift) if paths.size else np.zeros((len(times), 0, 3))
    names = ordered(fates)
    colours = fate_colours(names)

    def moving(step: int) -> list[go.Scatter3d]:
        traces = []
        for name in names:
            # Only where the cells were last: whole noisy paths bury the valleys.
            late = max(0, step - TAIL)
            points = joined(laid[late:, fates == name], step - late)
            traces.append(
                go.Scatter3d(
                    x=points[:, 0],
                    y=points[:, 1],
                    z=points[:, 2],
                    mode="lines",
                    line={"color": colours[name], "width": 2.5},
                    name=str(name),
                    hoverinfo="skip",
                    legendgroup=str(name),
                )
            )
        for name in names:
            here = laid[step, fates == name]
            traces.append(
                go.Scatter3d(
                    x=here[:, 0],
                    y=here[:, 1],
                    z=here[:, 2] + lift,
                    mode="markers",
                    marker={"color": colours[name], "size": 4, "line": {"color": "#1F2F57", "width": 1}},
                    name=str(name),
                    showlegend=False,
                    legendgroup=str(name),
                    hovertemplate=f"predicted cell, ends among {name}<extra></extra>",
                )
            )
        return traces

    fig.add_traces(moving(len(times) - 1))
    frames = [
        go.Frame(name=str(step), data=moving(step), traces=list(range(1, 1 + 2 * len(names)))) for step in range(len(times))
    ]
    if landscape.attractors:
        at = np.array([a.xy for a in landscape.attractors], float)
        z = np.clip(drawn.at(at[:, ::-1]), drawn.low, drawn.top) + lift
        fig.add_trace(
            go.Scatter3d(
                x=at[:, 0],
                y=at[:, 1],
                z=z,
                mode="markers",
                text=[a.name for a in landscape.attractors],
                showlegend=False,
                name="attractors",
                marker={"size": 5, "color": "#FFFFFF", "symbol": "diamond", "line": {"color": "#1F2F57", "width": 1}},
                customdata=[[a.energy, a.n_cells] for a in landscape.attractors],
                hovertemplate="%{text}<br>energy %{customdata[0]:.1f} D<br>%{customdata[1]:,} cells end here<extra></extra>",
            )
        )
        # Labels with their own ground: plain text would vanish on the dark valley floor.
        sign = {
            "showarrow": True,
            "arrowcolor": look.text,
            "arrowhead": 0,
            "arrowwidth": 1,
            "ax": 0,
            "borderpad": 3,
            "bgcolor": look.paper,
            "opacity": 0.92,
        }
        fig.update_scenes(
            annotations=[
                dict(
                    x=x, y=y, z=height, text=attractor.name, ay=-30 - 24 * (i % 3), font={"size": 13, "color": look.text}, **sign
                )
                for i, (attractor, (x, y), height) in enumerate(zip(landscape.attractors, at.tolist(), z.tolist(), strict=True))
            ]
        )
    shown = np.isfinite(drawn.height)
    spans = np.array([np.ptp(drawn.x[shown]), np.ptp(drawn.y[shown])])
    sides = 1.5 * spans / spans.max()
    fig.update_scenes(
        aspectmode="manual",
        aspectratio={"x": sides[0], "y": sides[1], "z": 0.55},
        camera={"eye": _eye(laid), "center": {"x": 0, "y": 0, "z": 0.0}},
        dragmode="orbit",
        **{f"{axis}axis": {"visible": False, "showspikes": False} for axis in "xyz"},
    )
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "title": {"text": "cells that end among  "}}
    )
    fig.update_layout(uirevision="landscape", margin={"t": 44})
    add_motion(fig, frames, times, unit, look, redraw=True, milliseconds=140)
    return fig


def _eye(laid: np.ndarray) -> dict[str, float]:
    # One looks up the valley: the cells start at the back and come towards the reader.
    way = np.array([0.0, -1.0])
    if laid.shape[1]:
        moved = laid[-1, :, :2].mean(0) - laid[0, :, :2].mean(0)
        if np.linalg.norm(moved) > 0.05 * np.ptp(laid[..., :2].reshape(-1, 2), axis=0).max():
            way = moved / np.linalg.norm(moved)
    return {"x": float(1.2 * way[0]), "y": float(1.2 * way[1]), "z": 1.2}


def landscape_map(
    landscape: Landscape, paths: np.ndarray, fates: np.ndarray, *, look: Look = LIGHT, height: int = 620
) -> go.Figure:
    """The same landscape from above: contours, cells' paths and attractors; needs no WebGL. paths: (T, m, 2). fates: (m,)."""
    paths, fates = np.asarray(paths, float), np.asarray(fates)
    drawn = _drawn(landscape, paths)
    line = _steps(drawn.top - drawn.low)
    fig = figure(look, height)
    bar = {"title": {"text": "energy (D)", "side": "right"}, "thickness": 10, "len": 0.5, "outlinewidth": 0, "x": 1.0, "y": 0.25}
    fig.add_trace(
        go.Contour(
            x=np.linspace(landscape.x[0], landscape.x[-1], FINE),
            y=np.linspace(landscape.y[0], landscape.y[-1], FINE),
            z=np.where(drawn.inside, drawn.height, np.nan).astype(np.float32),
            colorscale=scale(ENERGY),
            zmin=drawn.low,
            zmax=drawn.top,
            contours={"start": np.ceil(drawn.low / line) * line, "end": drawn.top, "size": line},
            line={"color": "rgba(255,255,255,0.8)", "width": 1},
            colorbar=bar,
            connectgaps=False,
            hovertemplate="energy %{z:.1f} D<extra></extra>",
            name="energy",
        )
    )
    names = ordered(fates)
    colours = fate_colours(names)
    for name in names:
        mine = paths[:, fates == name]
        points = joined(mine, len(mine) - 1)
        fig.add_trace(
            go.Scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="lines",
                line={"color": colours[name], "width": 1.4},
                name=str(name),
                hoverinfo="skip",
            )
        )
    if landscape.attractors:
        at = np.array([a.xy for a in landscape.attractors], float)
        fig.add_trace(
            go.Scatter(
                x=at[:, 0],
                y=at[:, 1],
                mode="markers+text",
                text=[f"<b>{a.name}</b>" for a in landscape.attractors],
                textposition="top center",
                textfont={"size": 14, "color": "#FFFFFF", "shadow": "0px 0px 4px #1F2F57, 0px 0px 4px #1F2F57"},
                showlegend=False,
                name="attractors",
                marker={"size": 11, "color": "#FFFFFF", "symbol": "diamond", "line": {"color": "#1F2F57", "width": 1.5}},
                customdata=[[a.energy, a.n_cells] for a in landscape.attractors],
                hovertemplate="%{text}<br>energy %{customdata[0]:.1f} D<br>%{customdata[1]:,} cells end here<extra></extra>",
            )
        )
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    shown, edge = np.isfinite(drawn.height), 0.03 * np.ptp(landscape.x)
    across, along = ([float(values[shown].min() - edge), float(values[shown].max() + edge)] for values in (drawn.x, drawn.y))
    fig.update_xaxes(**bare, title={"text": landscape.axis_names[0]}, range=across, constrain="domain")
    fig.update_yaxes(**bare, title={"text": landscape.axis_names[1]}, range=along, scaleanchor="x", constrain="domain")
    fig.update_layout(legend={"x": 1.0, "y": 1.0, "xanchor": "left", "title": {"text": "cells that end among"}})
    return fig

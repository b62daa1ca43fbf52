"""The energy that the predictor learned, as a surface and as a map, with predicted cells on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import gaussian_filter

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import ENERGY, FATES, LIGHT, Look, figure, scale
from virtualcell.figures.motion import add_motion, joined
from virtualcell.schema import Landscape

FINE = 150
"""Grid lines a side that are drawn, interpolated from the computed grid so that edges are smooth."""


@dataclass(frozen=True)
class _Drawn:
    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    """(FINE, FINE) energy in units of D, NaN where nothing supports it."""
    at: RegularGridInterpolator
    top: float


def _drawn(landscape: Landscape, paths: np.ndarray) -> _Drawn:
    energy = np.asarray(landscape.energy, float)
    if not landscape.supported.any():
        raise ValueError("no part of the landscape is supported by measured cells, so there is nothing to draw")
    at = RegularGridInterpolator((landscape.y, landscape.x), energy, bounds_error=False, fill_value=None)
    near = RegularGridInterpolator((landscape.y, landscape.x), gaussian_filter(landscape.supported.astype(float), 0.8), bounds_error=False, fill_value=0.0)
    x, y = np.linspace(landscape.x[0], landscape.x[-1], FINE), np.linspace(landscape.y[0], landscape.y[-1], FINE)
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    # Steep walls at the rim would flatten everything else: what lies above the rim is cut off, never squeezed, unless a path goes there.
    top = float(np.quantile(energy[landscape.supported], 0.985))
    if paths.size:
        on_path = at(paths.reshape(-1, 2)[:, ::-1])
        top = max(top, float(np.quantile(on_path, 0.99)))
    height = at(grid)
    height[(near(grid) < 0.45) | (height > top)] = np.nan
    return _Drawn(x, y, height, at, top)


def _on_surface(drawn: _Drawn, paths: np.ndarray, lift: float) -> np.ndarray:
    flat = paths.reshape(-1, 2)
    height = np.minimum(drawn.at(flat[:, ::-1]), drawn.top) + lift
    return np.concatenate([flat, height[:, None]], axis=1).reshape(*paths.shape[:2], 3)


def _steps(top: float) -> float:
    """Contour spacing: about fourteen lines, at a round number of D."""
    rough = max(top, 1e-6) / 14
    power = 10 ** np.floor(np.log10(rough))
    return float(power * min((1, 2, 5, 10), key=lambda step: abs(step * power - rough)))


def fate_colours(names: list) -> dict:
    """Colour of each fate on the blue surface; cells without a fate are white."""
    return {name: "#FFFFFF" if str(name) in ("unknown", "in between") else FATES[i % len(FATES)] for i, name in enumerate(names)}


def landscape_surface(
    landscape: Landscape, paths: np.ndarray, times: np.ndarray, fates: np.ndarray, *, unit: str, look: Look = LIGHT, height: int = 660
) -> go.Figure:
    """3-D surface with white contours, paths lying on it, named attractors, play button and slider.

    paths: (T, m, 2) on the landscape's plane. times: (T,). fates: (m,) names. Parts that no measured cell supports are left out.
    """
    paths, fates = np.asarray(paths, float), np.asarray(fates)
    drawn = _drawn(landscape, paths)
    line = _steps(drawn.top)
    fig = figure(look, height)
    contours = dict(show=True, usecolormap=False, color="rgba(255,255,255,0.75)", width=1.4, start=line, end=drawn.top, size=line, highlight=False)
    fig.add_trace(
        go.Surface(
            x=drawn.x.astype(np.float32), y=drawn.y.astype(np.float32), z=drawn.height.astype(np.float32), colorscale=scale(ENERGY), cmin=0, cmax=drawn.top,
            showscale=False, contours=dict(z=contours, x=dict(highlight=False), y=dict(highlight=False)), name="energy",
            hovertemplate="energy %{z:.1f} D<extra></extra>", lighting=dict(ambient=0.72, diffuse=0.5, specular=0.06, roughness=0.9, fresnel=0.05),
            lightposition=dict(x=-200, y=200, z=900),
        )
    )  # fmt: skip
    lift = 0.012 * drawn.top
    laid = _on_surface(drawn, paths, lift) if paths.size else np.zeros((len(times), 0, 3))
    names = ordered(fates)
    colours = fate_colours(names)

    def moving(step: int) -> list[go.Scatter3d]:
        traces = []
        for name in names:
            points = joined(laid[:, fates == name], step)
            traces.append(
                go.Scatter3d(
                    x=points[:, 0], y=points[:, 1], z=points[:, 2], mode="lines", line=dict(color=colours[name], width=4), name=str(name), hoverinfo="skip",
                    legendgroup=str(name),
                )
            )  # fmt: skip
        for name in names:
            here = laid[step, fates == name]
            traces.append(
                go.Scatter3d(
                    x=here[:, 0], y=here[:, 1], z=here[:, 2] + lift, mode="markers", marker=dict(color=colours[name], size=4, line=dict(color="#1F2F57", width=1)),
                    name=str(name), showlegend=False, legendgroup=str(name), hovertemplate=f"predicted cell, ends as {name}<extra></extra>",
                )
            )  # fmt: skip
        return traces

    fig.add_traces(moving(len(times) - 1))
    frames = [go.Frame(name=str(step), data=moving(step), traces=list(range(1, 1 + 2 * len(names)))) for step in range(len(times))]
    if landscape.attractors:
        at = np.array([a.xy for a in landscape.attractors], float)
        z = np.minimum(drawn.at(at[:, ::-1]), drawn.top)
        fig.add_trace(
            go.Scatter3d(
                x=at[:, 0], y=at[:, 1], z=z + 6 * lift, mode="markers+text", text=[f"<b>{a.name}</b>" for a in landscape.attractors],
                textposition="top center", textfont=dict(size=15, color=look.text), showlegend=False, name="attractors",
                marker=dict(size=4, color="#FFFFFF", symbol="diamond", line=dict(color="#1F2F57", width=1)),
                customdata=[[a.energy, a.n_cells] for a in landscape.attractors],
                hovertemplate="%{text}<br>energy %{customdata[0]:.1f} D<br>%{customdata[1]:,} measured cells end here<extra></extra>",
            )
        )  # fmt: skip
    spans = np.array([np.ptp(drawn.x[np.isfinite(drawn.height).any(0)]), np.ptp(drawn.y[np.isfinite(drawn.height).any(1)])])
    sides = 1.5 * spans / spans.max()
    fig.update_scenes(
        aspectmode="manual", aspectratio=dict(x=sides[0], y=sides[1], z=0.55), camera=dict(eye=_eye(laid), center=dict(x=0, y=0, z=-0.12)), dragmode="orbit",
        **{f"{axis}axis": dict(visible=False, showspikes=False) for axis in "xyz"},
    )  # fmt: skip
    fig.update_layout(legend=dict(x=0, y=0.98, title=dict(text="cells that end as")), uirevision="landscape")
    add_motion(fig, frames, times, unit, look, redraw=True, milliseconds=140)
    return fig


def _eye(laid: np.ndarray) -> dict[str, float]:
    # One looks up the valley: the cells start at the back and come towards the reader.
    way = np.array([0.0, -1.0])
    if laid.shape[1]:
        moved = laid[-1, :, :2].mean(0) - laid[0, :, :2].mean(0)
        if np.linalg.norm(moved) > 0.05 * np.ptp(laid[..., :2].reshape(-1, 2), axis=0).max():
            way = moved / np.linalg.norm(moved)
    return dict(x=float(1.45 * way[0]), y=float(1.45 * way[1]), z=1.15)


def landscape_map(landscape: Landscape, paths: np.ndarray, fates: np.ndarray, *, look: Look = LIGHT, height: int = 620) -> go.Figure:
    """The same landscape from above: contours, cells' paths and attractors; needs no WebGL. paths: (T, m, 2). fates: (m,)."""
    paths, fates = np.asarray(paths, float), np.asarray(fates)
    drawn = _drawn(landscape, paths)
    line = _steps(drawn.top)
    fig = figure(look, height)
    bar = dict(title=dict(text="energy (D)", side="right"), thickness=10, len=0.5, outlinewidth=0, x=1.0, y=0.25)
    fig.add_trace(
        go.Contour(
            x=drawn.x.astype(np.float32), y=drawn.y.astype(np.float32), z=drawn.height.astype(np.float32), colorscale=scale(ENERGY), zmin=0, zmax=drawn.top,
            contours=dict(start=0, end=drawn.top, size=line), line=dict(color="rgba(255,255,255,0.8)", width=1), colorbar=bar, connectgaps=False,
            hovertemplate="energy %{z:.1f} D<extra></extra>", name="energy",
        )
    )  # fmt: skip
    names = ordered(fates)
    colours = fate_colours(names)
    for name in names:
        mine = paths[:, fates == name]
        points = joined(mine, len(mine) - 1)
        fig.add_trace(go.Scatter(x=points[:, 0], y=points[:, 1], mode="lines", line=dict(color=colours[name], width=1.4), name=str(name), hoverinfo="skip"))
    if landscape.attractors:
        at = np.array([a.xy for a in landscape.attractors], float)
        fig.add_trace(
            go.Scatter(
                x=at[:, 0], y=at[:, 1], mode="markers+text", text=[f"<b>{a.name}</b>" for a in landscape.attractors], textposition="top center",
                textfont=dict(size=14, color="#FFFFFF", shadow="0px 0px 4px #1F2F57, 0px 0px 4px #1F2F57"), showlegend=False, name="attractors",
                marker=dict(size=11, color="#FFFFFF", symbol="diamond", line=dict(color="#1F2F57", width=1.5)),
                customdata=[[a.energy, a.n_cells] for a in landscape.attractors],
                hovertemplate="%{text}<br>energy %{customdata[0]:.1f} D<br>%{customdata[1]:,} measured cells end here<extra></extra>",
            )
        )  # fmt: skip
    bare = dict(showticklabels=False, ticks="", showline=False)
    fig.update_xaxes(**bare, title=dict(text=landscape.axis_names[0]))
    fig.update_yaxes(**bare, title=dict(text=landscape.axis_names[1]), scaleanchor="x")
    fig.update_layout(legend=dict(x=1.0, y=1.0, xanchor="left", title=dict(text="cells that end as")))
    return fig

"""Predicted cells moving over the measured ones."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import ordered, point_size
from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.motion import add_motion, joined

TAIL = 5
"""Frames back that a trail reaches."""


def trajectory(
    background: np.ndarray,
    paths: np.ndarray,
    times: np.ndarray,
    fates: np.ndarray,
    *,
    unit: str,
    axes: str = "map",
    look: Look = LIGHT,
    height: int = 620,
    n_trails: int = 40,
    measured: np.ndarray | None = None,
) -> go.Figure:
    """Animated cells with play button and slider.

    background: (n, 2) measured cells. paths: (T, m, 2) predicted cells. times: (T,). fates: (m,) names that give the colours.
    measured: (n,) measured time of each background cell, which then gets its own shade; otherwise all are one grey.
    Trails are drawn for the first ``n_trails`` cells only, and only where they were last: whole paths of many cells hide the map.
    """
    background, paths, times = np.asarray(background, np.float32), np.asarray(paths, np.float32), np.asarray(times, float)
    fates = np.asarray(fates)
    if paths.ndim != 3 or paths.shape[0] != len(times) or paths.shape[1] != len(fates):
        raise ValueError(f"paths {paths.shape} must be (times {len(times)}, cells {len(fates)}, 2)")
    names = ordered(fates)
    colours = look.categories(len(names))
    fig = figure(look, height)
    if measured is None:
        shade = {"size": point_size(len(background)), "color": look.faint, "opacity": 0.7}
        fig.add_trace(
            go.Scattergl(x=background[:, 0], y=background[:, 1], mode="markers", marker=shade, name="measured", hoverinfo="skip")
        )
    else:
        points = ordered(np.asarray(measured))
        for point, colour in zip(points, look.times(len(points)), strict=True):
            rows = np.asarray(measured) == point
            shade = {"size": point_size(len(background)), "color": colour, "opacity": 0.28}
            x, y = background[rows, 0], background[rows, 1]
            fig.add_trace(
                go.Scattergl(x=x, y=y, mode="markers", marker=shade, name=f"measured {point:g} {unit}", hoverinfo="skip")
            )
    first = len(fig.data)

    def moving(step: int) -> list[go.Scatter]:
        traces = []
        for name, colour in zip(names, colours, strict=True):
            mine = np.flatnonzero(fates == name)
            late = max(0, step - TAIL)
            line = joined(paths[late:, mine[mine < n_trails]], step - late)
            traces.append(
                go.Scatter(
                    x=line[:, 0],
                    y=line[:, 1],
                    mode="lines",
                    line={"color": colour, "width": 1},
                    opacity=0.4,
                    showlegend=False,
                    hoverinfo="skip",
                    name=str(name),
                )
            )
        for name, colour in zip(names, colours, strict=True):
            here = paths[step, fates == name]
            traces.append(
                go.Scatter(
                    x=here[:, 0],
                    y=here[:, 1],
                    mode="markers",
                    name=f"ends among {name}",
                    hovertemplate=f"predicted cell, ends among {name}<extra></extra>",
                    marker={"color": colour, "size": 6, "line": {"color": look.paper, "width": 0.7}},
                )
            )
        return traces

    fig.add_traces(moving(len(times) - 1))
    where = list(range(first, len(fig.data)))
    frames = [go.Frame(name=str(step), data=moving(step), traces=where) for step in range(len(times))]
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    # Fixed ranges: the view must not jump from frame to frame.
    everything = np.concatenate([background, paths.reshape(-1, 2)])
    low, high = everything.min(0), everything.max(0)
    pad = 0.04 * (high - low + 1e-6)
    fig.update_xaxes(
        **bare, title={"text": f"{axes} 1", "font": {"size": 12}, "standoff": 2}, range=[low[0] - pad[0], high[0] + pad[0]]
    )
    fig.update_yaxes(
        **bare, title={"text": f"{axes} 2", "font": {"size": 12}, "standoff": 2}, range=[low[1] - pad[1], high[1] + pad[1]]
    )
    fig.update_layout(legend={"x": 1.0, "xanchor": "left", "y": 1.0}, uirevision=axes)
    add_motion(fig, frames, times, unit, look, redraw=False)
    return fig

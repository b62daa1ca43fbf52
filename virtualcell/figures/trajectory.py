"""Predicted cells moving over the measured ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import ordered, point_size
from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.motion import add_motion, joined

TAIL = 5
"""Frames back that a trail reaches."""

FEW = 8000
"""Cells up to which the background is drawn as vectors: a canvas would lie on top of the cells that move."""

LEAP = 0.15
"""Share of the paths' extent that no cell moves in a frame, but in leaps over the map."""


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
    colours: dict[str, str] | None = None,
    cells: str = "measured",
) -> go.Figure:
    """Animated cells with play button and slider.

    background: (n, 2) measured cells. paths: (T, m, 2) predicted cells. times: (T,). fates: (m,) names that give the colours,
    those of ``colours`` where given. cells: what the background cells are called.
    Trails are drawn for the first ``n_trails`` cells only, and only where they were last: whole paths of many cells hide the map.
    """
    background, paths, times = np.asarray(background, np.float32), np.asarray(paths, np.float32), np.asarray(times, float)
    fates = np.asarray(fates)
    if paths.ndim != 3 or paths.shape[0] != len(times) or paths.shape[1] != len(fates):
        raise ValueError(f"paths {paths.shape} must be (times {len(times)}, cells {len(fates)}, 2)")
    names = ordered(fates)
    tints = look.categories(len(names)) if colours is None else [colours[name] for name in names]
    fig = figure(look, height)
    points_of = go.Scatter if len(background) <= FEW else go.Scattergl
    shade = {"size": point_size(len(background)), "color": look.faint, "opacity": 0.6}
    fig.add_trace(points_of(x=background[:, 0], y=background[:, 1], mode="markers", marker=shade, name=cells, hoverinfo="skip"))
    first = len(fig.data)

    mine = [np.flatnonzero(fates == name) for name in names]
    tails = _without_leaps(paths) if axes == "map" else paths

    def places(step: int) -> list[dict[str, Any]]:
        """Trails, then cells, of each name: what a frame changes, and no more, as every property is checked in each frame."""
        late = max(0, step - TAIL)
        trails = [joined(tails[late:, cells_of[cells_of < n_trails]], step - late) for cells_of in mine]
        heads = [paths[step, cells_of] for cells_of in mine]
        return [
            {"x": at[:, 0], "y": at[:, 1], "mode": mode, "name": name}
            for mode, all_places, titles in (("lines", trails, names), ("markers", heads, [f"ends among {n}" for n in names]))
            for at, name in zip(all_places, titles, strict=True)
        ]

    looks: list[dict[str, Any]] = [
        *({"line": {"color": tint, "width": 1}, "opacity": 0.4, "showlegend": False, "hoverinfo": "skip"} for tint in tints),
        *(
            {
                "hovertemplate": f"predicted cell, ends among {name}<extra></extra>",
                "marker": {"color": tint, "size": 7, "line": {"color": look.quiet, "width": 0.8}},
            }
            for name, tint in zip(names, tints, strict=True)
        ),
    ]
    fig.add_traces([go.Scatter(**at, **style) for at, style in zip(places(len(times) - 1), looks, strict=True)])
    where = list(range(first, len(fig.data)))
    frames = [{"name": str(step), "data": places(step), "traces": where} for step in range(len(times))]
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
    # Above the map: beside it, long names would take its width on a narrow page.
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, uirevision=axes)
    add_motion(fig, frames, times, unit, look, redraw=False)
    return fig


def _without_leaps(paths: np.ndarray) -> np.ndarray:
    """Paths with gaps where a cell is put into another part of the map at once: a line across would be a way that none took."""
    length = np.linalg.norm(np.diff(paths, axis=0), axis=-1)
    extent = np.linalg.norm(np.ptp(paths.reshape(-1, 2), axis=0))
    broken = paths.copy()
    broken[:-1][length > LEAP * extent] = np.nan
    return broken

"""Cells drawn where the model places them, coloured by time, annotation or a measured amount."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure, scale


def ordered(values: np.ndarray) -> list:
    """Distinct values in reading order: numbers by size, names by alphabet with missing last."""
    found = list(dict.fromkeys(np.asarray(values).tolist()))
    return sorted(found, key=lambda value: (isinstance(value, str), str(value) in ("nan", "None", "unknown"), value))


def point_size(n: int) -> float:
    """Marker size in pixels at which n cells neither vanish nor smear."""
    return float(np.clip(240 / np.sqrt(max(n, 1)), 2.5, 8))


def embedding(
    positions: np.ndarray,
    values: np.ndarray,
    *,
    name: str,
    kind: str = "category",
    unit: str = "",
    axes: str = "map",
    look: Look = LIGHT,
    height: int = 560,
) -> go.Figure:
    """Scatter of the cells in two or three dimensions.

    positions: (n, 2) or (n, 3). values: (n,) numbers or names. kind: ``"category"`` (one legend entry a name, click to hide),
    ``"time"`` (the same in ordered colours) or ``"amount"`` (one continuous scale). Each point carries its row in ``customdata``.
    """
    positions = np.asarray(positions, dtype=np.float32)
    values = np.asarray(values)
    if positions.ndim != 2 or positions.shape[1] not in (2, 3) or len(values) != len(positions):
        raise ValueError(f"positions {positions.shape} must be (n, 2) or (n, 3) with one value a cell, not {values.shape}")
    flat = positions.shape[1] == 2
    size = point_size(len(positions)) * (1.0 if flat else 0.65)
    fig = figure(look, height)

    def add(rows: np.ndarray, marker: dict, label: str, hover: str, legend: bool) -> None:
        shared = {
            "mode": "markers",
            "name": label,
            "showlegend": legend,
            "customdata": rows.astype(np.int32),
            "hovertemplate": hover + "<extra></extra>",
        }
        x, y = positions[rows, 0], positions[rows, 1]
        if flat:
            faded = {"marker": {"opacity": 0.12}}
            fig.add_trace(go.Scattergl(x=x, y=y, marker=marker, unselected=faded, **shared))
        else:
            fig.add_trace(go.Scatter3d(x=x, y=y, z=positions[rows, 2], marker=marker, **shared))

    if kind == "amount":
        values = values.astype(np.float32)
        # Cells with much are drawn last, so that few high cells are not buried under many low ones.
        rows = np.argsort(values, kind="stable")
        top = float(np.nanpercentile(values, 99.5)) if len(values) else 1.0
        low = float(min(np.nanmin(values), 0.0)) if len(values) else 0.0
        bar = {
            "title": {"text": name, "side": "right", "font": {"size": 13}},
            "thickness": 10,
            "len": 0.5,
            "outlinewidth": 0,
            "x": 1.0,
            "tickfont": {"size": 12},
        }
        marker = {
            "size": size,
            "color": values[rows],
            "colorscale": scale(look.expression),
            "cmin": low,
            "cmax": max(top, low + 1e-6),
            "colorbar": bar,
        }
        add(rows, marker, name, f"{name} %{{marker.color:.2f}} {unit}", False)
    else:
        groups = ordered(values)
        colours = look.times(len(groups)) if kind == "time" else look.categories(len(groups))
        for group, colour in zip(groups, colours, strict=True):
            rows = np.flatnonzero(values == group)
            shown = f"{group:g} {unit}".strip() if isinstance(group, (int, float)) else str(group)
            marker = {"size": size, "color": look.faint if str(group) in ("nan", "unknown") else colour}
            add(rows, marker, f"{shown} ({len(rows):,})", f"{name}: {shown}", True)
        fig.update_layout(legend={"title": {"text": name}, "x": 1.0, "xanchor": "left", "y": 0.94})
    if flat:
        bare = {"showticklabels": False, "ticks": "", "showline": False}
        fig.update_xaxes(**bare, title={"text": f"{axes} 1", "font": {"size": 12}}, constrain="domain")
        fig.update_yaxes(**bare, title={"text": f"{axes} 2", "font": {"size": 12}}, scaleanchor="x", constrain="domain")
        fig.update_layout(dragmode="lasso")
    else:
        fig.update_scenes(aspectmode="cube", camera={"eye": {"x": 0.95, "y": 0.95, "z": 0.6}})
    # The same key keeps zoom and hidden groups while only the colours change.
    fig.update_layout(uirevision=f"{axes}-{positions.shape[1]}")
    return fig

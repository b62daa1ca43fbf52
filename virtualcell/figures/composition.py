"""What a group of cells is made of."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import LIGHT, Look, figure


def composition(
    values: np.ndarray, selected: np.ndarray, *, kind: str = "category", unit: str = "", look: Look = LIGHT
) -> go.Figure:
    """Share of each group among the selected cells, beside its share among all. values: (n,). selected: (n,) bool."""
    values, selected = np.asarray(values), np.asarray(selected, bool)
    if len(values) != len(selected):
        raise ValueError(f"{len(values)} values but {len(selected)} marks of selection")
    names = ordered(values)
    colours = look.times(len(names)) if kind == "time" else look.categories(len(names))
    shown = [f"{name:g} {unit}".strip() if isinstance(name, (int, float)) else str(name) for name in names]
    inside = np.array([np.sum(values[selected] == name) for name in names])
    overall = np.array([np.sum(values == name) for name in names])
    fig = figure(look, 70 + 30 * len(names))
    fig.add_trace(
        go.Bar(
            y=shown,
            x=100 * inside / max(inside.sum(), 1),
            orientation="h",
            marker={"color": colours, "line": {"width": 0}},
            customdata=inside,
            name="selected",
            hovertemplate="%{y}: %{customdata:,} cells, %{x:.1f} %<extra></extra>",
            showlegend=False,
            width=0.6,
        )
    )
    fig.add_trace(
        go.Scatter(
            y=shown,
            x=100 * overall / max(overall.sum(), 1),
            mode="markers",
            name="among all cells",
            hovertemplate="%{y} among all: %{x:.1f} %<extra></extra>",
            marker={"symbol": "line-ns-open", "size": 16, "color": look.text, "line": {"width": 2}},
        )
    )
    fig.update_xaxes(ticksuffix=" %", rangemode="tozero", nticks=5)
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, tickfont={"color": look.text, "size": 13})
    fig.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}, margin={"t": 30})
    return fig

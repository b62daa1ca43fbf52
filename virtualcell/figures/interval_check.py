"""One feature cell by cell: what was measured beside what was predicted, with the band in which nine of ten should lie."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure

OUTSIDE = "#EE6677"


def interval_check(
    measured: np.ndarray,
    predicted: np.ndarray,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    *,
    name: str,
    look: Look = LIGHT,
    height: int = 440,
) -> go.Figure:
    """One dot a cell, predicted (x) and measured (y) reading of one feature, all (cells,); low, high: bounds of the 90 % band.

    Cells outside the band have a colour of their own. Without bounds no band is drawn.
    """
    measured, predicted = (np.asarray(values, np.float32) for values in (measured, predicted))
    if measured.shape != predicted.shape:
        raise ValueError(f"measured {measured.shape} and predicted {predicted.shape} must be the same cells")
    fig = figure(look, height)
    inside = np.ones(len(measured), dtype=bool)
    if low is not None and high is not None:
        low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
        inside = (measured >= low) & (measured <= high)
        order = np.argsort(predicted, kind="stable")
        around = np.concatenate([order, order[::-1]])
        edge = np.concatenate([high[order], low[order[::-1]]])
        fig.add_trace(
            go.Scatter(
                x=predicted[around],
                y=edge,
                fill="toself",
                mode="lines",
                line={"width": 0},
                fillcolor=look.accent,
                opacity=0.18,
                name="nine of ten cells expected here",
                hoverinfo="skip",
            )
        )
    span = [float(predicted.min()), float(predicted.max())]
    line = {"color": look.quiet, "width": 1, "dash": "dot"}
    fig.add_trace(go.Scatter(x=span, y=span, mode="lines", line=line, showlegend=False, hoverinfo="skip"))
    for rows, colour, label in ((inside, look.accent, "inside"), (~inside, OUTSIDE, "outside")):
        fig.add_trace(
            go.Scatter(
                x=predicted[rows],
                y=measured[rows],
                mode="markers",
                marker={"color": colour, "size": 6, "opacity": 0.7},
                name=f"{label} ({int(rows.sum()):,} cells)" if low is not None else f"{len(measured):,} cells",
                showlegend=bool(rows.any()),
                hovertemplate="predicted %{x:.2f}<br>measured %{y:.2f}<extra></extra>",
            )
        )
    fig.update_xaxes(title={"text": f"{name}, predicted in each cell"})
    fig.update_yaxes(title={"text": "measured"})
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, margin={"t": 34})
    return fig

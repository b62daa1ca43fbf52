"""Are predicted probabilities borne out? Cells in bins of predicted probability and the share of each bin in which it was so."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def calibration(
    predicted: np.ndarray,
    share: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    n_cells: np.ndarray,
    *,
    average: float | None = None,
    look: Look = LIGHT,
    height: int = 440,
) -> go.Figure:
    """One dot a bin: mean predicted probability (x) and the share of its cells in which it was seen (y), with an interval.

    predicted, share, low, high, n_cells: (bins,), shares from 0 to 1. average: share of the training cells, a flat line.
    Dots are not joined: between bins nothing was measured.
    """
    predicted, share, low, high = (100 * np.asarray(values, float) for values in (predicted, share, low, high))
    fig = figure(look, height)
    right, top = 1.15 * float(predicted.max()), 1.08 * max(float(high.max()), float(predicted.max()))
    line = {"color": look.quiet, "width": 1, "dash": "dot"}
    fig.add_trace(
        go.Scatter(
            x=[0, min(right, top)],
            y=[0, min(right, top)],
            mode="lines",
            line=line,
            name="as often as predicted",
            hoverinfo="skip",
        )
    )
    if average is not None:
        fig.add_trace(
            go.Scatter(
                x=[0, right],
                y=[100 * average] * 2,
                mode="lines",
                line={"color": look.quiet, "width": 1.5, "dash": "dash"},
                opacity=0.7,
                name="average of the training cells",
                hoverinfo="skip",
            )
        )
    fig.add_trace(
        go.Scatter(
            x=predicted,
            y=share,
            mode="markers",
            marker={"color": look.accent, "size": 10},
            error_y={"type": "data", "array": high - share, "arrayminus": share - low, "color": look.accent, "thickness": 1.6},
            customdata=np.asarray(n_cells),
            hovertemplate="predicted %{x:.1f} %<br>open in %{y:.1f} % of %{customdata} cells<extra></extra>",
            showlegend=False,
        )
    )
    fig.update_xaxes(title={"text": "predicted chance to be open"}, range=[0, right], ticksuffix=" %")
    fig.update_yaxes(title={"text": "cells in which it is open"}, range=[min(0.0, float(low.min())), top], ticksuffix=" %")
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, margin={"t": 34})
    return fig

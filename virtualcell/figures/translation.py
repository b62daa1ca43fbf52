"""Predicted against measured averages of every feature over some cells."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure

DECADES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def translation(
    names: list[str],
    measured: np.ndarray,
    predicted: np.ndarray,
    average: np.ndarray,
    *,
    predicted_by: str,
    share: bool = False,
    smallest: float = 1e-3,
    chosen: int | None = None,
    look: Look = LIGHT,
    height: int = 440,
) -> go.Figure:
    """One dot a feature: mean reading measured over the cells (x) and predicted for the same cells (y); on the line both agree.

    measured, predicted: (features,). average: (features,) means of the training cells, drawn faintly: what one would predict
    knowing nothing of these cells. share: readings are shares of cells, drawn on logarithmic axes; those below ``smallest``
    stand on the edge. chosen: feature that is marked. Each dot carries its feature in ``customdata``.
    """
    measured, predicted, average = (np.asarray(values, np.float32) for values in (measured, predicted, average))
    if not len(names) == len(measured) == len(predicted) == len(average):
        raise ValueError(f"{len(names)} names, but {len(measured)}, {len(predicted)} and {len(average)} numbers")
    fig = figure(look, height)
    x, y, mean = (np.maximum(v, smallest) if share else v for v in (measured, predicted, average))
    spread = np.concatenate([x, y, mean])
    low, high = float(spread.min()), float(spread.max())
    pad = 0 if share else 0.04 * (high - low or 1.0)
    ends = [low / 1.15, min(1.0, high * 1.15)] if share else [low - pad, high + pad]
    fig.add_trace(
        go.Scatter(
            x=ends,
            y=ends,
            mode="lines",
            line={"color": look.quiet, "width": 1, "dash": "dot"},
            name="same",
            showlegend=False,
            hoverinfo="skip",
        )
    )
    form = ".1%" if share else ".2f"
    size = 5 if len(names) > 1000 else 6 if len(names) > 100 else 9
    for values, colour, opacity, label in (
        (mean, look.faint, 0.9, "average of the training cells"),
        (y, look.accent, 0.6, f"predicted from {predicted_by}"),
    ):
        fig.add_trace(
            go.Scattergl(
                x=x,
                y=values,
                mode="markers",
                marker={"color": colour, "size": size, "opacity": opacity},
                # A click marks one feature; all others stay as they are.
                unselected={"marker": {"opacity": opacity}},
                selected={"marker": {"color": colour, "opacity": opacity}},
                name=label,
                text=names,
                customdata=np.arange(len(names), dtype=np.int32),
                hovertemplate=f"%{{text}}<br>measured %{{x:{form}}}<br>{label} %{{y:{form}}}<extra></extra>",
            )
        )
    if chosen is not None:
        place = {"x": float(x[chosen]), "y": float(y[chosen])}
        fig.add_trace(
            go.Scatter(
                x=[place["x"]],
                y=[place["y"]],
                mode="markers",
                marker={"color": "rgba(0,0,0,0)", "size": size + 9, "line": {"color": look.text, "width": 2}},
                showlegend=False,
                hoverinfo="skip",
            )
        )
        shown = {k: float(np.log10(v)) for k, v in place.items()} if share else place
        fig.add_annotation(
            **shown,
            text=names[chosen],
            showarrow=False,
            yshift=18,
            bgcolor=look.paper,
            opacity=0.9,
            font={"size": 12, "color": look.text},
        )
    axis: dict[str, object] = {"range": [float(np.log10(v)) for v in ends] if share else ends}
    if share:
        axis |= {"type": "log", "tickvals": DECADES, "ticktext": [f"{100 * tick:g} %" for tick in DECADES]}
    fig.update_xaxes(title={"text": "cells in which it is open, measured" if share else "mean over the cells, measured"}, **axis)
    fig.update_yaxes(title={"text": "predicted"}, **axis)
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, margin={"t": 34}, clickmode="event+select"
    )
    return fig

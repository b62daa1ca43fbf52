"""Predicted against measured averages of every feature over some cells."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure

TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def translation(
    names: list[str],
    measured: np.ndarray,
    predicted: np.ndarray,
    average: np.ndarray,
    *,
    predicted_by: str,
    share: bool = False,
    unit: str = "",
    smallest: float = 1e-3,
    chosen: int | None = None,
    look: Look = LIGHT,
    height: int = 440,
) -> go.Figure:
    """One dot a feature: mean reading measured over the cells (x) and predicted for the same cells (y); on the line both agree.

    measured, predicted: (features,). average: (features,) means of the training cells, from which a faint stem leads to each dot:
    what one would predict knowing nothing of these cells. share: readings are shares of cells, drawn on logarithmic axes; those
    below ``smallest`` stand on the edge; otherwise readings are in ``unit``. chosen: feature that is marked. Dots are in
    the order of the features.
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
    strength = 0.4 if len(names) > 1000 else 0.7
    size = 5 if len(names) > 1000 else 6 if len(names) > 100 else 9
    gap = np.full(len(names), np.nan, dtype=np.float32)
    # SVG, not WebGL: browsers keep few WebGL drawings alive, and this figure is often drawn anew. All stems are one path.
    fig.add_trace(
        go.Scatter(
            x=np.column_stack([x, x, gap]).ravel(),
            y=np.column_stack([mean, y, gap]).ravel(),
            mode="lines",
            opacity=0.45,
            line={"color": look.quiet, "width": 1.5},
            name="from the average of the training cells",
            hoverinfo="skip",
        )
    )
    fig.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"color": look.accent, "size": size, "opacity": strength},
            # A click marks one feature; all others stay as they are.
            unselected={"marker": {"opacity": strength}},
            selected={"marker": {"color": look.accent, "opacity": strength}},
            name=f"predicted from {predicted_by}",
            text=names,
            customdata=np.column_stack([measured, predicted, average]),
            hovertemplate=f"%{{text}}<br>measured %{{customdata[0]:{form}}}<br>predicted %{{customdata[1]:{form}}}<br>"
            f"average of the training cells %{{customdata[2]:{form}}}<extra></extra>",
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
        middle = float(np.mean(np.log10(ends) if share else ends))
        fig.add_annotation(
            **shown,
            text=names[chosen],
            # Towards the middle, so that a long name does not leave the figure.
            xanchor="left" if shown["x"] < middle else "right",
            showarrow=False,
            yshift=18,
            bgcolor=look.paper,
            opacity=0.9,
            font={"size": 12, "color": look.text},
        )
    axis: dict[str, object] = {"range": [float(np.log10(v)) for v in ends] if share else ends}
    if share:
        axis |= {"type": "log", "tickvals": TICKS, "ticktext": [f"{100 * tick:g} %" for tick in TICKS]}
    what = "cells in which it is open" if share else "mean over the cells"
    fig.update_xaxes(title={"text": f"{what}, measured{f'<br>{unit}' if unit and not share else ''}"}, **axis)
    fig.update_yaxes(title={"text": f"{what}, predicted"}, **axis)
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, margin={"t": 34}, clickmode="event+select"
    )
    return fig

"""How many cells a push takes over the hill, by its dose."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import FATES, LIGHT, Look, figure

SHARE = FATES[0]


def dose_response(
    doses: np.ndarray,
    share: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    chosen: float,
    critical: float | None,
    truth: float | None = None,
    look: Look = LIGHT,
    height: int = 300,
) -> go.Figure:
    """Share of the cells that settle in another valley, with its interval, against the dose in units of the measured one.

    doses, share, low, high: (k,). chosen: the dose that the page shows. critical: least dose at which a cell without noise stays
    away, None where no drawn one does; truth: that of the law that moved simulated cells. Doses above the measured one are
    marked: no cell was seen there.
    """
    doses, share, low, high = (np.asarray(values, float) for values in (doses, share, low, high))
    fig = figure(look, height)
    most = float(doses.max())
    if most > 1:
        fig.add_vrect(x0=1, x1=most, fillcolor=look.faint, opacity=0.25, line_width=0, layer="below")
        fig.add_annotation(
            x=1,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            xanchor="left",
            showarrow=False,
            xshift=2,
            text="above the measured dose",
            font={"size": 12, "color": look.quiet},
        )
    band = "rgba(176,138,0,0.22)"
    fig.add_trace(
        go.Scatter(
            x=[*doses, *doses[::-1]],
            y=[*(100 * high), *(100 * low[::-1])],
            mode="lines",
            fill="toself",
            fillcolor=band,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    fig.add_trace(
        go.Scatter(
            x=doses,
            y=100 * share,
            mode="lines+markers",
            line={"color": SHARE, "width": 2.5},
            marker={"size": 7},
            name="settle in another valley",
            hovertemplate="dose %{x:g}: %{y:.0f} %<extra></extra>",
            showlegend=False,
        )
    )
    fig.add_vline(x=chosen, line={"color": look.text, "width": 1.2})
    marks = [(critical, "dash", "without noise: from here on"), (truth, "dot", "what was put in")]
    for at, dash, said in marks:
        if at is not None and at <= most:
            fig.add_trace(
                go.Scatter(
                    x=[at, at],
                    y=[0, 100],
                    mode="lines",
                    line={"color": look.quiet, "dash": dash, "width": 2},
                    name=said,
                    hovertemplate=f"{said}: {at:.2f}<extra></extra>",
                )
            )
    fig.update_xaxes(title={"text": "dose, times the measured one"}, range=[0, most], zeroline=False)
    fig.update_yaxes(range=[0, 104], ticksuffix=" %", title={"text": "settle elsewhere"}, zeroline=False)
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"}, margin={"b": 84, "t": 24}
    )
    return fig

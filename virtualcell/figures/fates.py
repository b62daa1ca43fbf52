"""Which share of the predicted cells ends where."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def fates(
    names: list[str],
    share: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    colours: list[str] | None = None,
    evenly: np.ndarray | None = None,
    measured: np.ndarray | None = None,
    measured_name: str = "cells measured then",
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """Horizontal bars with intervals, one a fate in the order given. share, low, high: (fates,) between 0 and 1; no line where an
    end of the interval is NaN.

    evenly: (fates,) shares if all cells had divided alike, drawn as rings: how much of a bar is growth. measured: (fates,) shares
    to compare with, drawn as diamonds, none where not a number; measured_name: what they are, for the legend.
    """
    share, low, high = (np.asarray(values, float) for values in (share, low, high))
    if not len(names) == len(share) == len(low) == len(high):
        raise ValueError("one share with its lower and upper end is needed for each fate")
    rows = (evenly is not None) + (measured is not None)
    fig = figure(look, height or 50 + 34 * len(names) + 28 * (rows > 0))
    spread = {
        "type": "data",
        "array": (high - share) * 100,
        "arrayminus": (share - low) * 100,
        "color": look.text,
        "thickness": 1.2,
        "width": 4,
    }
    fig.add_trace(
        go.Bar(
            y=names,
            x=share * 100,
            orientation="h",
            error_x=spread,
            # An outline, as some of the colours are as light as a light page.
            marker={"color": colours or look.categories(len(names)), "line": {"width": 0.8, "color": look.quiet}},
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
            width=0.62,
            showlegend=False,
        )
    )
    most = float(np.nanmax([*share, *high])) if len(high) else 1.0
    marks = [(evenly, "circle", "if all had divided alike"), (measured, "diamond", measured_name)]
    for values, symbol, said in marks:
        if values is None:
            continue
        most = max(most, float(np.nanmax([*values, 0.0])))
        fig.add_trace(
            go.Scatter(
                y=names,
                x=np.asarray(values, float) * 100,
                mode="markers",
                cliponaxis=False,
                marker={"symbol": symbol, "color": look.paper, "size": 9, "line": {"color": look.text, "width": 1.6}},
                name=said,
                hovertemplate=f"%{{y}}: %{{x:.1f}} % {said}<extra></extra>",
            )
        )
    if rows:
        fig.update_layout(legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"}, margin={"b": 58})
    fig.update_xaxes(range=[0, min(104.0, max(5.0, most * 108))], ticksuffix=" %", nticks=5)
    fig.update_layout(margin_r=28)  # room for the label of the last tick
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, tickfont={"color": look.text, "size": 13})
    fig.update_yaxes(ticklabelstandoff=8)  # no mark and no end of an interval at 0 lies on the name
    return fig

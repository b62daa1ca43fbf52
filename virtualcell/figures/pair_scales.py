"""How much of the sum of their parts measured pairs do, each with its interval."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.perturbation import DOWN, UP

FARTHEST = 4.0
"""Times the sum: intervals are cut there and marked."""


def pair_scales(
    names: list[str], share: np.ndarray, low: np.ndarray, high: np.ndarray, clear: np.ndarray, *, look: Look = LIGHT
) -> go.Figure:
    """One row a pair. share, low, high: (pairs,) of the sum, 1 where effects add; NaN where single effects are too weak to
    compare. clear: (pairs,) whether the pair departs from the sum: filled, or open where that cannot be told."""
    share, low, high = (np.asarray(values, float) for values in (share, low, high))
    clear = np.asarray(clear, bool)
    if not len(names) == len(share) == len(low) == len(high) == len(clear) or not names:
        raise ValueError("each pair needs a share with both ends and whether it is clear; and one pair at least")
    fig = figure(look, 96 + 34 * len(names))
    cut = np.minimum(high, FARTHEST)
    known = ~np.isnan(share)
    most = float(max(1.6, np.nanmax([1.0, *cut[known], *np.minimum(share[known], FARTHEST)]) + 0.1))
    least = float(min(0.0, np.nanmin([0.0, *low[known]])))
    colours = np.where(share > 1, UP, DOWN)
    fig.add_trace(
        go.Scatter(
            x=np.where(known, np.minimum(share, FARTHEST), np.nan),
            y=names,
            mode="markers",
            error_x={
                "type": "data",
                "array": cut - np.minimum(share, FARTHEST),
                "arrayminus": share - low,
                "color": look.quiet,
                "thickness": 1.4,
                "width": 4,
            },
            marker={
                "size": 12,
                "color": list(np.where(clear, colours, look.paper)),
                "line": {
                    "width": 1.8,
                    "color": [colour if one else look.quiet for colour, one in zip(colours, clear, strict=True)],
                },
            },
            customdata=np.column_stack([low, high]),
            hovertemplate="%{y}: %{x:.0%} of the sum [%{customdata[0]:.0%}, %{customdata[1]:.0%}]<extra></extra>",
            showlegend=False,
        )
    )
    for i in np.flatnonzero(known & (high > FARTHEST)):
        fig.add_annotation(x=FARTHEST, y=names[i], text="→", showarrow=False, xanchor="left", font={"color": look.quiet})
    for i in np.flatnonzero(~known):
        fig.add_annotation(
            x=1.0, y=names[i], text="  alone too weak", showarrow=False, xanchor="left",
            font={"color": look.quiet, "size": 12},
        )  # fmt: skip
    fig.add_vline(x=1.0, line={"dash": "dot", "width": 1.4, "color": look.text})
    fig.add_annotation(
        x=1.0, y=1, yref="paper", yanchor="bottom", text="adds up", showarrow=False, font={"color": look.quiet, "size": 12}
    )
    fig.update_xaxes(title={"text": "share of the sum of both alone"}, tickformat=".0%", nticks=6, range=[least, most])
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        ticks="",
        showline=False,
        range=[-0.7, len(names) - 0.3],
        tickfont={"size": 12, "color": look.text},
    )
    fig.update_layout(margin={"t": 26, "r": 20})
    return fig

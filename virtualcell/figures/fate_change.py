"""Shares of cells by where they end, without and with a push, one above the other."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.perturbation import AFTER, BEFORE


def fate_change(
    names: list[str],
    without: tuple[np.ndarray, np.ndarray, np.ndarray],
    pushed: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    labels: tuple[str, str],
    look: Look = LIGHT,
) -> go.Figure:
    """Two bars with intervals for each fate. without, pushed: share, lower and upper end, each (fates,) between 0 and 1."""
    fig = figure(look, 90 + 52 * len(names))
    most = 0.0
    for (share, low, high), colour, label in ((without, BEFORE, labels[0]), (pushed, AFTER, labels[1])):
        share, low, high = (100 * np.asarray(values, float) for values in (share, low, high))
        if not len(names) == len(share) == len(low) == len(high):
            raise ValueError("one share with its lower and upper end is needed for each fate")
        most = max(most, float(np.max([*high, *share], initial=0.0)))
        fig.add_trace(
            go.Bar(
                y=names,
                x=share,
                orientation="h",
                name=label,
                marker={"color": colour, "line": {"width": 0}},
                error_x={
                    "type": "data",
                    "array": high - share,
                    "arrayminus": share - low,
                    "color": look.text,
                    "thickness": 1.2,
                    "width": 3,
                },
                customdata=np.column_stack([low, high]),
                hovertemplate=f"%{{y}}, {label}: %{{x:.1f}} % [%{{customdata[0]:.1f}}, %{{customdata[1]:.1f}}]<extra></extra>",
            )
        )
    fig.update_xaxes(range=[0, min(104.0, max(5.0, most * 1.08))], ticksuffix=" %", nticks=6, title={"text": "share of cells"})
    fig.update_yaxes(
        autorange="reversed", ticks="", showline=False, tickfont={"color": look.text, "size": 13}, ticklabelstandoff=8
    )
    fig.update_layout(
        barmode="group",
        bargap=0.35,
        bargroupgap=0.08,
        margin={"t": 34, "r": 28},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"},
    )
    return fig

"""Methods side by side: one small panel a measure, one dot a method."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look

PEER = "#EE8866"
GROUPS = {"ours": "VirtualCell", "peer": "other programs", "baseline": "simple predictions"}
SYMBOLS = {"ours": "diamond", "peer": "square", "baseline": "circle"}


def leaderboard(
    columns: list[str],
    higher_is_better: list[bool],
    methods: list[str],
    groups: list[str],
    values: Sequence[Sequence[Sequence[float] | None]],
    *,
    look: Look = LIGHT,
) -> go.Figure:
    """Dots with intervals, methods from best to worst by the first measure that they have; ours in the accent colour.

    values: methods x columns of (mean, low, high), None where a method cannot do it. groups: "ours", "peer" or "baseline" of
    each method. A faint line stands at the best mean of each measure. Measures over more than a decade have a logarithmic axis.
    """
    table = np.full((len(methods), len(columns), 3), np.nan)
    for i, row in enumerate(values):
        for j, found in enumerate(row):
            if found is not None:
                table[i, j] = found
    sign = np.where(higher_is_better, 1.0, -1.0)
    first = np.where(np.isfinite(table[:, 0, 0]), sign[0] * table[:, 0, 0], -np.inf)
    order = np.argsort(-first, kind="stable")
    colour = {"ours": look.accent, "peer": PEER, "baseline": look.quiet}
    titles = [
        "<br>".join([*textwrap.wrap(name, 15 if len(columns) > 4 else 22), "more is better" if up else "less is better"])
        for name, up in zip(columns, higher_is_better, strict=True)
    ]
    fig = make_subplots(rows=1, cols=len(columns), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.02)
    shown: set[str] = set()
    for j, column in enumerate(columns, start=1):
        mean = table[:, j - 1, 0]
        wide = bool(np.nanmin(mean) > 0 and np.nanmax(mean) > 10 * np.nanmin(mean)) if np.isfinite(mean).any() else False
        for i in order:
            value, low, high = table[i, j - 1]
            if wide:  # a logarithmic axis has no place for bounds below 0
                low = max(low, float(np.nanmin(mean)) / 3)
            if not np.isfinite(value):
                continue
            group = groups[i]
            fig.add_trace(
                go.Scatter(
                    x=[value],
                    y=[methods[i]],
                    mode="markers",
                    name=GROUPS[group],
                    legendgroup=group,
                    showlegend=group not in shown,
                    marker={"color": colour[group], "size": 10, "symbol": SYMBOLS[group]},
                    error_x={
                        "type": "data",
                        "array": [high - value],
                        "arrayminus": [value - low],
                        "color": colour[group],
                        "thickness": 1.5,
                        "width": 3,
                    },
                    hovertemplate=f"{methods[i]}<br>{column} {value:.3g} ({low:.3g} to {high:.3g})<extra></extra>",
                ),
                row=1,
                col=j,
            )
            shown.add(group)
        if np.isfinite(mean).any():
            if wide:
                fig.update_xaxes(type="log", dtick=1, col=j)
            best = float(np.nanmax(sign[j - 1] * mean) * sign[j - 1])
            fig.add_vline(x=best, line={"color": look.faint, "width": 1}, row=1, col=j)
    lines = max(title.count("<br>") for title in titles) + 1
    names = [methods[i] for i in order]
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        range=[-0.6, len(names) - 0.4],
        tickvals=names,
        ticks="",
        showline=False,
        tickfont={"color": look.text, "size": 12},
        showgrid=True,
        gridcolor=look.faint,
        gridwidth=0.5,
    )
    fig.update_xaxes(nticks=4, selector=lambda axis: axis.type != "log")
    fig.update_annotations(font={"size": 11, "color": look.text})
    fig.update_layout(
        template=look.name,
        height=110 + 18 * lines + 27 * len(names),
        margin={"t": 14 + 18 * lines, "b": 60},
        legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"},
    )
    return fig

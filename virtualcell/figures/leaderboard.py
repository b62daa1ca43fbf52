"""Methods side by side: one small panel a measure, one dot a method."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import FATES, LIGHT, Look

PEER = FATES[5]
GROUPS = {
    "ours": "VirtualCell",
    "fusion": "ways of joining, no conversion step",
    "peer": "other programs",
    "baseline": "simple predictions",
}
SYMBOLS = {"ours": "diamond", "fusion": "triangle-up", "peer": "square", "baseline": "circle"}


def ranking(values: np.ndarray, higher_is_better: Sequence[bool]) -> np.ndarray:
    """Places of the methods from best to worst by the first measure; those without it come last, in the order given.

    values: (methods, measures, 3) mean, low and high, NaN where a method has none.
    """
    first = values[:, 0, 0] * (1 if higher_is_better[0] else -1)
    return np.argsort(-np.where(np.isfinite(first), first, -np.inf), kind="stable")


def log_interval(values: np.ndarray) -> np.ndarray:
    """Mean, low and high (..., 3) of positive numbers with the interval taken on the scale of logarithms, so above 0.

    The error of a logarithm is the error relative to the mean (delta method).
    """
    values = np.asarray(values, float)
    mean = values[..., 0]
    factor = np.exp((values[..., 2] - values[..., 1]) / 2 / mean)
    return np.stack([mean, mean / factor, mean * factor], axis=-1)


def leaderboard(
    columns: list[str],
    higher_is_better: list[bool],
    methods: list[str],
    groups: list[str],
    values: Sequence[Sequence[Sequence[float] | None]] | np.ndarray,
    *,
    once: np.ndarray | None = None,
    look: Look = LIGHT,
) -> go.Figure:
    """Dots with intervals, methods from best to worst by the first measure that they have; ours in the accent colour.

    values: methods x columns of (mean, low, high), None or NaN where a method cannot do it. groups: "ours", "fusion", "peer" or
    "baseline" of each method. once: (methods, columns) where there was one split only: drawn hollow. A faint line stands at the
    best mean of each measure. Measures over more than a decade have a logarithmic axis.
    """
    table = np.full((len(methods), len(columns), 3), np.nan)
    for i, row in enumerate(values):
        for j, found in enumerate(row):
            if found is not None:
                table[i, j] = found
    sign = np.where(higher_is_better, 1.0, -1.0)
    order = ranking(table, higher_is_better)
    single = np.zeros(table.shape[:2], dtype=bool) if once is None else np.asarray(once, dtype=bool)
    colour = {"ours": look.accent, "fusion": look.accent, "peer": PEER, "baseline": look.quiet}
    titles = [
        "<br>".join([*textwrap.wrap(name, 15 if len(columns) > 4 else 22), "more is better" if up else "less is better"])
        for name, up in zip(columns, higher_is_better, strict=True)
    ]
    fig = make_subplots(rows=1, cols=len(columns), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.02)
    shown: set[str] = set()
    for j, column in enumerate(columns, start=1):
        mean = table[:, j - 1, 0]
        wide = bool(np.nanmin(mean) > 0 and np.nanmax(mean) > 10 * np.nanmin(mean)) if np.isfinite(mean).any() else False
        for group, hollow in ((g, h) for g in dict.fromkeys(groups[i] for i in order) for h in (False, True)):
            mine = [i for i in order if groups[i] == group and single[i, j - 1] == hollow and np.isfinite(mean[i])]
            if not mine:
                continue
            value, low, high = table[mine, j - 1].T
            if wide:  # a logarithmic axis has no place for bounds below 0
                low = np.where(low <= 0, np.nanmin(mean) / 3, low)
            bounds = ["one split" if hollow else f"{a:.4g} to {b:.4g}" for a, b in zip(low, high, strict=True)]
            fig.add_trace(
                go.Scatter(
                    x=value,
                    y=[methods[i] for i in mine],
                    mode="markers",
                    name=GROUPS[group],
                    legendgroup=group,
                    showlegend=group not in shown,
                    marker={"color": colour[group], "size": 10, "symbol": SYMBOLS[group] + ("-open" if hollow else "")},
                    error_x={
                        "visible": not hollow,
                        "type": "data",
                        "array": high - value,
                        "arrayminus": value - low,
                        "color": colour[group],
                        "thickness": 1.5,
                        "width": 3,
                    },
                    text=bounds,
                    hovertemplate=f"%{{y}}<br>{column} %{{x:.4~g}} (%{{text}})<extra></extra>",
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
    fig.update_xaxes(nticks=3 if len(columns) > 4 else 4, tickangle=0, selector=lambda axis: axis.type != "log")
    fig.update_annotations(font={"size": 11, "color": look.text})
    fig.update_layout(
        template=look.name,
        height=110 + 18 * lines + 27 * len(names),
        margin={"t": 14 + 18 * lines, "b": 60},
        legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"},
    )
    return fig

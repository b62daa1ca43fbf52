"""Every method at a time that was left out: one row a method, one panel a measure, the floor of noise marked."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look

OURS, OTHER_OURS, RULE = "the model on this page", "our other variants", "simple rules"
"""Kinds of methods, as the legend names them."""

ROW, TWO_LINES = 27, 34
"""Pixels a method."""


def trajectory_methods(
    methods: Sequence[str],
    kinds: Sequence[str],
    measures: Sequence[str],
    values: np.ndarray,
    *,
    floor: np.ndarray | None = None,
    floor_name: str = "two halves of the true cells",
    look: Look = LIGHT,
) -> go.Figure:
    """Dots with intervals, smaller is better, best by the first measure on top; a dotted line, with its interval, at the floor.

    values: (methods, measures, 3) mean, low, high; NaN where there is none, and low and high NaN for a single run. kinds: one of
    ``OURS``, ``OTHER_OURS``, ``RULE`` for each method. floor: (measures, 3), what noise in the cells alone gives.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (len(methods), len(measures), 3) or len(kinds) != len(methods):
        raise ValueError(f"values {values.shape} must be ({len(methods)} methods, {len(measures)} measures, 3)")
    if not set(kinds) <= {OURS, OTHER_OURS, RULE}:
        raise ValueError(f"unknown kinds among {set(kinds)}")
    order = np.argsort(np.where(np.isfinite(values[:, 0, 0]), values[:, 0, 0], np.inf), kind="stable")
    style = {
        OURS: {"color": look.accent, "size": 13, "symbol": "diamond"},
        OTHER_OURS: {"color": look.accent, "size": 9, "symbol": "diamond-open", "line": {"width": 1.6}},
        RULE: {"color": look.quiet, "size": 9, "symbol": "circle"},
    }
    titles = [f"{measure}, smaller is better" for measure in measures]
    fig = make_subplots(rows=1, cols=len(measures), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.05)
    for j, measure in enumerate(measures, start=1):
        for kind in (RULE, OTHER_OURS, OURS):
            mine = [i for i in order if kinds[i] == kind and np.isfinite(values[i, j - 1, 0])]
            if not mine:
                continue
            value, low, high = values[mine, j - 1].T
            known = np.isfinite(low) & np.isfinite(high)
            said = [f"{a:.3g} to {b:.3g}" if both else "one run" for a, b, both in zip(low, high, known, strict=True)]
            spread = {"array": np.where(known, high - value, 0.0), "arrayminus": np.where(known, value - low, 0.0)}
            fig.add_trace(
                go.Scatter(
                    x=value,
                    y=[methods[i] for i in mine],
                    mode="markers",
                    name=kind,
                    legendgroup=kind,
                    showlegend=j == 1,
                    marker=style[kind],
                    error_x={"type": "data", **spread, "color": style[kind]["color"], "thickness": 1.5, "width": 4},
                    text=said,
                    hovertemplate=f"%{{y}}<br>{measure} %{{x:.3~g}} (%{{text}})<extra></extra>",
                ),
                row=1,
                col=j,
            )
        if floor is not None and np.isfinite(floor[j - 1, 0]):
            _floor(fig, np.asarray(floor, dtype=float)[j - 1], j, floor_name, look)
    names = [methods[i] for i in order]
    bold = [
        f"<b>{label}</b>" if kinds[i] == OURS else label
        for i, label in ((i, "<br>".join(textwrap.wrap(methods[i], 26))) for i in order)
    ]
    fig.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names[::-1],
        range=[-0.6, len(names) - 0.4],
        tickvals=names,
        ticktext=bold,
        ticks="",
        showline=False,
        showgrid=True,
        gridcolor=look.faint,
        gridwidth=0.5,
        tickfont={"color": look.text, "size": 12.5},
    )
    fig.update_xaxes(rangemode="tozero", nticks=6)
    fig.update_annotations(font={"size": 13, "color": look.text})
    pitch = ROW if not any("<br>" in label for label in bold) else max(ROW, TWO_LINES)
    fig.update_layout(
        template=look.name,
        height=110 + pitch * len(names),
        margin={"t": 30, "b": 66},
        legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"},
    )
    return fig


def _floor(fig: go.Figure, floor: np.ndarray, column: int, name: str, look: Look) -> None:
    # After the dots: Plotly leaves out lines of a panel that is still empty.
    value, low, high = floor
    if np.isfinite(low) and np.isfinite(high):
        band = {"fillcolor": look.faint, "opacity": 0.35, "line": {"width": 0}, "layer": "below"}
        fig.add_vrect(x0=low, x1=high, row=1, col=column, **band)
    fig.add_vline(x=value, line={"color": look.quiet, "width": 1.4, "dash": "dot"}, row=1, col=column)
    if column == 1:  # shapes have no entry in a legend
        line = {"color": look.quiet, "width": 1.4, "dash": "dot"}
        fig.add_trace(go.Scatter(x=[None], y=[None], mode="lines", line=line, name=f"floor: {name}"), row=1, col=1)

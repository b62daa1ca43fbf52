"""Prediction error on cells that no part of the training saw, beside simpler predictions and the noise floor."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def heldout(
    names: list[str],
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    ours: str,
    variants: Collection[str] = (),
    limit: str | None = None,
    larger_is_better: bool = False,
    measure: str = "distance",
    wrap: int = 24,
    look: Look = LIGHT,
) -> go.Figure:
    """Dots with intervals, best on top, ours in the accent colour, the limit that noise sets as a dotted line.

    value, low, high: (methods,) in the measure's own unit. ours, variants (others of ours, drawn hollow) and limit are entries of
    names. wrap: letters in a line of a name, fewer in a narrow figure.
    """
    value, low, high = (np.asarray(values, float) for values in (value, low, high))
    if ours not in names or (limit is not None and limit not in names):
        raise ValueError(f"'{ours}' and '{limit}' must be among the methods {names}")
    order = np.argsort(-value if larger_is_better else value, kind="stable")
    fig = figure(look, 64 + 36 * len(names))
    for i in order:
        mine, ours_too = names[i] == ours, names[i] in variants
        colour = look.accent if mine or ours_too else look.quiet
        fig.add_trace(
            go.Scatter(
                x=[value[i]],
                y=[names[i]],
                mode="markers",
                showlegend=False,
                name=names[i],
                marker={
                    "color": colour,
                    "size": 12 if mine else 9,
                    "symbol": "diamond"
                    if mine
                    else "diamond-open"
                    if ours_too
                    else ("line-ns-open" if names[i] == limit else "circle"),
                },
                error_x={
                    "type": "data",
                    "array": [high[i] - value[i]],
                    "arrayminus": [value[i] - low[i]],
                    "color": colour,
                    "thickness": 1.6,
                    "width": 4,
                },
                hovertemplate=f"{names[i]}<br>{measure} {value[i]:.3g} ({low[i]:.3g} to {high[i]:.3g})<extra></extra>",
            )
        )
    if limit is not None:
        fig.add_vline(x=value[names.index(limit)], line={"color": look.quiet, "width": 1, "dash": "dot"})
    fig.update_xaxes(title={"text": measure}, rangemode="tozero", nticks=6)
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=[names[i] for i in order][::-1],
        tickvals=names,
        ticktext=["<br>".join(textwrap.wrap(name, wrap)) for name in names],
        ticks="",
        showline=False,
        tickfont={"color": look.text, "size": 13},
        range=[-0.6, len(names) - 0.4],
    )
    return fig

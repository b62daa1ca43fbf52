"""A gene and the open chromatin around it: which peaks open when, and what the gene does at the same times."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look


def peaks(
    gene: str,
    distance: np.ndarray,
    names: list[str],
    groups: list[str],
    opened: np.ndarray,
    predicted: np.ndarray,
    amount: np.ndarray,
    *,
    ordered: bool = True,
    unit: str = "log(1 + counts per 10,000)",
    look: Look = LIGHT,
    height: int = 400,
) -> go.Figure:
    """Left: a stem a peak and group at its distance from the start of the gene; right: the gene's mean in each group.

    distance: (peaks,) kb along the chromosome. names: (peaks,). groups: times or states. opened: (3, groups, peaks) share of the
    cells in which the peak is open and the bounds of its interval. predicted: (groups, peaks) the same share as told by the RNA,
    NaN where not predicted. amount: (3, groups) mean expression and bounds. ordered: groups are times.
    The axis is as wide as the peaks and the start of the gene need.
    """
    distance, opened, predicted, amount = (np.asarray(values, float) for values in (distance, opened, predicted, amount))
    if opened.shape != (3, len(groups), len(names)) or predicted.shape != opened.shape[1:] or amount.shape != (3, len(groups)):
        raise ValueError(f"opened {opened.shape}, predicted {predicted.shape} and amount {amount.shape} do not fit together")
    left, right = float(distance.min(initial=0.0)), float(distance.max(initial=0.0))
    span = max(right - left, 1.0)
    fig = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.78, 0.22],
        horizontal_spacing=0.09,
        subplot_titles=[f"peaks around {gene}", f"{gene} itself"],
    )
    colours = look.times(len(groups)) if ordered else look.categories(len(groups))
    # Groups of one peak stand side by side; the pointer gives the place itself.
    step = 0.013 * span
    pad = 0.04 * span + step * len(groups) / 2
    for i, (group, colour) in enumerate(zip(groups, colours, strict=True)):
        x = distance + (i - (len(groups) - 1) / 2) * step
        share, low, high = 100 * opened[:, i]
        stems_x = np.column_stack([x, x, np.full(len(x), np.nan)]).ravel()
        stems_y = np.column_stack([np.zeros(len(x)), share, np.full(len(x), np.nan)]).ravel()
        quiet = {"legendgroup": group, "showlegend": False, "hoverinfo": "skip"}
        fig.add_trace(go.Scatter(x=stems_x, y=stems_y, mode="lines", line={"color": colour, "width": 1.5}, **quiet), row=1, col=1)
        fig.add_trace(
            go.Scatter(
                x=x,
                y=share,
                mode="markers",
                marker={"color": colour, "size": 9},
                error_y={
                    "type": "data",
                    "array": high - share,
                    "arrayminus": share - low,
                    "color": colour,
                    "thickness": 1,
                    "width": 2,
                },
                name=group,
                legendgroup=group,
                text=names,
                customdata=distance,
                hovertemplate=f"%{{text}}<br>%{{customdata:+.1f}} kb<br>{group}: open in %{{y:.1f}} % of cells<extra></extra>",
            ),
            row=1,
            col=1,
        )
        fig.add_trace(
            go.Scatter(
                x=x,
                y=100 * predicted[i],
                mode="markers",
                marker={"color": look.paper, "size": 8, "symbol": "diamond", "line": {"color": colour, "width": 1.8}},
                name="predicted from RNA,<br>cells kept out of training",
                legendrank=2000,
                legendgroup="predicted",
                showlegend=i == 0,
                text=names,
                hovertemplate=f"%{{text}}<br>{group}: predicted from RNA %{{y:.1f}} %<extra></extra>",
            ),
            row=1,
            col=1,
        )
        mean, below, above = amount[:, i]
        fig.add_trace(
            go.Scatter(
                x=[group],
                y=[mean],
                mode="markers",
                marker={"color": colour, "size": 11},
                error_y={"type": "data", "array": [above - mean], "arrayminus": [mean - below], "color": colour, "width": 5},
                hovertemplate=f"{gene}, {group}: %{{y:.2f}} ({below:.2f} to {above:.2f})<extra></extra>",
                **{k: v for k, v in quiet.items() if k != "hoverinfo"},
            ),
            row=1,
            col=2,
        )
    fig.add_vline(x=0, line={"color": look.quiet, "width": 1, "dash": "dot"}, row=1, col=1)
    fig.update_xaxes(title={"text": f"kb along the chromosome from the start of {gene}"}, range=[left - pad, right + pad], col=1)
    fig.update_yaxes(title={"text": "cells in which the peak is open"}, rangemode="tozero", ticksuffix=" %", col=1)
    fig.update_yaxes(title={"text": unit}, rangemode="tozero", col=2)
    fig.update_xaxes(range=[-0.6, len(groups) - 0.4], col=2)
    fig.update_annotations(font={"size": 13, "color": look.text})
    fig.update_layout(
        template=look.name,
        height=height,
        margin={"t": 34, "b": 70},
        legend={
            "orientation": "h",
            "x": 0,
            "y": -0.2,
            "yanchor": "top",
            "title": {"text": "measured in all cells: ", "font": {"size": 13}},
        },
    )
    return fig

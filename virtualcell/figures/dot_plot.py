"""Genes by groups of cells: how many cells express them, and how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure, scale

WIDEST = 19.0
"""Pixels across of a dot for 100 % of the cells; the area of a dot is the share."""

LEGEND = (25, 50, 100)


def dot_plot(
    genes: Sequence[str],
    groups: Sequence[str],
    mean: np.ndarray,
    percent: np.ndarray,
    *,
    cells: Sequence[int] | None = None,
    scaled: bool = True,
    unit: str = "mean log amount",
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """One dot a gene (across) and group (down): its area the share of cells that express the gene, its colour the mean.

    mean: (groups, genes); percent: (groups, genes) in 0 to 100, NaN where nothing was counted (all dots are then of one size).
    cells: of each group. scaled: colour runs from each gene's lowest group (0) to its highest (1), so that weak genes are seen
    beside strong ones; else it is the mean in ``unit``.
    """
    mean, percent = np.asarray(mean, float), np.asarray(percent, float)
    if mean.shape != (len(groups), len(genes)) or percent.shape != mean.shape or not mean.size:
        raise ValueError(f"mean {mean.shape} and percent {percent.shape} must be ({len(groups)} groups, {len(genes)} genes)")
    low, high = mean.min(axis=0), mean.max(axis=0)
    # A gene that is the same everywhere has no lowest group.
    colour = np.where(high > low, (mean - low) / np.where(high > low, high - low, 1), 0.0) if scaled else mean
    counted = np.isfinite(percent).all()
    share = percent if counted else np.full_like(percent, 50.0)
    # The names of the genes stand below the dots, aslant where there are many.
    below = 7 * max(len(gene) for gene in genes) if len(genes) > 6 else 20
    fig = figure(look, height or int(70 + below + max(27 * len(groups), 160)))
    row, column = (index.ravel().tolist() for index in np.indices(mean.shape))
    size = [f"<br>{n:,} cells" for n in cells] if cells is not None else [""] * len(groups)
    texts = [
        f"{genes[j]} in {groups[i]}"
        + (f"<br>{percent[i, j]:.0f} % of cells" if counted else "")
        + f"<br>{unit} {mean[i, j]:.2f}"
        + size[i]
        for i, j in zip(row, column, strict=True)
    ]
    bar = {
        "title": {
            "text": "mean of the<br>group, scaled<br>by gene" if scaled else unit.replace(" (", "<br>("),
            "font": {"size": 12},
        },
        "thickness": 10,
        "len": 160,
        "lenmode": "pixels",
        "outlinewidth": 0,
        "x": 1.02,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "top",
        "nticks": 4,
        "tickfont": {"size": 12},
    }
    if scaled:
        bar |= {"tickvals": [0.04, 0.94], "ticktext": ["lowest", "highest"]}
    marker = {
        "size": _diameter(share.ravel()),
        "color": colour.ravel(),
        "colorscale": scale(look.expression),
        "cmin": 0.0 if scaled else float(min(colour.min(), 0.0)),
        "cmax": 1.0 if scaled else float(max(colour.max(), colour.min() + 1e-6)),
        "colorbar": bar,
        "line": {"width": 0.8, "color": look.quiet},
        "opacity": 1,
    }
    fig.add_trace(
        go.Scatter(
            x=column, y=row, mode="markers", marker=marker, text=texts, name="genes by groups", showlegend=False,
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    for percent_shown in LEGEND if counted else ():
        dot = {
            "size": float(_diameter(np.array([percent_shown]))[0]),
            "color": look.faint,
            "line": marker["line"],
        }
        fig.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=dot, name=f"{percent_shown} %", hoverinfo="skip"))
    fig.update_xaxes(
        tickvals=np.arange(len(genes)), ticktext=list(genes), range=[-0.6, len(genes) - 0.4], ticks="", showline=False,
        tickangle=-90 if len(genes) > 14 else -60 if len(genes) > 6 else 0, tickfont={"color": look.text},
    )  # fmt: skip
    fig.update_yaxes(
        tickvals=np.arange(len(groups)), ticktext=list(groups), range=[len(groups) - 0.4, -0.6], ticks="", showline=False,
        tickfont={"color": look.text},
    )  # fmt: skip
    legend = {
        "title": {"text": "cells that express it  ", "font": {"size": 13}},
        "orientation": "h",
        "x": 0,
        "y": 1.02,
        "yanchor": "bottom",
    }
    legend |= {"itemsizing": "trace", "itemclick": False, "itemdoubleclick": False}
    fig.update_layout(legend=legend, margin={"t": 40, "r": 110})
    return fig


def _diameter(percent: np.ndarray) -> np.ndarray:
    return WIDEST * np.sqrt(np.clip(percent, 0, 100) / 100)

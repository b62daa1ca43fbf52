"""What a treatment does: how far cells move, which genes change, and how well simpler predictions do."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import point_size
from virtualcell.figures.look import LIGHT, Look, figure

BEFORE, AFTER = "#4477AA", "#EE6677"
UP, DOWN = "#C8503F", "#3B72B8"


def shift(
    background: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    labels: tuple[str, str],
    axes: str = "map",
    look: Look = LIGHT,
    height: int = 540,
    n_arrows: int = 40,
    groups: np.ndarray | None = None,
) -> go.Figure:
    """Cells before and after on the map of all cells, with arrows for some and a bold one for the middle of each group.

    background: (n, 2). before, after: (m, 2), row by row the same cell. groups: (m,) names; all one group without.
    """
    background, before, after = (np.asarray(values, np.float32) for values in (background, before, after))
    if before.shape != after.shape:
        raise ValueError(f"before {before.shape} and after {after.shape} must be the same cells")
    fig = figure(look, height)
    size = point_size(len(background))
    fig.add_trace(
        go.Scattergl(
            x=background[:, 0],
            y=background[:, 1],
            mode="markers",
            marker={"size": size, "color": look.faint, "opacity": 0.6},
            name="all measured cells",
            hoverinfo="skip",
        )
    )
    for cells, colour, label in ((before, BEFORE, labels[0]), (after, AFTER, labels[1])):
        fig.add_trace(
            go.Scattergl(
                x=cells[:, 0],
                y=cells[:, 1],
                mode="markers",
                marker={"size": size + 1.5, "color": colour},
                name=label,
                hoverinfo="skip",
            )
        )
    rows = np.unique(np.linspace(0, len(before) - 1, min(n_arrows, len(before))).astype(int))
    arrow = {"xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": "", "showarrow": True}
    for row in rows:
        (ax, ay), (x, y) = before[row].tolist(), after[row].tolist()
        fig.add_annotation(
            x=x, y=y, ax=ax, ay=ay, arrowhead=2, arrowsize=0.9, arrowwidth=1, arrowcolor=look.quiet, opacity=0.6, **arrow
        )
    groups = np.zeros(len(before), dtype=int) if groups is None else np.asarray(groups)
    for group in dict.fromkeys(groups.tolist()):
        mine = groups == group
        if mine.sum() >= 5:
            # The middle, not the mean: between two parts of the map a mean would point from nowhere to nowhere.
            (ax, ay), (x, y) = np.median(before[mine], axis=0).tolist(), np.median(after[mine], axis=0).tolist()
            fig.add_annotation(x=x, y=y, ax=ax, ay=ay, arrowhead=2, arrowsize=1, arrowwidth=4, arrowcolor=look.text, **arrow)
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    fig.update_xaxes(**bare, title={"text": f"{axes} 1", "font": {"size": 12}}, constrain="domain")
    fig.update_yaxes(**bare, title={"text": f"{axes} 2", "font": {"size": 12}}, scaleanchor="x", constrain="domain")
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, uirevision=axes, margin={"t": 30})
    return fig


def top_genes(
    genes: list[str],
    change: np.ndarray,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    n: int = 20,
    look: Look = LIGHT,
    title: str = "predicted change (log)",
) -> go.Figure:
    """Bars of the n genes that change most, largest rise on top. change: (genes,) difference of log expression; low, high:
    (genes,) ends of its interval, drawn as lines."""
    change = np.asarray(change, float)
    most = np.argsort(-np.abs(change), kind="stable")[:n]
    order = most[np.argsort(-change[most], kind="stable")]
    fig = figure(look, max(150, 60 + 20 * len(order)))
    colours = [UP if value > 0 else DOWN for value in change[order]]
    spread, hover, ends = None, "%{y}: %{x:+.2f}<extra></extra>", change[order]
    custom = None
    if low is not None and high is not None:
        low, high = np.asarray(low, float)[order], np.asarray(high, float)[order]
        spread = {"type": "data", "array": high - change[order], "arrayminus": change[order] - low, "color": look.text}
        spread |= {"thickness": 1.2, "width": 3}
        custom, ends = np.column_stack([low, high]), np.r_[change[order], low, high]
        hover = "%{y}: %{x:+.2f} [%{customdata[0]:+.2f}, %{customdata[1]:+.2f}]<extra></extra>"
    fig.add_trace(
        go.Bar(
            y=[genes[i] for i in order],
            x=change[order],
            orientation="h",
            error_x=spread,
            customdata=custom,
            marker={"color": colours, "line": {"width": 0}},
            hovertemplate=hover,
        )
    )
    # Changes of next to nothing must not fill the axis.
    widest = max(0.5, 1.05 * float(np.abs(ends).max(initial=0.0)))
    fig.update_xaxes(title={"text": title}, zeroline=True, zerolinecolor=look.faint)
    fig.update_xaxes(range=[-widest if (ends < 0).any() else 0, widest if (ends > 0).any() else 0])
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, tickfont={"size": 12, "color": look.text}, dtick=1)
    fig.update_yaxes(ticklabelstandoff=6)
    return fig

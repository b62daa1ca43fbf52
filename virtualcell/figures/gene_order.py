"""In which order genes change along a way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.perturbation import DOWN, UP


def gene_order(
    genes: Sequence[str],
    log2_change: np.ndarray,
    half_way: np.ndarray,
    *,
    top: float | None = None,
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """A dot a gene where it has made half of its change, earliest on top; its size and number are how much it changes.

    log2_change: (genes,) end over start; half_way: (genes,) 0 at the start to 1 at the end. top: share of the way at which the
    pass is, None where there is none.
    """
    change, at = np.asarray(log2_change, float), np.asarray(half_way, float)
    if not len(genes) == len(change) == len(at):
        raise ValueError(f"{len(genes)} genes need one change ({len(change)}) and one place ({len(at)}) each")
    order = np.argsort(at, kind="stable")
    names = [genes[i] for i in order]
    change, at = change[order], at[order]
    fig = figure(look, height or 90 + 22 * len(names))
    size = 7 + 9 * np.sqrt(np.abs(change) / max(float(np.abs(change).max()), 1e-9)) if len(names) else change
    row = np.arange(len(names))
    for up, title, colour in ((True, "goes up", UP), (False, "goes down", DOWN)):
        mine = (change > 0) == up
        if not mine.any():
            continue
        stems = np.stack([np.zeros(mine.sum()), 100 * at[mine], np.full(mine.sum(), np.nan)], 1).ravel()
        fig.add_trace(
            go.Scatter(
                x=stems,
                y=np.repeat(row[mine], 3),
                mode="lines",
                line={"color": look.faint, "width": 1.5},
                hoverinfo="skip",
                showlegend=False,
                name=f"{title}, stem",
            )
        )
        fig.add_trace(
            go.Scatter(
                x=100 * at[mine],
                y=row[mine],
                mode="markers+text",
                marker={"size": size[mine], "color": colour, "line": {"color": look.paper, "width": 1}},
                text=[_times(value) for value in change[mine]],
                textposition="middle right",
                textfont={"size": 12, "color": look.quiet},
                customdata=[names[i] for i in row[mine]],
                name=title,
                hovertemplate="%{customdata}: half of its change after %{x:.0f} % of the way, %{text}<extra></extra>",
            )
        )
    if top is not None:
        fig.add_vline(x=100 * top, line={"color": look.quiet, "width": 1, "dash": "dot"})
        fig.add_annotation(
            x=100 * top, y=1, yref="paper", yanchor="bottom", text="highest point", showarrow=False,
            font={"size": 12, "color": look.quiet},
        )  # fmt: skip
    fig.update_xaxes(title={"text": "share of the way at which half of the change is made"}, range=[-1, 112],
                     tickvals=[0, 25, 50, 75, 100], ticktext=["0 %", "25 %", "50 %", "75 %", "100 %"])  # fmt: skip
    fig.update_yaxes(
        tickvals=row, ticktext=names, range=[len(names) - 0.4, -0.6], ticks="", showline=False, tickfont={"color": look.text}
    )
    fig.update_layout(legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"}, margin={"t": 34})
    return fig


def _times(log2: float) -> str:
    """log2 3.3-fold as "10×"; less than once is a fraction, "÷ 10"."""
    fold = 2 ** abs(log2)
    # Two digits; a g would write hundreds as 4e+02.
    said = f"{fold:.2g}" if fold < 99.5 else f"{round(fold, 1 - int(np.log10(fold))):,.0f}"
    return f"× {said}" if log2 > 0 else f"÷ {said}"

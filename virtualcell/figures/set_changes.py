"""How much gene sets change, each with its interval, beside all other genes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.perturbation import DOWN, UP


def set_changes(
    names: list[str],
    change: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    clear: np.ndarray,
    leading: list[str],
    *,
    others: float,
    look: Look = LIGHT,
) -> go.Figure:
    """One row a set, the largest rise on top. change, low, high: (sets,) mean log2 fold change with its interval; clear: (sets,)
    whether it differs from other genes: filled, or open where not; leading: genes to name on hover; others: mean of all genes, a
    dotted line."""
    change, low, high = (np.asarray(values, float) for values in (change, low, high))
    clear = np.asarray(clear, bool)
    if not len(names) == len(change) == len(low) == len(high) == len(clear) == len(leading) or not names:
        raise ValueError("each set needs a change with both ends, whether it is clear, and its genes; and one set at least")
    order = np.argsort(-change, kind="stable")
    fig = figure(look, 92 + 34 * len(order))
    colours = np.where(change > others, UP, DOWN)
    for shown, said in ((True, "unlike other genes"), (False, "like other genes, as far as can be told")):
        rows = [i for i in order if clear[i] == shown]
        fig.add_trace(
            go.Scatter(
                x=change[rows],
                y=[names[i] for i in rows],
                mode="markers",
                error_x={
                    "type": "data",
                    "array": (high - change)[rows],
                    "arrayminus": (change - low)[rows],
                    "color": look.quiet,
                    "thickness": 1.4,
                    "width": 4,
                },
                marker={
                    "size": 12,
                    "color": list(colours[rows]) if shown else look.paper,
                    "line": {"width": 1.8, "color": list(colours[rows]) if shown else look.quiet},
                },
                name=said,
                showlegend=False,
                customdata=[[leading[i], low[i], high[i]] for i in rows],
                hovertemplate="<b>%{y}</b><br>%{x:+.2f} [%{customdata[1]:+.2f}, %{customdata[2]:+.2f}]"
                "<br>%{customdata[0]}<extra></extra>",
            )
        )
    # For the legend: dots in one colour, as the rows are of two.
    for shown, said in ((True, "unlike other genes"), (False, "no clear difference")):
        fill = look.quiet if shown else look.paper
        fig.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                mode="markers",
                marker={"size": 11, "color": fill, "line": {"width": 1.8, "color": look.quiet}},
                name=said,
            )
        )
    fig.add_vline(x=others, line={"dash": "dot", "width": 1.4, "color": look.text})
    fig.add_annotation(
        x=others, y=1, yref="paper", yanchor="bottom", text="all genes", showarrow=False, font={"color": look.quiet, "size": 12}
    )
    reach = np.r_[low, high, others, 0.0]
    room = max(0.06 * float(np.ptp(reach)), 0.05)
    fig.update_xaxes(
        title={"text": "mean log2 fold change"},
        range=[reach.min() - room, reach.max() + room],
        zeroline=True,
        zerolinecolor=look.faint,
    )
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=[names[i] for i in order[::-1]],
        ticks="",
        showline=False,
        tickfont={"size": 13, "color": look.text},
        range=[-0.7, len(order) - 0.3],
    )
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"}, margin={"t": 26, "b": 84}
    )
    return fig

"""What measured times leave open, and what a further measurement would take away of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look

NAMED, MIDDLE = "takes away most", "middle of the longest gap"


def trajectory_next(
    times: np.ndarray,
    open_now: np.ndarray,
    share_taken: np.ndarray,
    measured: Sequence[float],
    *,
    middle: float,
    unit: str,
    cells: str = "measured",
    look: Look = LIGHT,
    height: int = 330,
) -> go.Figure:
    """Two curves over time, one above the other, with the best time to measure next and the simple rule's beside it.

    times: (T,) that could be measured. open_now: (T,) how much predictions differ there. share_taken: (T,) share, 0 to 1, of all
    that is open which a measurement there would take away. measured: times at which nothing is open. cells: what they are called.
    """
    times, open_now, share_taken = (np.asarray(values, dtype=float) for values in (times, open_now, share_taken))
    if not len(times) == len(open_now) == len(share_taken):
        raise ValueError("each time needs what is open there and what would be taken away")
    known = np.asarray(sorted(measured), dtype=float)
    order = np.argsort(np.r_[times, known], kind="stable")
    x = np.r_[times, known][order]
    titles = ["How much predictions differ (energy distance)", "Share of it that new cells there would take away"]
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.16, subplot_titles=titles)
    for row, (values, name, form) in enumerate(
        ((open_now, "left open", "%{y:.3f}"), (100 * share_taken, "taken away", "%{y:.0f} %")), start=1
    ):
        fig.add_trace(
            go.Scatter(
                x=x,
                y=np.r_[values, np.zeros(len(known))][order],
                mode="lines",
                line={"color": look.accent, "width": 2.2},
                fill="tozeroy" if row == 1 else None,
                fillcolor=_faded(look.accent),
                name=name,
                showlegend=False,
                hovertemplate=f"{name} {form} at %{{x:.2f}} {unit}<extra></extra>",
            ),
            row=row,
            col=1,
        )
    best = float(times[int(np.argmax(share_taken))])
    for place, name, colour, dash in ((best, NAMED, look.accent, "solid"), (middle, MIDDLE, look.quiet, "dash")):
        line = {"color": colour, "width": 1.6, "dash": dash}
        for row in (1, 2):
            fig.add_vline(x=place, line=line, row=row, col=1)
        fig.add_trace(
            go.Scatter(
                x=[place],
                y=[100 * float(np.interp(place, times, share_taken))],
                mode="markers+lines",
                cliponaxis=False,
                line=line,
                marker={"color": colour, "size": 10, "symbol": "diamond" if name == NAMED else "circle"},
                name=f"{name}: {place:.3g} {unit}",
                hovertemplate=f"{name}: %{{x:.3g}} {unit}, %{{y:.0f}} %<extra></extra>",
            ),
            row=2,
            col=1,
        )
    for row in (1, 2):
        fig.add_trace(
            go.Scatter(
                x=known,
                y=np.zeros(len(known)),
                mode="markers",
                cliponaxis=False,
                marker={"symbol": "triangle-up", "size": 10, "color": look.text},
                name=f"{cells} times",
                showlegend=row == 1,
                hovertemplate=f"{cells} at %{{x:g}} {unit}<extra></extra>",
            ),
            row=row,
            col=1,
        )
    fig.update_yaxes(rangemode="tozero", nticks=4)
    fig.update_yaxes(ticksuffix=" %", row=2, col=1)
    fig.update_xaxes(title={"text": f"time ({unit})"}, row=2, col=1)
    fig.update_annotations(font={"size": 13, "color": look.text}, x=0, xanchor="left")
    fig.update_layout(template=look.name, height=height, margin={"t": 26, "b": 84})
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"})
    return fig


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"

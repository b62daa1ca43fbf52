"""How the shares of groups change with time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import unlabel_rgb

from virtualcell.figures.look import LIGHT, Look, figure


def composition_in_time(
    times: np.ndarray,
    groups: Sequence[str],
    share: np.ndarray,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    cells: np.ndarray | None = None,
    beside: np.ndarray | None = None,
    points: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    stacked: bool = False,
    colours: Sequence[str] | None = None,
    unit: str = "",
    look: Look = LIGHT,
    height: int = 380,
) -> go.Figure:
    """A line a group with its interval as a band, or areas that add up to 100 % (``stacked``).

    times: (times,) numbers, in order. share, low, high: (times, groups) from 0 to 1, NaN at times without cells. cells: (times,)
    how many there are. beside: (times, groups) shares among all cells, as dotted lines. points: time, group (its place in
    ``groups``) and share of every replicate, each (m,), drawn as rings. colours: CSS, one a group.
    """
    times, share = np.asarray(times, float), np.asarray(share, float)
    if share.shape != (len(times), len(groups)) or not share.size:
        raise ValueError(f"share {share.shape} must be ({len(times)} times, {len(groups)} groups)")
    colours = list(colours) if colours is not None else look.categories(len(groups))
    counts = [f"<br>of {int(count):,} cells" for count in cells] if cells is not None else [""] * len(times)
    fig = figure(look, height)

    def line(g: int, values: np.ndarray, label: str, **style: object) -> None:
        there = np.flatnonzero(np.isfinite(share[:, g]))
        fig.add_trace(
            go.Scatter(
                x=times[there],
                y=100 * np.asarray(values, float)[there, g],
                name=f"{groups[g]}{label}",
                legendgroup=groups[g],
                customdata=[counts[i] if not label else " (all cells)" for i in there],
                hovertemplate=f"{groups[g]}, %{{x:g}} {unit}: %{{y:.1f}} %%{{customdata}}<extra></extra>",
                **style,
            )
        )

    for g, (name, colour) in enumerate(zip(groups, colours, strict=True)):
        if stacked:
            edge = {"width": 0.5, "color": colour}
            line(g, share, "", mode="lines", stackgroup="all", line=edge, fillcolor=_faded(colour, 0.85))
            continue
        if low is not None and high is not None:
            there = np.flatnonzero(np.isfinite(share[:, g]))
            fig.add_trace(
                go.Scatter(
                    x=np.r_[times[there], times[there][::-1]],
                    y=100 * np.r_[np.asarray(low, float)[there, g], np.asarray(high, float)[there, g][::-1]],
                    mode="lines",
                    fill="toself",
                    fillcolor=_faded(colour, 0.18),
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=name,
                    name=f"{name}, interval",
                )
            )
        if beside is not None:
            line(g, beside, ", all cells", mode="lines", showlegend=False, line={"width": 1.4, "dash": "dot", "color": colour})
        line(g, share, "", mode="lines+markers", line={"width": 2.2, "color": colour}, marker={"size": 7, "color": colour})
        if points is not None:
            at, which, value = (np.asarray(part) for part in points)
            fig.add_trace(
                go.Scatter(
                    x=at[which == g],
                    y=100 * value[which == g],
                    mode="markers",
                    showlegend=False,
                    legendgroup=name,
                    name=f"{name}, replicates",
                    marker={"symbol": "circle-open", "size": 7, "color": colour, "line": {"width": 1.4}},
                    hovertemplate=f"{name}, one replicate: %{{y:.1f}} %<extra></extra>",
                )
            )
    fig.update_xaxes(title={"text": f"time ({unit})" if unit else "time"})
    if len(times) <= 12:
        fig.update_xaxes(tickvals=times, ticktext=[f"{time:g}" for time in times])
    fig.update_yaxes(title={"text": "share of cells"}, ticksuffix=" %", rangemode="tozero", nticks=6)
    if stacked:
        fig.update_yaxes(range=[0, 100])
    fig.update_layout(legend={"x": 1.01, "y": 1, "traceorder": "reversed" if stacked else "normal"})
    return fig


def _faded(colour: str, opacity: float) -> str:
    """A CSS colour (#rrggbb or rgb(...)) that lets the page through."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)] if colour.startswith("#") else unlabel_rgb(colour)
    return f"rgba({','.join(f'{part:.0f}' for part in parts)},{opacity:g})"

"""Height along a way between two states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def path_profile(
    energy: np.ndarray,
    saddle: int,
    *,
    start: str,
    end: str,
    passed: Sequence[tuple[int, str]] = (),
    sure: bool = True,
    look: Look = LIGHT,
    height: int = 400,
) -> go.Figure:
    """Energy (k,) in D over the start against the share of the way in percent, the pass marked.

    saddle: index of the highest state; where it is the first or the last, there is no pass. passed: index and name of resting
    places on the way. sure: whether enough cells crossed; otherwise the line is dotted and its height is not written.
    """
    energy = np.asarray(energy, float)
    way = np.linspace(0, 100, len(energy))
    inner = 0 < saddle < len(energy) - 1
    fig = figure(look, height)
    fig.add_trace(
        go.Scatter(
            x=way,
            y=energy,
            mode="lines",
            line={"color": look.accent, "width": 2.5, "dash": "solid" if sure else "dot"},
            name="height",
            hovertemplate="%{y:.2f} D after %{x:.0f} % of the way<extra></extra>",
        )
    )
    ends = [(0, start), *passed, (len(energy) - 1, end)]
    fig.add_trace(
        go.Scatter(
            x=way[[i for i, _ in ends]],
            y=energy[[i for i, _ in ends]],
            mode="markers",
            text=[name for _, name in ends],
            marker={"size": 9, "symbol": "diamond", "color": look.text},
            name="places",
            hovertemplate="%{text}: %{y:.2f} D<extra></extra>",
        )
    )
    if inner:
        fig.add_trace(
            go.Scatter(
                x=way[[saddle]],
                y=energy[[saddle]],
                mode="markers",
                marker={"size": 10, "symbol": "x", "color": look.accent},
                name="pass",
                hovertemplate="highest point: %{y:.2f} D<extra></extra>",
            )
        )
    low, high = float(energy.min()), float(energy.max())
    room = 0.28 * max(high - low, 0.1)
    quiet = {"showarrow": False, "font": {"size": 13, "color": look.text}}
    for i, name in ends:
        anchor = "left" if i == 0 else "right" if i == len(energy) - 1 else "center"
        # Above an end from which the line falls: below it the name would stand on the line.
        beside = energy[int(0.15 * len(energy))] if i == 0 else energy[-1 - int(0.15 * len(energy))]
        above = i in (0, len(energy) - 1) and beside < energy[i]
        place = {"yanchor": "bottom", "yshift": 9} if above else {"yanchor": "top", "yshift": -9}
        fig.add_annotation(x=way[i], y=energy[i], text=name, xanchor=anchor, **place, **quiet)
    if inner:
        known = f"{energy[saddle]:.1f} D over the start" if sure else "not identifiable"
        text = f"highest point: {known}"
        anchor = "left" if way[saddle] < 25 else "right" if way[saddle] > 75 else "center"
        fig.add_annotation(x=way[saddle], y=energy[saddle], text=text, xanchor=anchor, yanchor="bottom", yshift=9, **quiet)
    fig.update_xaxes(title={"text": "share of the way"}, ticksuffix=" %", range=[-2, 102])
    fig.update_yaxes(title={"text": "height over the start (D)"}, range=[low - room, high + room])
    fig.update_layout(showlegend=False)
    return fig

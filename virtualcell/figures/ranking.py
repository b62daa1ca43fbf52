"""Bars of what each choice takes away of a distance, beside a choice at random."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def ranking(names: list[str], closer: np.ndarray, *, chance: float, look: Look = LIGHT) -> go.Figure:
    """names, closer (n,), best first: share of the way to the goal; chance: that of one drawn at random, a dotted line."""
    if len(names) != len(closer) or not names:
        raise ValueError(f"{len(names)} names and {len(closer)} shares must be as many, and at least one.")
    fig = figure(look, max(220, 90 + 24 * len(names)))
    fig.add_bar(
        x=100 * np.asarray(closer)[::-1],
        y=names[::-1],
        orientation="h",
        marker_color=look.accent,
        hovertemplate="%{y}: %{x:.0f} % of the way<extra></extra>",
        showlegend=False,
    )
    fig.add_vline(x=100 * chance, line={"dash": "dot", "width": 1.5, "color": look.text})
    fig.add_annotation(
        x=100 * chance, y=1, yref="paper", yanchor="bottom", text="at random", showarrow=False, font={"color": look.quiet}
    )
    fig.update_layout(margin_t=30)
    fig.update_xaxes(title_text="share of the way to the goal", ticksuffix=" %", visible=True)
    fig.update_yaxes(title_text="", visible=True, automargin=True)
    return fig

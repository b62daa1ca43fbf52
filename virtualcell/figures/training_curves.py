"""What a training has reached, step by step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look

PANELS = (
    ("validation_nats", "How well cells kept aside are described", "nats a cell, by pass over the cells; up is better"),
    ("effective_rank", "Numbers of the state in use", "effective rank, by pass; dotted: all, red: collapsed"),
    ("reconstruction", "Loss of the cell states", "by pass; down is better"),
    ("warm", "Loss of the first landscape", "by step; down is better"),
    ("match", "From moved cells to the measured ones", "distance, by step; down is better"),
)
"""Column of the history, title of its panel, and what its values are."""

ACROSS = 3
PANEL, GAP, TOP = 112, 76, 46
"""Pixels: a panel, between two rows of them (steps below one, the title of the next), and over the first."""


def training_curves(
    history: pd.DataFrame,
    *,
    latent_dim: int | None = None,
    collapsed_below: float | None = None,
    hidden: str = "",
    look: Look = LIGHT,
) -> go.Figure:
    """One small panel a measure, over the steps of its stage; the axis reaches to the last step, so that a line grows into it.

    history: stage, step, total and a column for each figure (``virtualcell.jobs.history``), NaN where a stage has no such figure.
    latent_dim: drawn as the most that the effective rank can be; collapsed_below: under it the states have collapsed. hidden:
    what the names of stages start with that train again without one time; their lines are grey.
    """
    shown = [panel for panel in PANELS if panel[0] in history and history[panel[0]].notna().any()]
    if not shown:
        raise ValueError("The history has none of the figures that are drawn.")
    rows = -(-len(shown) // ACROSS)
    inner = PANEL * rows + GAP * (rows - 1)
    fig = make_subplots(rows, ACROSS, vertical_spacing=GAP / inner if rows > 1 else 0, horizontal_spacing=0.075)
    fig.update_layout(template=look.name, height=inner + TOP + 30, showlegend=False, uirevision="training", dragmode=False)
    for place, (column, title, unit) in enumerate(shown):
        row, col = place // ACROSS + 1, place % ACROSS + 1
        known = history[history[column].notna()]
        again = known["stage"].str.startswith(hidden) if hidden else pd.Series(False, index=known.index)
        for part, colour, name in ((known[again], look.quiet, "without one time"), (known[~again], look.accent, "all cells")):
            if len(part):
                _line(fig, part, column, colour, f"{title}, {name}", unit, row, col)
        if column == "effective_rank":
            _limits(fig, latent_dim, collapsed_below, row, col, look)
        total = float(np.nanmax(known["total"]))
        fig.update_xaxes(range=[0, max(total, 1.0)], nticks=4, row=row, col=col)
        fig.update_yaxes(nticks=4, tickformat="~g", row=row, col=col)
        axis = "" if place == 0 else str(place + 1)
        fig.add_annotation(
            text=f"{title}<br><span style='font-size:11px;color:{look.quiet}'>{unit}</span>",
            x=0, y=1, xref=f"x{axis} domain", yref=f"y{axis} domain", xanchor="left", yanchor="bottom", align="left",
            showarrow=False, font={"size": 13, "color": look.text},
        )  # fmt: skip
    for place in range(len(shown), rows * ACROSS):
        fig.update_xaxes(visible=False, row=place // ACROSS + 1, col=place % ACROSS + 1)
        fig.update_yaxes(visible=False, row=place // ACROSS + 1, col=place % ACROSS + 1)
    fig.update_layout(margin={"t": TOP, "b": 30, "l": 8, "r": 8})
    return fig


def _line(fig: go.Figure, part: pd.DataFrame, column: str, colour: str, name: str, unit: str, row: int, col: int) -> None:
    fig.add_trace(
        go.Scatter(
            x=part["step"].to_numpy(),
            y=part[column].to_numpy(dtype=float),
            mode="lines" if len(part) > 1 else "markers",
            line={"color": colour, "width": 2},
            marker={"color": colour, "size": 5},
            name=name,
            hovertemplate=f"step %{{x:,}}: %{{y:.4g}} ({unit})<extra></extra>",
        ),
        row=row,
        col=col,
    )


def _limits(fig: go.Figure, most: int | None, least: float | None, row: int, col: int, look: Look) -> None:
    for value, dash, colour in ((most, "dot", look.quiet), (least, "dash", "#CC3311")):
        if value is not None:
            fig.add_hline(y=value, line={"color": colour, "width": 1, "dash": dash}, row=row, col=col)
    if most is not None:
        fig.update_yaxes(range=[0, 1.08 * most], row=row, col=col)

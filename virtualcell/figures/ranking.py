"""What each choice is said to do on the way to a goal: share of the way, cells that arrive, and how probable it is, in a row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look, figure

ROW, GAP = 26, 0.075

FARTHEST = 100.0
"""Percent of the way in the other direction at which the picture ends."""

NEEDED = ("treatment", "closer", "arriving", "low", "high", "arriving_untreated", "arriving_goal", "probability")


def ranking(table: pd.DataFrame, *, closer: float, arriving: float, look: Look = LIGHT) -> go.Figure:
    """table: rows of ``rank_treatments``, first on top; closer, arriving: what one drawn at random reaches, dotted lines.

    Panels of arriving cells (beside those that arrive without a push, and the goal's own) and of probabilities are left out where
    there are none. ValueError for no rows or missing columns.
    """
    missing = [name for name in NEEDED if name not in table]
    if missing or table.empty:
        raise ValueError(f"There must be rows, and columns {', '.join(NEEDED)}; missing: {missing}.")
    names = table["treatment"].tolist()
    panels = ["closer"]
    panels += ["arriving"] if table["arriving"].notna().all() else []
    panels += ["probability"] if table["probability"].notna().all() else []
    fig = make_subplots(
        rows=1, cols=len(panels), shared_yaxes=True, horizontal_spacing=GAP, figure=figure(look, 128 + ROW * len(names))
    )
    for column, panel in enumerate(panels, start=1):
        at = {"row": 1, "col": column}
        share = 100 * table[panel].to_numpy()
        if panel == "arriving":
            _arriving(fig, names, table, look, at)
            _line(fig, 100 * table["arriving_untreated"].iloc[0], "no push", look, at, level=1, dash="solid")
            _line(fig, 100 * table["arriving_goal"].iloc[0], "goal's own", look, at, level=0, dash="solid")
            _line(fig, 100 * arriving, "at random", look, at, level=2)
            fig.update_xaxes(title_text=TITLES[panel], range=[0, 104], tickvals=[0, 50, 100], ticktext=["0", "50", "100 %"], **at)
            continue
        fig.add_bar(
            x=share,
            y=names,
            orientation="h",
            marker={"color": look.accent if panel == "closer" else look.quiet, "line": {"width": 0}},
            hovertemplate="%{y}: %{x:.0f} %<extra></extra>" if panel == "closer" else "%{y}: %{x:.1f} %<extra></extra>",
            showlegend=False,
            **at,
        )
        if panel == "closer":
            # One that leads far away would leave no room for those that do not.
            text = "at random" if closer > -FARTHEST / 100 else f"at random: {100 * closer:,.0f} %".replace("-", "\u2212")
            _line(fig, max(100 * closer, -FARTHEST), text, look, at, level=0)
            fig.update_xaxes(
                title_text=TITLES[panel],
                ticksuffix=" %",
                showticksuffix="last",
                range=_reach(np.append(share, 100 * closer)),
                zeroline=True,
                zerolinecolor=look.faint,
                **at,
            )
        else:
            fig.update_xaxes(title_text=TITLES[panel], range=[0, 104], tickvals=[0, 50, 100], ticktext=["0", "50", "100 %"], **at)
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, tickfont={"size": 12, "color": look.text}, dtick=1)
    fig.update_layout(margin={"t": 56, "r": 16}, bargap=0.35)
    return fig


def _reach(share: np.ndarray) -> list[float]:
    return [max(-FARTHEST, 1.05 * min(0.0, share.min())) - 4, max(104.0, 1.05 * share.max())]


TITLES = {"closer": "share of the way", "arriving": "cells that arrive", "probability": "probability"}


def _arriving(fig: go.Figure, names: list[str], table: pd.DataFrame, look: Look, at: dict[str, int]) -> None:
    share, low, high = (100 * table[name].to_numpy() for name in ("arriving", "low", "high"))
    fig.add_scatter(
        x=share,
        y=names,
        mode="markers",
        marker={"color": look.accent, "size": 9},
        error_x={"symmetric": False, "array": high - share, "arrayminus": share - low, "thickness": 1.5, "width": 0},
        customdata=np.c_[low, high],
        hovertemplate="%{y}: %{x:.0f} % (%{customdata[0]:.0f} to %{customdata[1]:.0f})<extra></extra>",
        showlegend=False,
        **at,
    )  # fmt: skip


def _line(fig: go.Figure, x: float, name: str, look: Look, at: dict[str, int], *, level: int, dash: str = "dot") -> None:
    """A line across the panel with its name above; level: how high, so that near ones do not write over each other."""
    fig.add_vline(
        x=x, line={"dash": dash, "width": 1.2, "color": look.text if dash == "dot" else look.faint}, layer="below", **at
    )
    fig.add_annotation(
        x=x, y=1, yref="y domain" if at["col"] == 1 else f"y{at['col']} domain", yanchor="bottom", yshift=15 * level, text=name,
        showarrow=False, font={"color": look.quiet, "size": 11}, xref="x" if at["col"] == 1 else f"x{at['col']}",
    )  # fmt: skip

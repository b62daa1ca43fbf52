"""Treatments by treatments: what pairs are said to do, and how measured pairs depart from the sum of their parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure, scale

WIDEST = 1.0
"""Of a departure from the sum in colour: none of it, and twice as much."""


def pair_matrix(additive: pd.DataFrame, measured: pd.DataFrame, clear: np.ndarray, *, look: Look = LIGHT) -> go.Figure:
    """additive: first, second, size and alike of every pair (``additive_pairs``), one square each. measured: pairs that were
    given together (``interactions``), a diamond in place of their square, coloured by how much of the sum they do. clear:
    (measured,) whether that departs from the sum; a pale rim where not. customdata of each mark: first and second."""
    if len(clear) != len(measured):
        raise ValueError(f"{len(measured)} measured pairs need as many answers to whether they depart from the sum.")
    names = sorted({*additive["first"], *additive["second"]})
    if len(names) < 2:
        raise ValueError("two treatments or more are needed for a pair")
    place = {name: i for i, name in enumerate(names)}
    together = {frozenset(pair) for pair in zip(measured["first"], measured["second"], strict=True)}
    rest = additive[[frozenset(pair) not in together for pair in zip(additive["first"], additive["second"], strict=True)]]
    cell = max(18, min(34, 560 // len(names)))
    fig = figure(look, 150 + cell * len(names))

    def corner(table: pd.DataFrame) -> tuple[list[str], list[str]]:
        """Columns and rows of the lower half."""
        pairs = [sorted(pair, key=place.__getitem__) for pair in zip(table["first"], table["second"], strict=True)]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    x, y = corner(rest)
    fig.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            name="never measured together",
            marker={
                "symbol": "square",
                "size": 0.56 * cell,
                "color": rest["size"],
                "cmin": 0,
                "cmax": max(float(additive["size"].max()), 1e-6),
                "colorscale": scale(look.expression),
                "colorbar": _bar("change of both<br>added up", 0.83, look),
            },
            customdata=rest[["first", "second", "size", "alike"]].to_numpy(),
            hovertemplate="%{customdata[0]} + %{customdata[1]}<br>not measured together<br>added: %{customdata[2]:.3f} a gene"
            "<br>effects alike: %{customdata[3]:.2f}<extra></extra>",
        )
    )
    x, y = corner(measured)
    known = measured["scale"].notna().to_numpy()
    clear = np.asarray(clear, bool)
    fig.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            name="measured together",
            marker={
                # Open where the parts are too weak alone for a share of their sum.
                "symbol": np.where(measured["scale"].notna(), "diamond", "diamond-open"),
                "size": 0.66 * cell,
                "color": np.where(known, measured["scale"].fillna(1.0), 1.0),
                "cmin": 1 - WIDEST,
                "cmax": 1 + WIDEST,
                "colorscale": scale(look.diverging),
                "line": {"width": 2.2, "color": [look.text if one else look.quiet for one in clear]},
                "colorbar": _bar("measured, share<br>of the sum", 0.69, look) | {"tickformat": ".0%", "dtick": 1.0},
            },
            customdata=np.column_stack([measured["first"], measured["second"], measured["kind"], _said(measured)]),
            hovertemplate="%{customdata[0]} + %{customdata[1]}<br>measured together: %{customdata[2]}"
            "<br>%{customdata[3]}<extra></extra>",
        )
    )
    # A click chooses a pair; the others must stay readable.
    fig.update_traces(unselected={"marker": {"opacity": 1}}, marker_opacity=1)
    ticks = {"ticks": "", "showline": False, "categoryorder": "array", "categoryarray": names, "dtick": 1}
    fig.update_xaxes(**ticks, tickangle=-60, range=[-0.6, len(names) - 1.4], tickfont={"size": 11, "color": look.text})
    fig.update_yaxes(**ticks, range=[len(names) - 0.4, 0.4], tickfont={"size": 11, "color": look.text})
    fig.update_layout(
        clickmode="event+select",
        dragmode=False,
        legend={"x": 0.99, "xanchor": "right", "y": 0.97, "yanchor": "top", "itemclick": False, "itemdoubleclick": False},
        margin={"t": 10, "r": 12},
    )
    return fig


def _bar(title: str, y: float, look: Look) -> dict[str, object]:
    """A colour bar in the empty half."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": look.quiet}, "side": "top"},
        "orientation": "h",
        "x": 0.99,
        "xanchor": "right",
        "y": y,
        "yanchor": "top",
        "len": 0.3,
        "thickness": 9,
        "outlinewidth": 0,
        "nticks": 4,
        "tickangle": 0,
        "tickfont": {"size": 11, "color": look.quiet},
    }


def _said(measured: pd.DataFrame) -> list[str]:
    """How much of the sum, with its interval."""
    return [
        "single effects too weak to compare"
        if np.isnan(row.scale)
        else f"{row.scale:.0%} of the sum [{row.scale_low:.0%}, {row.scale_high:.0%}]"
        for row in measured.itertuples()
    ]

"""How well two measurements fit together: scores of true pairs beside shuffled ones, and of labels beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.drawn_map import faded, inks
from virtualcell.figures.look import LIGHT, Look, figure, scale


def pair_scores(
    true: np.ndarray,
    shuffled: np.ndarray,
    *,
    names: tuple[str, str] = ("of the same cell", "of two different cells"),
    look: Look = LIGHT,
    height: int = 360,
) -> go.Figure:
    """Share of pairs by score, both (pairs,): the further apart the two hills, the better mismatched pairs are found."""
    true, shuffled = np.asarray(true, float), np.asarray(shuffled, float)
    both = np.concatenate([true, shuffled])
    both = both[np.isfinite(both)]
    if not len(both):
        raise ValueError("there are no scores to draw")
    # One rogue score must not squeeze the hills; those beyond stand in the last bin. Few scores make few bins.
    low, high = np.quantile(both, [0.005, 0.995])
    bins = int(np.clip(2.2 * np.sqrt(len(both)), 8, 30))
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    width = edges[1] - edges[0]
    # Each hill starts and ends at nothing, half a bin outside.
    centres = np.r_[edges[0] - width / 2, (edges[1:] + edges[:-1]) / 2, edges[-1] + width / 2]
    top = 0.0
    fig = figure(look, height)
    for values, name, colour in zip((shuffled, true), names[::-1], (look.quiet, inks(look)[0]), strict=True):
        values = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
        share = np.r_[0.0, np.histogram(values, edges)[0] / max(1, len(values)), 0.0]
        top = max(top, float(share.max()))
        # Straight from bin to bin: a smooth line would swing below nothing and above what was counted.
        fig.add_trace(
            go.Scatter(
                x=centres, y=share, mode="lines", line={"color": colour, "width": 2.5},
                fill="tozeroy", fillcolor=faded(colour, 0.16), name=f"{name} ({len(values):,})",
                hovertemplate=f"{name}<br>%{{y:.1%}} near a score of %{{x:.2f}}<extra></extra>",
            )
        )  # fmt: skip
    fig.update_xaxes(title={"text": "score: how well the two fit together"}, range=[centres[0], centres[-1]])
    fig.update_yaxes(title={"text": "share of pairs"}, tickformat=".0%", range=[0, 1.06 * top], nticks=6)
    legend = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "reversed"}
    fig.update_layout(margin={"t": 34}, legend=legend)
    return fig


def label_scores(
    rows: Sequence[str],
    columns: Sequence[str],
    share: np.ndarray,
    *,
    asked: str,
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """How plausible each label is for the cells of each group: share (rows, columns) in 0..1, rows the label that the cells have,
    columns the label they are tried with. asked: what the labels are of."""
    share = np.asarray(share, float)
    if share.shape != (len(rows), len(columns)):
        raise ValueError(f"share {share.shape} must be ({len(rows)}, {len(columns)})")
    fig = figure(look, height or 120 + 34 * len(rows))
    dark = share > 0.55
    fig.add_trace(
        go.Heatmap(
            z=share.astype(np.float32), x=list(columns), y=list(rows), zmin=0, zmax=1, colorscale=scale(look.expression), xgap=2,
            ygap=2, showscale=False, name="plausible",
            hovertemplate="cells of %{y}, tried with %{x}: %{z:.0%}<extra></extra>",
        )
    )  # fmt: skip
    if len(rows) * len(columns) <= 80:
        for i, name in enumerate(rows):
            for j, other in enumerate(columns):
                # The scale ends dark on a light page and light on a dark one: letters take the colour of the paper there.
                font = {"size": 12, "color": look.paper if dark[i, j] else look.text}
                fig.add_annotation(x=other, y=name, text=f"{share[i, j]:.0%}", showarrow=False, font=font)
    plain = {"ticks": "", "showline": False, "tickfont": {"size": 12, "color": look.text}, "type": "category"}
    fig.update_xaxes(**plain, title={"text": f"tried with this {asked}"}, side="bottom")
    fig.update_yaxes(**plain, autorange="reversed", title={"text": "their own"}, ticklabelstandoff=4)
    return fig


def nearest(
    drawn: np.ndarray,
    unseen: np.ndarray,
    *,
    cells: str = "measured",
    look: Look = LIGHT,
    height: int = 250,
) -> go.Figure:
    """Distance to the nearest training cell, of drawn cells and of measured ones that were kept out of training: share of the
    cells at or below each distance. Copies would stand at 0, far left of the unseen cells. cells: "measured" or "simulated"."""
    fig = figure(look, height)
    real, made = inks(look)
    top = 0.0
    for values, name, colour in ((unseen, f"{cells}, kept out", real), (drawn, "drawn", made)):
        values = np.sort(np.asarray(values, float)[np.isfinite(values)])
        if not len(values):
            continue
        top = max(top, float(np.quantile(values, 0.99)))
        # At most 200 steps are sent to the browser.
        some = np.unique(np.linspace(0, len(values) - 1, 200).astype(int))
        fig.add_trace(
            go.Scatter(
                x=np.r_[0.0, values[some]], y=np.r_[0.0, (some + 1) / len(values)], mode="lines",
                name=f"{name} ({len(values):,})", line={"color": colour, "width": 2.5, "shape": "hv"},
                hovertemplate="%{y:.0%} nearer than %{x:.2f}<extra></extra>",
            )
        )  # fmt: skip
    fig.update_xaxes(title={"text": "distance to the nearest training cell"}, range=[0, 1.05 * top or 1.0], nticks=5)
    fig.update_yaxes(title={"text": "share of cells"}, tickformat=".0%", range=[0, 1.04], nticks=4)
    fig.update_layout(margin={"t": 34}, legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}})
    return fig

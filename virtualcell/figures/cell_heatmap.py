"""Genes by single cells, the cells in groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.groups import grouped, thin
from virtualcell.figures.look import LIGHT, Look, scale

MOST_CELLS = 2000

CUT = 2.5
"""Standard deviations at which colours end: a few bright cells would else make all others pale."""

LETTER = 0.011
"""Of the width of a picture."""


def cell_heatmap(
    genes: Sequence[str],
    values: np.ndarray,
    labels: np.ndarray,
    *,
    kind: str = "category",
    label_unit: str = "",
    most: int = MOST_CELLS,
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """A row a gene and a column a cell, ordered by group, with a bar of the groups on top.

    values: (n, genes) log amounts; each gene is shown as standard deviations from its mean over all n cells. labels: (n,) names
    or times. Of more than ``most`` cells, groups are thinned evenly, the largest first, so that small groups keep all of theirs;
    the figure says how many are drawn. Missing values count as the mean.
    """
    values, labels = np.asarray(values, float), np.asarray(labels)
    if values.shape != (len(labels), len(genes)) or not values.size:
        raise ValueError(f"values {values.shape} must be ({len(labels)} cells, {len(genes)} genes)")
    groups = grouped(labels, kind=kind, unit=label_unit, look=look)
    cap = _cap(np.array([len(rows) for rows in groups.rows]), most)
    rows = [thin(mine, cap) for mine in groups.rows]
    columns = np.concatenate(rows)
    z = _standard(values)[columns].T
    tall = max(19 * len(genes), 150)
    bar_share = 16 / (tall + 16)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[bar_share, 1 - bar_share], vertical_spacing=0.012)
    group = np.repeat(np.arange(len(rows)), [len(mine) for mine in rows])
    fig.add_trace(
        go.Heatmap(
            z=group[None, :].astype(np.int16),
            colorscale=[[edge / len(rows), colour] for i, colour in enumerate(groups.colours) for edge in (i, i + 1)],
            zmin=-0.5,
            zmax=len(rows) - 0.5,
            showscale=False,
            text=np.array(groups.names, dtype=object)[group][None, :],
            name="group",
            hovertemplate="%{text}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    bar = {"title": {"text": "standard<br>deviations<br>from mean", "font": {"size": 12}}, "thickness": 10, "outlinewidth": 0}
    bar |= {"len": 150, "lenmode": "pixels", "y": 1, "yanchor": "top", "tickvals": [-2, 0, 2], "x": 1.01}
    fig.add_trace(
        go.Heatmap(
            z=z.round(2).astype(np.float32),
            colorscale=scale(look.diverging),
            zmin=-CUT,
            zmax=CUT,
            colorbar=bar,
            name="genes",
            # Names by row: a text for every point would be most of what the browser is sent.
            y=np.arange(len(genes)),
            hovertemplate="%{y}: %{z:+.1f} standard deviations<extra></extra>",
        ),
        row=2,
        col=1,
    )
    _name(fig, groups.names, groups.colours, [len(mine) for mine in rows], look)
    said = f"{len(columns):,} cells" if len(columns) == len(labels) else f"{len(columns):,} of {len(labels):,} cells"
    fig.update_xaxes(showticklabels=False, ticks="", showline=False)
    fig.update_xaxes(title={"text": said}, row=2, col=1)
    fig.update_yaxes(showticklabels=False, ticks="", showline=False, row=1, col=1)
    named = {"tickvals": np.arange(len(genes)), "ticktext": list(genes), "tickfont": {"color": look.text}}
    fig.update_yaxes(**named, autorange="reversed", ticks="", showline=False, row=2, col=1)
    fig.update_layout(template=look.name, height=height or 90 + tall, margin={"t": 28})
    return fig


def _standard(values: np.ndarray) -> np.ndarray:
    spread = np.nanstd(values, axis=0)
    z = (values - np.nanmean(values, axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    return np.nan_to_num(np.clip(z, -CUT, CUT))


def _name(fig: go.Figure, names: list[str], colours: list[str], sizes: list[int], look: Look) -> None:
    """Names over the bar where each has room over its cells, else a legend; lines between groups."""
    total, start = sum(sizes), 0
    room = all(size / total > LETTER * len(name) for name, size in zip(names, sizes, strict=True))
    for name, colour, size in zip(names, colours, sizes, strict=True):
        if start:
            fig.add_vline(x=start - 0.5, line={"color": look.paper, "width": 1.5})
        if room:
            middle = start + (size - 1) / 2
            font = {"size": 12, "color": look.text}
            fig.add_annotation(x=middle, y=1, yref="paper", yanchor="bottom", text=name, showarrow=False, font=font)
        else:
            square = {"symbol": "square", "size": 11, "color": colour}
            fig.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=square, name=name), row=1, col=1)
        start += size
    fig.update_layout(
        showlegend=not room,
        legend={"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False},
    )


def _cap(sizes: np.ndarray, most: int) -> int:
    """Largest number of cells a group so that all groups together have at most ``most``."""
    left = most
    for done, size in enumerate(np.sort(sizes)):
        share = left // (len(sizes) - done)
        if size > share:
            return max(1, int(share))
        left -= int(size)
    return int(sizes.max())

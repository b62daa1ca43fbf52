"""Small maps of the same cells side by side, one colouring each, that zoom together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.colouring import Colouring
from virtualcell.figures.embedding import point_size
from virtualcell.figures.look import LIGHT, Look, scale

MOST_POINTS = 200_000
"""Points in all maps together: what a browser draws in a second or two."""


def drawn_cells(n: int, maps: int) -> int:
    """How many of n cells are drawn on each of some maps."""
    return min(n, MOST_POINTS // max(maps, 1))


def small_maps(
    positions: np.ndarray,
    colours: Sequence[Colouring],
    *,
    lit: np.ndarray | None = None,
    axes: tuple[str, str] = ("map 1", "map 2"),
    look: Look = LIGHT,
    height: int = 290,
) -> go.Figure:
    """positions: (n, 2). colours: amounts of the n cells, one a map. lit: rows that stay bright while the others fade. height:
    pixels of one row of maps. Each map has its own scale, from the palette's ends as written under its title."""
    positions = np.asarray(positions, dtype=np.float32)
    n, maps = len(positions), len(colours)
    if positions.ndim != 2 or positions.shape[1] != 2 or any(len(one.codes) != n for one in colours):
        raise ValueError(f"positions {positions.shape} must be (n, 2) with one code a cell on every map")
    across = maps if maps <= 3 else 2 if maps == 4 else min(4, -(-maps // 2))
    down = -(-maps // across)
    titles = [f"{one.name}  <span style='font-size:11px'>{one.low:.2g} – {one.high:.2g}</span>" for one in colours]
    fig = make_subplots(rows=down, cols=across, subplot_titles=titles, horizontal_spacing=0.02, vertical_spacing=0.09 / down)
    kept = drawn_cells(n, maps)
    some = np.arange(n) if kept == n else np.unique(np.linspace(0, n - 1, kept).astype(int))
    bright = np.ones(n, dtype=bool)
    if lit is not None:
        bright[:] = False
        bright[lit] = True
    for i, one in enumerate(colours):
        values = one.values()[some]
        # Cells with much are drawn last, chosen ones on top.
        order = np.lexsort((np.nan_to_num(values, nan=-np.inf), bright[some]))
        rows = some[order]
        palette = one.palette[: one.shades]
        fig.add_trace(
            go.Scattergl(
                x=positions[rows, 0],
                y=positions[rows, 1],
                mode="markers",
                name=one.name,
                customdata=rows.astype(np.int32),
                showlegend=False,
                selectedpoints=None if lit is None else np.flatnonzero(bright[rows]),
                unselected={"marker": {"opacity": 0.1}},
                marker={
                    "size": max(0.7 * point_size(kept), 1.8),
                    "color": values[order],
                    "colorscale": scale(palette),
                    "cmin": one.low,
                    "cmax": one.high,
                },
                hovertemplate=f"{one.name} %{{marker.color:.2f}} {one.unit}<extra></extra>",
            ),
            row=i // across + 1,
            col=i % across + 1,
        )
    bare = {"showticklabels": False, "ticks": "", "showline": True, "mirror": True}
    fig.update_xaxes(**bare, matches="x")
    fig.update_yaxes(**bare, matches="y")
    fig.update_annotations(font={"size": 14, "color": look.text})
    fig.update_layout(template=look.name, height=height * down + 30, margin={"t": 30}, dragmode="pan", uirevision="-".join(axes))
    return fig

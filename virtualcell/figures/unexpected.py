"""Where the cells lie that a prediction did not expect."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.embedding import point_size
from virtualcell.figures.look import LIGHT, Look, figure

EXPECTED, UNEXPECTED = "as expected", "hardly expected"


def unexpected(
    positions: np.ndarray,
    then: np.ndarray,
    odd: np.ndarray,
    names: np.ndarray | None = None,
    *,
    look: Look = LIGHT,
    height: int = 420,
) -> go.Figure:
    """Map of all cells, those of one time on top in two colours.

    positions: (n, 2). then: (m,) rows of the cells of that time; odd: (m,) whether each is hardly expected; names: (m,) its kind.
    """
    positions, then, odd = np.asarray(positions, np.float32), np.asarray(then), np.asarray(odd, bool)
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(then) == len(odd):
        raise ValueError(
            f"positions {positions.shape} must be (n, 2), and each of {len(then)} cells expected or not ({len(odd)})"
        )
    fig = figure(look, height)
    size = point_size(len(positions))
    others = np.setdiff1d(np.arange(len(positions)), then)
    said = np.full(len(then), "") if names is None else np.char.add(np.asarray(names, str), ", ")
    for rows, texts, colour, name, larger in (
        (others, np.full(len(others), "other time"), look.faint, "other times", 1.0),
        (then[~odd], np.char.add(said[~odd], EXPECTED), look.accent, EXPECTED, 1.15),
        # Last, as the few must not be buried.
        (then[odd], np.char.add(said[odd], UNEXPECTED), look.diverging[-2], UNEXPECTED, 1.5),
    ):
        fig.add_trace(
            go.Scattergl(
                x=positions[rows, 0],
                y=positions[rows, 1],
                mode="markers",
                name=f"{name} ({len(rows):,})",
                marker={"size": larger * size, "color": colour},
                text=texts,
                hovertemplate="%{text}<extra></extra>",
            )
        )
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False, scaleanchor="x")
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemsizing": "constant"})
    return fig

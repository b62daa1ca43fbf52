"""Which share of the predicted cells ends where."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def fates(
    names: list[str],
    share: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    colours: list[str] | None = None,
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """Horizontal bars with intervals, one a fate in the order given. share, low, high: (fates,) between 0 and 1."""
    share, low, high = (np.asarray(values, float) for values in (share, low, high))
    if not len(names) == len(share) == len(low) == len(high):
        raise ValueError("one share with its lower and upper end is needed for each fate")
    fig = figure(look, height or 50 + 34 * len(names))
    spread = {
        "type": "data",
        "array": (high - share) * 100,
        "arrayminus": (share - low) * 100,
        "color": look.text,
        "thickness": 1.2,
        "width": 4,
    }
    fig.add_trace(
        go.Bar(
            y=names,
            x=share * 100,
            orientation="h",
            error_x=spread,
            marker={"color": colours or look.categories(len(names)), "line": {"width": 0}},
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
            width=0.62,
        )
    )
    fig.update_xaxes(range=[0, min(100.0, max(5.0, float(high.max()) * 108)) if len(high) else 100], ticksuffix=" %", nticks=5)
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, tickfont={"color": look.text, "size": 13})
    return fig

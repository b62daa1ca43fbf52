"""Do two kinds of measurement recognise the same cell? Likeness of every cell seen one way to every cell seen the other way."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure, scale


def alignment(
    likeness: np.ndarray,
    groups: list[str],
    *,
    names: tuple[str, str],
    look: Look = LIGHT,
    height: int = 560,
) -> go.Figure:
    """A matrix of the same cells twice: rows by the first measurement, columns by the second; on the diagonal stands one cell.

    likeness: (n, n), -1 to 1. groups: (n,) names, each a run of neighbouring cells; lines part them.
    """
    likeness = np.asarray(likeness, dtype=np.float32)
    n = len(groups)
    if likeness.shape != (n, n):
        raise ValueError(f"likeness {likeness.shape} must compare the {n} cells with each other")
    starts = [i for i in range(n) if i == 0 or groups[i] != groups[i - 1]]
    top = float(np.percentile(np.abs(likeness), 99)) or 1.0
    fig = figure(look, height)
    fig.add_trace(
        go.Heatmap(
            z=likeness,
            colorscale=scale(look.diverging),
            zmid=0,
            zmin=-top,
            zmax=top,
            customdata=np.broadcast_to(np.array(groups), (n, n)),
            text=np.broadcast_to(np.array(groups)[:, None], (n, n)),
            hovertemplate=f"{names[0]} of a cell: %{{text}}<br>{names[1]} of a cell: %{{customdata}}<br>"
            "likeness %{z:.2f}<extra></extra>",
            colorbar={
                # Below the matrix, as long as it: how tall the square comes out depends on the width of the page.
                "title": {"text": "likeness of direction (−1 to 1)", "side": "bottom", "font": {"size": 12}},
                "orientation": "h",
                "x": 0.5,
                "y": -0.16,
                "yanchor": "top",
                "lenmode": "pixels",
                "len": 220,
                "nticks": 5,
                "thickness": 10,
                "outlinewidth": 0,
                "tickfont": {"size": 12},
            },
        )
    )
    for start in starts[1:]:
        line = {"color": look.text, "width": 1}
        fig.add_hline(y=start - 0.5, line=line)
        fig.add_vline(x=start - 0.5, line=line)
    # The diagonal is marked outside of the cells, which it would hide.
    margin = 0.03 * n
    for begin, end in ((-0.5 - margin, -0.5), (n - 0.5, n - 0.5 + margin)):
        fig.add_shape(type="line", x0=begin, y0=begin, x1=end, y1=end, line={"color": look.text, "width": 2})
    ends = [*starts[1:], n]
    middle = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    ticks = {
        "tickvals": middle,
        "ticktext": [groups[start] for start in starts],
        "ticks": "",
        "ticklabelstandoff": 5,
        "showline": False,
    }
    fig.update_xaxes(
        **ticks,
        title={"text": f"cells seen by {names[1]}"},
        range=[-0.5 - margin, n - 0.5 + margin],
        constrain="domain",
    )
    fig.update_yaxes(
        **ticks,
        title={"text": f"the same cells seen by {names[0]}"},
        range=[n - 0.5 + margin, -0.5 - margin],
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    return fig

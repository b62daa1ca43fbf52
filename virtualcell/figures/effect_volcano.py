"""Change of every gene against how surely it changes, for effects that have intervals and no p-values."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.perturbation import DOWN, UP

REACHES = 1.96
"""Standard errors at which the 95 % interval just reaches no change."""

HALF_LETTER = 0.011
"""Of the width of a picture in half a page."""


def effect_volcano(
    genes: list[str],
    change: np.ndarray,
    evidence: np.ndarray,
    *,
    least: float = np.log2(1.2),
    n_labels: int = 12,
    look: Look = LIGHT,
    height: int = 460,
) -> go.Figure:
    """change: (genes,) log2 fold; evidence: (genes,) change over its standard error, without sign. Coloured are genes that
    change by ``least`` or more and whose 95 % interval leaves out no change. Infinite evidence is drawn above all that is finite.

    The upright axis is drawn as a root: a few genes are often ten times as sure as all others.
    """
    change, evidence = np.asarray(change, float), np.asarray(evidence, float)
    if not len(genes) == len(change) == len(evidence) or np.isnan(evidence).any() or not len(genes):
        raise ValueError("one change and one evidence that is a number are needed for each gene, and one gene at least")
    finite = evidence[np.isfinite(evidence)]
    top = max(1.1 * float(finite.max(initial=0.0)), 2 * REACHES)
    height_of = np.sqrt(np.minimum(evidence, top))
    clear = (evidence > REACHES) & (np.abs(change) > least)
    fig = figure(look, height)
    for rows, colour, label in (
        (~clear, look.faint, "not clear"),
        (clear & (change > 0), UP, "higher"),
        (clear & (change <= 0), DOWN, "lower"),
    ):
        fig.add_trace(
            go.Scattergl(
                x=change[rows],
                y=height_of[rows],
                mode="markers",
                marker={"color": colour, "size": 7},
                name=f"{label} ({int(rows.sum()):,})",
                text=np.asarray(genes)[rows],
                customdata=evidence[rows],
                hovertemplate="%{text}<br>log2 fold change %{x:+.2f}<br>%{customdata:.1f} standard errors<extra></extra>",
            )
        )
    widest = max(0.5, 1.12 * float(np.abs(change).max()))
    taken: list[tuple[float, float, float]] = []
    for i in np.argsort(-np.abs(change) * height_of * clear, kind="stable"):
        x, y, half = change[i] / (2 * widest), height_of[i] / np.sqrt(top), HALF_LETTER * len(genes[i])
        # A name on a name reads as neither.
        if not clear[i] or len(taken) == n_labels or any(abs(x - u) < half + h and abs(y - v) < 0.055 for u, v, h in taken):
            continue
        taken.append((x, y, half))
        fig.add_annotation(x=change[i], y=height_of[i], text=genes[i], showarrow=False, yshift=10, font={"size": 12})
    fig.add_hline(y=np.sqrt(REACHES), line={"dash": "dot", "width": 1.2, "color": look.quiet})
    marks = [mark for mark in (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 10**5) if mark <= top]
    fig.update_xaxes(title={"text": "log2 fold change"}, zeroline=True, zerolinecolor=look.faint, range=[-widest, widest])
    fig.update_yaxes(
        title={"text": "change in standard errors"},
        tickvals=np.sqrt(marks),
        ticktext=[f"{mark:,}" for mark in marks],
        range=[-0.03 * np.sqrt(top), 1.1 * np.sqrt(top)],
    )
    fig.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 34})
    return fig

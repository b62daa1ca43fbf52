"""Change of every feature against the evidence for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.effect_volcano import HALF_LETTER
from virtualcell.figures.look import LIGHT, Look, figure
from virtualcell.figures.perturbation import DOWN, UP


def volcano(
    genes: Sequence[str],
    change: np.ndarray,
    p_value: np.ndarray,
    *,
    threshold: float = 0.05,
    least: float = 0.0,
    named: Sequence[str] = (),
    n_labels: int = 12,
    title: str = "log2 fold change",
    look: Look = LIGHT,
    height: int = 440,
) -> go.Figure:
    """One point a gene; coloured are those with an adjusted p below ``threshold`` and a change of ``least`` or more.

    change: (genes,) in the unit of ``title``. p_value: (genes,) adjusted, NaN where not tested (not drawn). The strongest are
    named as far as names stay apart, those of ``named`` first.
    """
    change, p_value = np.asarray(change, float), np.asarray(p_value, float)
    if not len(genes) == len(change) == len(p_value):
        raise ValueError(f"{len(genes)} genes need one change ({len(change)}) and one p-value ({len(p_value)}) each")
    tested = np.isfinite(p_value) & np.isfinite(change)
    names, change, p_value = np.asarray(genes, dtype=object)[tested], change[tested], p_value[tested]
    # A p-value can underflow to 0; it is drawn at the smallest that is not 0.
    smallest = p_value[p_value > 0].min() if (p_value > 0).any() else 1e-300
    evidence = -np.log10(np.maximum(p_value, smallest)) + 0.0
    clear = (p_value < threshold) & (np.abs(change) >= least)
    fig = figure(look, height)
    for rows, colour, label in (
        (~clear, look.faint, "not significant"),
        (clear & (change > 0), UP, "higher"),
        (clear & (change <= 0), DOWN, "lower"),
    ):
        fig.add_trace(
            go.Scattergl(
                x=change[rows].astype(np.float32),
                y=evidence[rows].astype(np.float32),
                mode="markers",
                marker={"color": colour, "size": 6},
                name=f"{label} ({int(rows.sum()):,})",
                text=names[rows],
                hovertemplate=f"%{{text}}<br>{title} %{{x:+.2f}}<br>-log10 adjusted p %{{y:.1f}}<extra></extra>",
            )
        )
    widest = 1.12 * max(0.25, float(np.abs(change).max(initial=0.0)))
    top = max(float(evidence.max(initial=0.0)), -1.5 * np.log10(threshold))
    wanted = np.isin(names, list(named))
    taken: list[tuple[float, float, float]] = []
    for i in np.lexsort((-np.abs(change) * evidence, ~wanted)):
        x, y, half = change[i] / (2 * widest), evidence[i] / top, HALF_LETTER * len(names[i])
        # A name on a name reads as neither.
        apart = not any(abs(x - u) < half + h and abs(y - v) < 0.055 for u, v, h in taken)
        if not (clear[i] or wanted[i]) or len(taken) >= n_labels + int(wanted.sum()) or not apart:
            continue
        taken.append((x, y, half))
        fig.add_annotation(
            x=change[i], y=evidence[i], text=names[i], showarrow=False, yshift=10, font={"size": 12, "color": look.text}
        )
    fig.add_hline(y=-np.log10(threshold), line={"dash": "dot", "width": 1.2, "color": look.quiet})
    fig.update_xaxes(title={"text": title}, zeroline=True, zerolinecolor=look.faint, range=[-widest, widest])
    fig.update_yaxes(title={"text": "-log10 adjusted p"}, range=[-0.02 * top, 1.1 * top])
    fig.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 34})
    return fig

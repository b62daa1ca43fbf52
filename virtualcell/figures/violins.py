"""How much of a gene the cells of each group have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.groups import grouped
from virtualcell.figures.look import LIGHT, Look

MOST_GROUPS = 12
"""More violins than this side by side are lines; the largest groups are drawn."""

MOST_POINTS = 400
"""Values of a group that are sent to the browser: its evenly spaced quantiles, which have the same shape and box."""


def violins(
    genes: Sequence[str],
    values: np.ndarray,
    labels: np.ndarray,
    *,
    kind: str = "category",
    unit: str = "log amount",
    label_unit: str = "",
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """A row of violins a gene, one violin a group with a box inside (quartiles and median); no single cells.

    values: (n, genes) in ``unit``; labels: (n,) names or times (in ``label_unit``). Of more than ``MOST_GROUPS`` groups the
    largest are drawn, and the figure says so. Missing values are left out.
    """
    values, labels = np.asarray(values, float), np.asarray(labels)
    if values.shape != (len(labels), len(genes)) or not values.size:
        raise ValueError(f"values {values.shape} must be ({len(labels)} cells, {len(genes)} genes)")
    groups = grouped(labels, kind=kind, unit=label_unit, look=look)
    sizes = np.array([len(rows) for rows in groups.rows])
    drawn = np.sort(np.argsort(-sizes, kind="stable")[:MOST_GROUPS])
    fig = make_subplots(rows=len(genes), cols=1, shared_xaxes=True, vertical_spacing=min(0.06, 0.24 / len(genes)))
    for i in range(len(genes)):
        for g in drawn:
            inside = values[groups.rows[g], i]
            inside = inside[np.isfinite(inside)]
            if len(inside) > MOST_POINTS:
                inside = np.quantile(inside, np.linspace(0, 1, MOST_POINTS))
            fig.add_trace(
                go.Violin(
                    x=[groups.names[g]] * len(inside),
                    y=inside.astype(np.float32),
                    name=groups.names[g],
                    line={"color": groups.colours[g], "width": 1.2},
                    fillcolor=groups.colours[g],
                    opacity=0.8,
                    points=False,
                    box={"visible": True, "width": 0.12, "fillcolor": look.paper, "line": {"color": look.text, "width": 1}},
                    spanmode="hard",
                    scalemode="width",
                    width=0.85,
                    showlegend=False,
                    hoveron="violins",
                    hoverinfo="y+name",
                ),
                row=i + 1,
                col=1,
            )
        fig.update_yaxes(title={"text": genes[i], "font": {"color": look.text}}, hoverformat=".2f", nticks=4, row=i + 1, col=1)
    fig.update_xaxes(type="category", ticks="", showline=False, tickfont={"color": look.text})
    fig.update_layout(template=look.name, height=height or 110 + 120 * len(genes), margin={"t": 28}, violingap=0.1)
    note = unit
    if len(drawn) < len(sizes):
        note += f"; the {len(drawn)} largest of {len(sizes)} groups"
    fig.add_annotation(
        x=0, y=1, xref="paper", yref="paper", xanchor="left", yanchor="bottom", text=note, showarrow=False,
        font={"size": 12, "color": look.quiet},
    )  # fmt: skip
    return fig

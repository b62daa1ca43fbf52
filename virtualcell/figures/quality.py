"""Quality of the measured cells: how much was counted in each."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import LIGHT, Look


def quality(
    measures: dict[str, np.ndarray],
    groups: np.ndarray,
    *,
    kind: str = "category",
    unit: str = "",
    look: Look = LIGHT,
    height: int = 260,
) -> go.Figure:
    """One panel of violins a measure, one violin a group. measures: title -> (n,) values, drawn on a log scale. groups: (n,)."""
    groups = np.asarray(groups)
    names = ordered(groups)
    colours = look.times(len(names)) if kind == "time" else look.categories(len(names))
    fig = make_subplots(rows=1, cols=len(measures), subplot_titles=list(measures), horizontal_spacing=0.09)
    for column, values in enumerate(measures.values()):
        for name, colour in zip(names, colours, strict=True):
            shown = f"{name:g} {unit}".strip() if isinstance(name, (int, float)) else str(name)
            # A log axis has no place for 0: such cells stand at 1 count.
            inside = np.log10(np.maximum(np.asarray(values, float)[groups == name], 1.0))
            fig.add_trace(
                go.Violin(
                    y=inside,
                    name=shown,
                    line={"color": colour, "width": 1.2},
                    fillcolor=colour,
                    opacity=0.75,
                    points=False,
                    meanline={"visible": True},
                    showlegend=False,
                    spanmode="hard",
                    hoverinfo="skip",
                ),
                row=1,
                col=column + 1,
            )
    ticks = [step * 10**power for power in range(8) for step in (1, 2, 5)]
    fig.update_yaxes(tickvals=np.log10(ticks), ticktext=[f"{tick:,}" for tick in ticks])
    fig.update_annotations(font={"size": 13, "color": look.text})
    fig.update_layout(template=look.name, height=height, margin={"t": 30})
    return fig

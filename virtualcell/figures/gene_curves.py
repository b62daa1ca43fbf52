"""Predicted expression of a few genes over time with the measured points on top."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look

MEASURED = "#EE6677"

PER_ROW = 3
"""Panels side by side; more would be too narrow to read."""


def gene_curves(
    times: np.ndarray,
    mean: np.ndarray,
    low: np.ndarray | None,
    high: np.ndarray | None,
    genes: list[str],
    *,
    measured_times: np.ndarray,
    measured_mean: np.ndarray,
    measured_error: np.ndarray,
    unit: str,
    amount: str = "counts per 10,000",
    unseen: np.ndarray | None = None,
    cells: str = "measured",
    look: Look = LIGHT,
    height: int = 250,
) -> go.Figure:
    """One panel a gene, three in a row: line = predicted mean, band = low to high, points = mean of measured cells and its error.

    times: (T,). mean, low, high: (T, genes); no band without low and high. measured_times: (M,). measured_mean, measured_error:
    (M, genes). unseen: (M,) bool, the times that the model was not trained on, drawn as rings. cells: "measured" or "simulated".
    height: pixels a row of panels.
    """
    times, mean = np.asarray(times, float), np.asarray(mean, float)
    at, points, error = (np.asarray(values, float) for values in (measured_times, measured_mean, measured_error))
    hidden = np.zeros(len(at), dtype=bool) if unseen is None else np.asarray(unseen, dtype=bool)
    across = min(PER_ROW, len(genes))
    rows_of_panels = -(-len(genes) // PER_ROW)
    fig = make_subplots(
        rows=rows_of_panels,
        cols=across,
        subplot_titles=genes,
        horizontal_spacing=0.07,
        vertical_spacing=0.3 / rows_of_panels,
    )
    for column, gene in enumerate(genes):
        place, only = {"row": column // PER_ROW + 1, "col": column % PER_ROW + 1}, column == 0
        if low is not None and high is not None:
            around = np.concatenate([np.asarray(high, float)[:, column], np.asarray(low, float)[::-1, column]])
            band = {
                "fill": "toself",
                "fillcolor": _faded(look.accent),
                "line": {"width": 0},
                "mode": "lines",
                "hoverinfo": "skip",
            }
            x = np.concatenate([times, times[::-1]])
            fig.add_trace(
                go.Scatter(x=x, y=around, name="range of the prediction", showlegend=only, legendgroup="band", **band), **place
            )
        fig.add_trace(
            go.Scatter(
                x=times,
                y=mean[:, column],
                mode="lines",
                line={"color": look.accent, "width": 2.5},
                name="predicted mean",
                showlegend=only,
                legendgroup="line",
                hovertemplate=f"{gene} predicted %{{y:.2f}} at %{{x:.2f}} {unit}<extra></extra>",
            ),
            **place,
        )
        for rows, name, inside in (
            (~hidden, f"{cells} cells, mean ± standard error", MEASURED),
            (hidden, f"{cells}, never seen by it", look.paper),
        ):
            if not rows.any():
                continue
            fig.add_trace(
                go.Scatter(
                    x=at[rows],
                    y=points[rows, column],
                    mode="markers",
                    name=name,
                    showlegend=only,
                    legendgroup=name,
                    marker={"color": inside, "size": 9, "line": {"color": MEASURED, "width": 2}},
                    error_y={"type": "data", "array": error[rows, column], "thickness": 1.5, "width": 4, "color": MEASURED},
                    hovertemplate=f"{gene} {cells} %{{y:.2f}} at %{{x:g}} {unit}<extra></extra>",
                ),
                **place,
            )
    fig.update_xaxes(title={"text": f"time ({unit})"})
    fig.update_yaxes(rangemode="tozero", nticks=5)
    fig.update_yaxes(title={"text": amount}, col=1)
    fig.update_annotations(font={"size": 14, "color": look.text})
    fig.update_layout(template=look.name, height=height * rows_of_panels + 30, margin={"t": 28, "b": 84}, hovermode="closest")
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"})
    return fig


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"

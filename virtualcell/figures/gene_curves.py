"""Predicted expression of a few genes over time with the measured points on top."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.look import LIGHT, Look


def gene_curves(
    times: np.ndarray,
    mean: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    genes: list[str],
    *,
    measured_times: np.ndarray,
    measured_mean: np.ndarray,
    measured_error: np.ndarray,
    unit: str,
    look: Look = LIGHT,
    height: int = 250,
) -> go.Figure:
    """One panel a gene: line = predicted mean, band = low to high, points = measured mean with its standard error.

    times: (T,). mean, low, high: (T, genes). measured_times: (M,). measured_mean, measured_error: (M, genes).
    """
    times, mean = np.asarray(times, float), np.asarray(mean, float)
    fig = make_subplots(rows=1, cols=len(genes), subplot_titles=genes, horizontal_spacing=0.07)
    for column, gene in enumerate(genes):
        place, only = {"row": 1, "col": column + 1}, column == 0
        around = np.concatenate([np.asarray(high, float)[:, column], np.asarray(low, float)[::-1, column]])
        fig.add_trace(
            go.Scatter(
                x=np.concatenate([times, times[::-1]]),
                y=around,
                fill="toself",
                mode="lines",
                line={"width": 0},
                fillcolor=_faded(look.accent),
                name="range of the prediction",
                hoverinfo="skip",
                showlegend=only,
                legendgroup="band",
            ),
            **place,
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
        fig.add_trace(
            go.Scatter(
                x=measured_times,
                y=np.asarray(measured_mean)[:, column],
                mode="markers",
                name="measured mean ± standard error",
                showlegend=only,
                legendgroup="points",
                marker={"color": "#EE6677", "size": 9, "line": {"color": look.paper, "width": 1}},
                error_y={
                    "type": "data",
                    "array": np.asarray(measured_error)[:, column],
                    "thickness": 1.5,
                    "width": 4,
                    "color": "#EE6677",
                },
                hovertemplate=f"{gene} measured %{{y:.2f}} at %{{x:g}} {unit}<extra></extra>",
            ),
            **place,
        )
    fig.update_xaxes(title={"text": f"time ({unit})"})
    fig.update_yaxes(rangemode="tozero", nticks=5)
    fig.update_yaxes(title={"text": "counts per 10,000"}, col=1)
    fig.update_annotations(font={"size": 14, "color": look.text})
    fig.update_layout(
        template=look.name,
        height=height,
        margin={"t": 28, "b": 8},
        legend={"orientation": "h", "y": -0.42, "x": 0},
        hovermode="closest",
    )
    return fig


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"

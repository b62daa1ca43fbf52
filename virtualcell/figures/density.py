"""Where cells were measured, in colours that no energy has: a density is no landscape."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure, scale
from virtualcell.schema import Landscape

CROWDED = ("#4A3B28", "#7A6548", "#A68F6C", "#CBB996", "#E6DBC3", "#F6F1E6")
"""From where cells are fullest to where they are few: brown, as the energy is blue."""


def density(landscape: Landscape, *, look: Look = LIGHT, height: int = 620) -> go.Figure:
    """Contours of -log density over the landscape's plane, 0 where cells are fullest, with the cells as points.

    Raises ValueError where the landscape carries no density.
    """
    if landscape.density is None:
        raise ValueError("this landscape was made without a density; make it again with this version")
    shown = np.isfinite(landscape.density)
    top = float(np.quantile(landscape.density[shown], 0.985))
    fig = figure(look, height)
    bar = {
        "title": {"text": "−log density", "side": "right", "font": {"size": 13}},
        "thickness": 10,
        "len": 0.5,
        "outlinewidth": 0,
        "x": 1.0,
        "y": 0.25,
    }
    fig.add_trace(
        go.Contour(
            x=landscape.x,
            y=landscape.y,
            z=np.minimum(landscape.density, top).astype(np.float32),
            colorscale=scale(CROWDED),
            zmin=0.0,
            zmax=top,
            ncontours=12,
            line={"width": 0.5, "color": look.paper},
            colorbar=bar,
            name="−log density",
            hovertemplate="−log density %{z:.1f}<extra></extra>",
        )
    )
    fig.add_trace(
        go.Scattergl(
            x=landscape.cell_xy[:, 0],
            y=landscape.cell_xy[:, 1],
            mode="markers",
            marker={"size": 2.5, "color": "#FFFFFF", "opacity": 0.45},
            name="cells",
            showlegend=False,
            hoverinfo="skip",
        )
    )
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    fig.update_xaxes(**bare, title={"text": landscape.axis_names[0]}, constrain="domain")
    fig.update_yaxes(**bare, title={"text": landscape.axis_names[1]}, scaleanchor="x", constrain="domain")
    fig.update_layout(uirevision="density", dragmode="pan")
    return fig

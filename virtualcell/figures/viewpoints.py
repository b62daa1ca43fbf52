"""The same cells on one plane, placed by everything that was measured in them and by each kind of measurement alone."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.embedding import ordered, point_size
from virtualcell.figures.look import LIGHT, Look, scale


def viewpoints(
    panels: dict[str, np.ndarray],
    values: np.ndarray,
    *,
    name: str,
    kind: str = "category",
    unit: str = "",
    look: Look = LIGHT,
    height: int = 500,
) -> go.Figure:
    """One panel a way of placing the cells; axes and legend belong to all panels, so a zoom or a hidden group does too.

    panels: title -> (n, 2) positions, NaN where the cell was not measured that way. values: (n,) numbers or names; kind as for
    ``embedding``.
    """
    values = np.asarray(values)
    if any(np.shape(places) != (len(values), 2) for places in panels.values()):
        raise ValueError(
            f"each of the panels {[np.shape(p) for p in panels.values()]} must place the {len(values)} cells by two numbers."
        )
    fig = make_subplots(rows=1, cols=len(panels), subplot_titles=list(panels), horizontal_spacing=0.03)
    size = point_size(len(values) * len(panels))
    for column, places in enumerate(panels.values(), start=1):
        places = np.asarray(places, dtype=np.float32)
        seen = np.isfinite(places).all(axis=1)
        for rows, marker, label, hover in _groups(values, seen, name, kind, unit, look, size):
            fig.add_trace(
                go.Scattergl(
                    x=places[rows, 0],
                    y=places[rows, 1],
                    mode="markers",
                    marker=marker,
                    name=label,
                    legendgroup=label,
                    showlegend=kind != "amount" and column == 1,
                    hovertemplate=hover + "<extra></extra>",
                ),
                row=1,
                col=column,
            )
    bare = {"showticklabels": False, "ticks": "", "showline": True, "mirror": True}
    # One frame for all panels: what a measurement alone cannot tell apart stays in the middle of it. A few cells far out must
    # not make all others small; a double click on the figure shows them too.
    across, up = (_frame([np.asarray(places)[:, axis] for places in panels.values()]) for axis in (0, 1))
    fig.update_xaxes(**bare, matches="x", range=across, title={"text": "axis 1", "font": {"size": 12}})
    fig.update_yaxes(**bare, matches="y", range=up)
    fig.update_yaxes(title={"text": "axis 2", "font": {"size": 12}}, col=1)
    fig.update_annotations(font={"size": 13, "color": look.text})
    fig.update_layout(
        template=look.name,
        height=height,
        margin={"t": 30, "b": 30 if kind == "amount" else 56},
        dragmode="pan",
        uirevision="viewpoints",
        legend={"orientation": "h", "x": 0, "y": -0.1, "yanchor": "top", "title": {"text": f"{name} "}},
    )
    return fig


def _frame(values: list[np.ndarray]) -> list[float]:
    low, high = np.nanpercentile(np.stack(values), [0.1, 99.9])
    pad = 0.06 * (high - low or 1.0)
    return [float(low - pad), float(high + pad)]


def _groups(
    values: np.ndarray, seen: np.ndarray, name: str, kind: str, unit: str, look: Look, size: float
) -> list[tuple[np.ndarray, dict, str, str]]:
    """Rows, marker, legend and hover text of each trace of a panel; seen: (n,) cells that the panel places."""
    if kind == "amount":
        amount = values.astype(np.float32)
        # Cells with much are drawn last, so that few high cells are not buried under many low ones.
        rows = np.argsort(amount, kind="stable")
        rows = rows[seen[rows]]
        low = min(float(np.nanmin(amount)), 0.0)
        marker = {
            "size": size,
            "color": amount[rows],
            "colorscale": scale(look.expression),
            "cmin": low,
            "cmax": max(float(np.nanpercentile(amount, 99.5)), low + 1e-6),
            "colorbar": {
                "title": {"text": f"{name}, {unit}" if unit else name, "side": "right", "font": {"size": 12}},
                "thickness": 10,
                "len": 0.6,
                "outlinewidth": 0,
            },
        }
        return [(rows, marker, name, f"{name} %{{marker.color:.2f}}")]
    found = []
    names = ordered(values)
    colours = look.times(len(names)) if kind == "time" else look.categories(len(names))
    for group, colour in zip(names, colours, strict=True):
        shown = f"{group:g} {unit}".strip() if isinstance(group, int | float) else str(group)
        colour = look.faint if str(group) in ("nan", "unknown") else colour
        marker = {"size": size, "color": colour}
        found.append((np.flatnonzero((values == group) & seen), marker, shown, f"{name}: {shown}"))
    return found

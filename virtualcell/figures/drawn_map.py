"""Measured cells and drawn ones on the same map, side by side, and the draws for one cell around what was measured in it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from virtualcell.figures.embedding import point_size
from virtualcell.figures.groups import grouped
from virtualcell.figures.look import LIGHT, Look, figure

INSIDE = 0.9
"""Share of the draws for one cell that the outline holds."""


def inks(look: Look) -> tuple[str, str]:
    """Colours of what was measured and of what was drawn, the same in every figure of drawn cells."""
    return look.groups[0], look.groups[1]


def drawn_map(
    background: np.ndarray,
    measured: np.ndarray,
    drawn: np.ndarray,
    *,
    titles: tuple[str, str] = ("measured", "drawn"),
    groups: tuple[np.ndarray, np.ndarray] | None = None,
    kind: str = "category",
    unit: str = "",
    name: str = "",
    around: tuple[np.ndarray, np.ndarray] | None = None,
    axes: str = "axis",
    look: Look = LIGHT,
    height: int = 480,
) -> go.Figure:
    """Two panels with the same axes: measured cells on the left, drawn ones on the right, both over all cells in grey.

    background (n, 2), measured (m, 2), drawn (k, 2): positions; rows that are not finite are left out. groups: a label for each
    measured and each drawn cell, which then have the same colours in both panels (kind and unit as in ``embedding``); without,
    all measured cells have one colour and all drawn ones another. around: (i, 2) and (j, 2), faint dots in the colours of the
    left and of the right panel, of what else was measured and could have been drawn.
    """
    places = [np.asarray(p, np.float32) for p in (measured, drawn)]
    background = np.asarray(background, np.float32)
    if any(p.ndim != 2 or p.shape[1] != 2 for p in (background, *places)):
        raise ValueError(f"positions {[p.shape for p in (background, *places)]} must all be (cells, 2)")
    if groups is not None and any(len(labels) != len(p) for labels, p in zip(groups, places, strict=True)):
        raise ValueError("there must be one label for each measured and each drawn cell")
    counts = [int(np.isfinite(p).all(axis=1).sum()) for p in places]
    shown = [f"{title} ({n:,})" for title, n in zip(titles, counts, strict=True)]
    fig = make_subplots(rows=1, cols=2, subplot_titles=shown, horizontal_spacing=0.02)
    size = point_size(len(background))
    for column, here in enumerate(places, start=1):
        place = {"row": 1, "col": column}
        _dots(fig, background, {"size": size, "color": look.faint, "opacity": 0.7}, "all measured cells", False, **place)
        if around is not None:
            marker = {"size": size, "color": inks(look)[column - 1], "opacity": 0.22}
            name_of = ("measured otherwise", "drawn otherwise")[column - 1]
            _dots(fig, np.asarray(around[column - 1], np.float32), marker, name_of, False, **place)
        if groups is None:
            marker = {"size": size + 1.5, "color": inks(look)[column - 1], "opacity": 0.75}
            _dots(fig, here, marker, shown[column - 1], False, **place)
            continue
        # Names and colours of both panels together, so that a kind of cell that one of them lacks shifts no colour.
        both = grouped(np.concatenate([np.asarray(labels) for labels in groups]), kind=kind, unit=unit, look=look)
        first = 0 if column == 1 else len(places[0])
        for label, colour, rows in zip(both.names, both.colours, both.rows, strict=True):
            mine = rows[(rows >= first) & (rows < first + len(here))] - first
            marker = {"size": size + 1, "color": colour, "opacity": 0.8}
            # A kind that one panel lacks is named by the other: an empty trace has no entry.
            named = len(mine) > 0 and (column == 1 or not (rows < len(places[0])).any())
            _dots(fig, here[mine], marker, label, named, **place)
    bare = {"showticklabels": False, "ticks": "", "showline": True, "mirror": True}
    ends = [_frame(background[:, i], places[1][:, i]) for i in (0, 1)]
    if around is not None:
        # A cloud that the frame cuts looks as if it ended there.
        ends = [_around(end, np.concatenate([np.asarray(p, np.float32)[:, i] for p in around])) for i, end in enumerate(ends)]
    across, up = ends
    fig.update_xaxes(**bare, matches="x", range=across, title={"text": f"{axes} 1", "font": {"size": 12}})
    fig.update_yaxes(**bare, matches="y", range=up)
    fig.update_yaxes(title={"text": f"{axes} 2", "font": {"size": 12}}, col=1)
    fig.update_annotations(font={"size": 14, "color": look.text})
    fig.update_layout(
        template=look.name,
        height=height,
        margin={"t": 30, "b": 60 if groups is not None else 30},
        dragmode="pan",
        uirevision="drawn-map",
        legend={"orientation": "h", "x": 0, "y": -0.09, "yanchor": "top", "title": {"text": f"{name} " if name else ""}},
    )
    return fig


def one_cell(
    background: np.ndarray,
    draws: np.ndarray,
    truth: np.ndarray,
    *,
    expected: np.ndarray | None = None,
    cells: str = "measured",
    axes: str = "axis",
    look: Look = LIGHT,
    height: int = 300,
) -> go.Figure:
    """All draws (k, 2) for one cell, an outline around nine of ten of them, and where its own measurement (2,) puts it.

    expected: (2,) what the deterministic translation says; cells: "measured" or "simulated". The outline is the hull of the draws
    nearest to their middle (by their own covariance), so it claims nothing of their form.
    """
    background, draws, truth = (np.asarray(values, np.float32) for values in (background, draws, truth))
    if draws.ndim != 2 or draws.shape[1] != 2 or truth.shape != (2,):
        raise ValueError(f"draws {draws.shape} must be (draws, 2) and the truth {truth.shape} (2,)")
    fig = figure(look, height)
    real, made = inks(look)
    _dots(fig, background, {"size": 2.5, "color": look.faint, "opacity": 0.7}, "all measured cells", False)
    corners = outline(draws)
    if len(corners):
        line = {"color": made, "width": 1.5}
        fig.add_trace(
            go.Scatter(
                x=corners[:, 0], y=corners[:, 1], mode="lines", line=line, fill="toself", fillcolor=faded(made, 0.12),
                name="nine of ten draws", hoverinfo="skip",
            )
        )  # fmt: skip
    _dots(fig, draws, {"size": 4.5, "color": made, "opacity": 0.7}, "drawn", True)
    for place, symbol, colour, name in ((expected, "cross-thin", look.text, "expected"), (truth, "diamond", real, cells)):
        if place is not None:
            marker = {"size": 13, "symbol": symbol, "color": colour, "line": {"color": look.paper, "width": 1.5}}
            if symbol == "cross-thin":
                marker["line"] = {"color": colour, "width": 2}
            _dots(fig, np.asarray(place, np.float32)[None], marker, name, True)
    bare = {"showticklabels": False, "ticks": "", "showline": True, "mirror": True}
    here = np.concatenate([draws, truth[None]])
    across, up = (_frame(background[:, i], here[:, i], outside=0) for i in (0, 1))
    fig.update_xaxes(**bare, range=across, title={"text": f"{axes} 1", "font": {"size": 12}})
    fig.update_yaxes(**bare, range=up, title={"text": f"{axes} 2", "font": {"size": 12}})
    fig.update_layout(
        dragmode="pan", margin={"t": 8, "b": 64}, uirevision="one-cell",
        legend={"orientation": "h", "x": 0, "y": -0.14, "yanchor": "top", "font": {"size": 12}},
    )  # fmt: skip
    return fig


def outline(draws: np.ndarray) -> np.ndarray:
    """Corners (k, 2), closed, of the hull of the INSIDE of the draws (n, 2) that lie nearest to their middle; (0, 2) where there
    are too few of them or they lie on one line."""
    from scipy.spatial import ConvexHull, QhullError

    draws = np.asarray(draws, float)
    draws = draws[np.isfinite(draws).all(axis=1)]
    kept = int(np.ceil(INSIDE * len(draws)))
    if kept < 4:
        return np.empty((0, 2))
    away = draws - draws.mean(axis=0)
    spread = np.cov(away.T)
    if np.linalg.matrix_rank(spread) < 2:
        return np.empty((0, 2))
    distance = np.einsum("nd,de,ne->n", away, np.linalg.inv(spread), away)
    near = draws[np.argsort(distance, kind="stable")[:kept]]
    try:
        corners = near[ConvexHull(near).vertices]
    except QhullError:
        return np.empty((0, 2))
    return np.concatenate([corners, corners[:1]]).astype(np.float32)


def faded(colour: str, strength: float) -> str:
    """A colour "#RRGGBB" as CSS with the opacity ``strength``."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength:g})"


def _dots(fig: go.Figure, places: np.ndarray, marker: dict, name: str, legend: bool, **where: int) -> None:
    seen = np.isfinite(places).all(axis=1)
    fig.add_trace(
        go.Scattergl(
            x=places[seen, 0], y=places[seen, 1], mode="markers", marker=marker, name=name, legendgroup=name, showlegend=legend,
            hoverinfo="skip" if name == "all measured cells" else "name",
        ),
        **where,
    )  # fmt: skip


def _frame(values: np.ndarray, drawn: np.ndarray, outside: float = 1.0) -> list[float]:
    # A few cells far out must not make all others small; a double click shows them too. But a draw that strays is what the
    # reader must see: at most ``outside`` percent of them on either side lie beyond.
    low, high = np.nanpercentile(values, [0.2, 99.8])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn):
        ends = np.percentile(drawn, [outside, 100 - outside])
        low, high = min(low, ends[0]), max(high, ends[1])
    pad = 0.08 * (high - low or 1.0)
    return [float(low - pad), float(high + pad)]


def _around(ends: list[float], values: np.ndarray) -> list[float]:
    """Ends moved out until all values lie a little inside."""
    values = values[np.isfinite(values)]
    pad = 0.02 * (ends[1] - ends[0])
    return [min([ends[0], *(values - pad).tolist()]), max([ends[1], *(values + pad).tolist()])]

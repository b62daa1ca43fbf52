"""How many cells carry each value of an annotation, or of two at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import LIGHT, Look, figure, scale

MOST = 14
"""Values that are drawn one by one; the rarest beyond are drawn as one."""

REST, MISSING = "all others", "missing"


def count_bars(values: np.ndarray, *, unit: str = "", look: Look = LIGHT) -> go.Figure:
    """One bar a value, its cells written at its end. values: (n,), numbers in their order, names by frequency where there are
    more than 14; missing ones stand last under "missing"."""
    names, counts = _tally(values, unit)
    fig = figure(look, 34 + 24 * len(names))
    fig.add_trace(
        go.Bar(
            x=counts,
            y=names,
            orientation="h",
            marker={"color": look.accent, "opacity": 0.75, "line": {"width": 0}},
            text=[f"{n:,}" for n in counts],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 12, "color": look.quiet},
            hovertemplate="%{y}: %{x:,} cells<extra></extra>",
        )
    )
    fig.update_xaxes(visible=False, range=[0, 1.25 * max(counts, default=1)])
    fig.update_yaxes(autorange="reversed", type="category", ticks="", showline=False, tickfont={"size": 12, "color": look.text})
    fig.update_layout(dragmode=False, bargap=0.3, showlegend=False, margin={"t": 4, "b": 4})
    return fig


def count_tiles(
    columns: np.ndarray, rows: np.ndarray, *, column_title: str = "", row_title: str = "", unit: str = "", look: Look = LIGHT
) -> go.Figure:
    """One tile for each pair of values, darker the more cells, their number on it; an empty tile is a pair without cells.

    columns, rows: (n,) values of the same cells, such as times and treatments. unit: of ``columns``, where they are numbers.
    """
    if len(columns) != len(rows):
        raise ValueError(f"{len(columns)} values across but {len(rows)} down")
    across, _ = _tally(columns, unit)
    down, _ = _tally(rows, "")
    table = pd.crosstab(pd.Series(_names(rows, "", down)), pd.Series(_names(columns, unit, across)))
    z = table.reindex(index=down, columns=across, fill_value=0).to_numpy()
    fig = figure(look, 70 + 34 * len(down))
    fig.add_trace(
        go.Heatmap(
            x=across,
            y=down,
            z=np.where(z > 0, z, np.nan),
            zmin=0,
            zmax=1.4 * max(int(z.max()), 1),  # the darkest colours would drown the numbers
            colorscale=scale(look.expression),
            showscale=False,
            xgap=3,
            ygap=3,
            text=[[f"{n:,}" if n else "" for n in line] for line in z],
            texttemplate="%{text}",
            hovertemplate="%{y}, %{x}: %{z:,} cells<extra></extra>",
        )
    )
    fig.update_xaxes(title={"text": column_title}, type="category", ticks="", showline=False)
    fig.update_yaxes(title={"text": row_title}, autorange="reversed", type="category", ticks="", showline=False)
    fig.update_layout(dragmode=False)
    return fig


def _label(value: object, unit: str) -> str:
    if value is None or value != value:
        return MISSING
    return f"{value:g} {unit}".strip() if isinstance(value, float | int) and not isinstance(value, bool) else str(value)


def _tally(values: np.ndarray, unit: str) -> tuple[list[str], list[int]]:
    """Labels in the order in which they are drawn, and their cells."""
    series = pd.Series(np.asarray(values))
    known = series.dropna()
    counts = known.value_counts()
    numbers: dict[str, int] = {}
    for value in ordered(known[known.isin(counts.index[:MOST])].to_numpy()):
        label = _label(value, unit)
        numbers[label] = numbers.get(label, 0) + int(counts[value])
    for label, n in ((REST, int(counts.iloc[MOST:].sum())), (MISSING, int(series.isna().sum()))):
        if n:
            numbers[label] = numbers.get(label, 0) + n
    return list(numbers), list(numbers.values())


def _names(values: np.ndarray, unit: str, drawn: list[str]) -> list[str]:
    """The label of each cell's value; that of the rest where its own is not drawn."""
    known = set(drawn)
    return [name if name in known else REST for name in (_label(value, unit) for value in np.asarray(values).tolist())]

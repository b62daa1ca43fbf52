"""Measured and drawn cells in the space of genes, peaks or proteins: how each is spread, its mean, and what goes with what."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.drawn_map import faded, inks
from virtualcell.figures.look import LIGHT, Look, figure, scale
from virtualcell.figures.translation import TICKS

LONGEST = 20
"""Letters of a name that stands beside a heatmap."""

_REGION = re.compile(r"(.+)[:-](\d+)-\d+")
"""A stretch of the genome, as "chr1:817084-817608" or "chr1-817084-817608"."""

_ACCESSION = re.compile(r"_ENS[A-Z]*G\d+$")
"""What sets two genes of one name apart, as "HLA-DRA_ENSG00000204287"."""

MOST_POINTS = 400
"""Values of half a violin that are sent to the browser: its evenly spaced quantiles."""


def wrapped(unit: str) -> str:
    """A unit or a title in lines that fit into a narrow figure."""
    return "<br>".join(textwrap.wrap(unit, 40))


def short(name: str) -> str:
    """A name with at most LONGEST letters: of a stretch of the genome where it starts, of another its beginning."""
    region = _REGION.fullmatch(name)
    told = f"{region[1]}:{region[2]}" if region else _ACCESSION.sub("…", name)
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"


def spreads(
    features: Sequence[str],
    measured: np.ndarray,
    drawn: np.ndarray,
    *,
    unit: str,
    seen: tuple[np.ndarray, np.ndarray] | None = None,
    titles: tuple[str, str] = ("measured", "drawn"),
    look: Look = LIGHT,
    height: int = 330,
) -> go.Figure:
    """A violin a feature: its left half of the measured cells, its right half of the drawn ones; the line inside is the median.

    measured (m, features) and drawn (k, features) in ``unit``. A half is as wide as its cells are many at that amount. seen:
    shares (features,) of the measured and of the drawn cells in which there is any, written under each name.
    """
    measured, drawn = np.asarray(measured, float), np.asarray(drawn, float)
    if measured.shape[1:] != (len(features),) or drawn.shape[1:] != (len(features),):
        raise ValueError(f"measured {measured.shape} and drawn {drawn.shape} must have {len(features)} features")
    fig = figure(look, height)
    halves = zip((measured, drawn), titles, inks(look), ("negative", "positive"), strict=True)
    for values, title, colour, side in halves:
        for i, feature in enumerate(features):
            inside = values[np.isfinite(values[:, i]), i]
            if len(inside) > MOST_POINTS:
                inside = np.quantile(inside, np.linspace(0, 1, MOST_POINTS))
            fig.add_trace(
                go.Violin(
                    x=[feature] * len(inside), y=inside.astype(np.float32), side=side, name=title, legendgroup=title,
                    scalegroup=f"{feature} {title}", showlegend=i == 0, line={"color": colour, "width": 1.2},
                    fillcolor=faded(colour, 0.45), points=False, meanline={"visible": False}, spanmode="hard", scalemode="width",
                    width=0.9, hoveron="violins", hoverinfo="y+name",
                    box={"visible": True, "width": 0.14, "fillcolor": look.paper, "line": {"color": look.text, "width": 1}},
                )
            )  # fmt: skip
    fig.update_layout(
        violingap=0, violinmode="overlay", margin={"t": 32},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
    )  # fmt: skip
    told = list(features) if seen is None else [f"{f}<br>{a:.0%} | {b:.0%}" for f, a, b in zip(features, *seen, strict=True)]
    fig.update_xaxes(
        type="category", ticks="", showline=False, tickfont={"color": look.text}, tickvals=list(features), ticktext=told
    )
    fig.update_yaxes(title={"text": wrapped(unit)}, nticks=5, hoverformat=".2f")
    return fig


def means(
    features: Sequence[str],
    measured: np.ndarray,
    drawn: np.ndarray,
    *,
    unit: str,
    share: bool = False,
    smallest: float = 1e-3,
    titles: tuple[str, str] = ("measured", "drawn"),
    cells: tuple[int, int],
    look: Look = LIGHT,
    height: int = 380,
) -> go.Figure:
    """One dot a feature: its mean over the measured cells (x) and over the drawn ones (y), both (features,); on the line they are
    alike. share: the means are shares of cells, on logarithmic axes; those below ``smallest`` stand on the edge.
    cells: how many the two means are of."""
    measured, drawn = np.asarray(measured, np.float32), np.asarray(drawn, np.float32)
    if not len(features) == len(measured) == len(drawn):
        raise ValueError(f"{len(features)} features, but {len(measured)} and {len(drawn)} means")
    fig = figure(look, height)
    x, y = (np.maximum(values, smallest) if share else values for values in (measured, drawn))
    both = np.concatenate([x, y])
    low, high = (float(both.min()), float(both.max())) if share else (float(both.min(initial=0)), float(both.max(initial=0)))
    pad = high - low or 1.0
    ends = [low / 1.15, high * 1.15] if share else [low - 0.03 * pad, high + 0.05 * pad]
    line = {"color": look.quiet, "width": 1, "dash": "dot"}
    fig.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=line, showlegend=False, hoverinfo="skip"))
    form = ".1%" if share else ".2f"
    fig.add_trace(
        go.Scatter(
            x=x, y=y, mode="markers", text=list(features), showlegend=False, name="features",
            customdata=np.column_stack([measured, drawn]),
            marker={"color": look.accent, "size": 5 if len(features) > 200 else 8, "opacity": 0.6},
            hovertemplate=f"%{{text}}<br>{titles[0]} %{{customdata[0]:{form}}}<br>{titles[1]} %{{customdata[1]:{form}}}"
            "<extra></extra>",
        )
    )  # fmt: skip
    axis: dict[str, object] = {"range": [float(np.log10(end)) for end in ends] if share else ends}
    if share:
        axis |= {"type": "log", "tickvals": TICKS, "ticktext": [f"{100 * tick:g} %" for tick in TICKS]}
    said = [f"{title}, mean of {n:,} cells" for title, n in zip(titles, cells, strict=True)]
    fig.update_xaxes(title={"text": f"{said[0]}<br>{wrapped(unit)}"}, **axis)
    fig.update_yaxes(title={"text": said[1]}, **axis)
    return fig


def togetherness(
    features: Sequence[str],
    measured: np.ndarray,
    drawn: np.ndarray,
    *,
    titles: tuple[str, str] = ("measured", "drawn"),
    look: Look = LIGHT,
    height: int = 380,
) -> go.Figure:
    """How features go up and down together: correlations (features, features) of measured cells above the diagonal, of drawn ones
    below it; the two halves should mirror each other. A pair that has no correlation (a feature that never changes) is empty."""
    n = len(features)
    measured, drawn = np.asarray(measured, float), np.asarray(drawn, float)
    if measured.shape != (n, n) or drawn.shape != (n, n):
        raise ValueError(f"correlations {measured.shape} and {drawn.shape} must be ({n}, {n})")
    z = np.where(np.triu(np.ones((n, n), bool), 1), measured, np.where(np.tril(np.ones((n, n), bool), -1), drawn, np.nan))
    known = np.abs(z[np.isfinite(z)])
    top = float(max(0.1, np.quantile(known, 0.98))) if len(known) else 1.0
    halves = np.where(np.triu(np.ones((n, n), bool), 1), titles[0], titles[1])
    # Axes have short names; the pointer tells the whole ones.
    told = [[f"{one} with {other}, {halves[i, j]}" for j, other in enumerate(features)] for i, one in enumerate(features)]
    fig = figure(look, height)
    fig.add_trace(
        go.Heatmap(
            z=z.round(3).astype(np.float32), x=list(features), y=list(features), text=told, xgap=1, ygap=1, zmin=-top, zmax=top,
            colorscale=scale(look.diverging), hoverongaps=False, name="correlation",
            colorbar={
                "title": {"text": "correlation", "side": "right", "font": {"size": 12}}, "thickness": 10, "len": 0.7,
                "outlinewidth": 0,
            },
            hovertemplate="%{text}: %{z:+.2f}<extra></extra>",
        )
    )  # fmt: skip
    fig.add_shape(type="line", x0=-0.5, y0=-0.5, x1=n - 0.5, y1=n - 0.5, line={"color": look.quiet, "width": 1})
    named = {
        "showticklabels": n <= 24, "tickvals": list(features), "ticktext": [short(name) for name in features], "ticks": "",
        "showline": False, "tickfont": {"size": 10, "color": look.text},
    }  # fmt: skip
    fig.update_xaxes(**named, tickangle=-90)
    fig.update_yaxes(**named, autorange="reversed")
    # On the right, so that it has the room above the names too.
    said = wrapped(f"{titles[0]} above the diagonal, {titles[1]} below")
    fig.add_annotation(
        text=said, x=1, y=1, xref="paper", yref="paper", xanchor="right", yanchor="bottom", showarrow=False, align="right",
        font={"size": 13, "color": look.text},
    )  # fmt: skip
    fig.update_layout(margin={"t": 30 + 18 * said.count("<br>")})
    return fig


def feature_intervals(
    features: Sequence[str],
    expected: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    truth: np.ndarray | None = None,
    *,
    unit: str,
    known: str = "measured",
    look: Look = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """A row a feature of one cell: a bar from low to high, a line at what is expected, a diamond at the truth where it is
    known (called ``known``); hollow where it lies outside the bar. All (features,) in ``unit``; truth may hold NaN."""
    expected, low, high = (np.asarray(values, np.float32) for values in (expected, low, high))
    if not len(features) == len(expected) == len(low) == len(high):
        raise ValueError(f"{len(features)} features, but {len(expected)}, {len(low)} and {len(high)} numbers")
    if (low > high).any():
        raise ValueError("an interval ends below its start")
    fig = figure(look, height or 84 + 24 * len(features))
    real, made = inks(look)
    names = list(features)
    fig.add_trace(
        go.Bar(
            y=names, x=high - low, base=low, orientation="h", width=0.5, marker={"color": faded(made, 0.4), "line": {"width": 0}},
            name="90 % interval", customdata=np.column_stack([low, high]),
            hovertemplate="%{y}: %{customdata[0]:.2f} to %{customdata[1]:.2f}<extra></extra>",
        )
    )  # fmt: skip
    fig.add_trace(
        go.Scatter(
            x=expected, y=names, mode="markers", name="expected", hovertemplate="%{y} expected %{x:.2f}<extra></extra>",
            marker={"symbol": "line-ns", "size": 13, "color": made, "line": {"color": made, "width": 2.5}},
        )
    )  # fmt: skip
    if truth is not None:
        truth = np.asarray(truth, np.float32)
        inside = (truth >= low) & (truth <= high)
        for rows, symbol, name in ((inside, "diamond", known), (~inside & np.isfinite(truth), "diamond-open", "outside")):
            if rows.any():
                fig.add_trace(
                    go.Scatter(
                        x=truth[rows], y=[names[i] for i in np.flatnonzero(rows)], mode="markers", name=name,
                        marker={"symbol": symbol, "size": 10, "color": real, "line": {"width": 2, "color": real}},
                        hovertemplate=f"%{{y}} {known} %{{x:.2f}}<extra></extra>",
                    )
                )  # fmt: skip
    fig.update_xaxes(title={"text": wrapped(unit)}, nticks=6)
    fig.update_yaxes(
        categoryorder="array", categoryarray=names[::-1], ticks="", showline=False, tickfont={"size": 12, "color": look.text},
        dtick=1, ticklabelstandoff=4,
    )  # fmt: skip
    fig.update_layout(margin={"t": 34}, legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}})
    return fig

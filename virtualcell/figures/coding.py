"""Is it worth describing two kinds of measurement together? Joint against separate descriptions of the same total size."""

from __future__ import annotations

import textwrap

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def coding(pairs: dict[str, tuple[float, float, float]], *, unit: str, look: Look = LIGHT) -> go.Figure:
    """One dot a kind of pairing: how much better unseen cells are described together than apart, with an interval around it.

    pairs: name -> (mean, low, high) of joint minus separate; right of 0 together is better. An interval that holds 0 is grey.
    """
    fig = figure(look, 104 + 40 * len(pairs))
    fig.add_vline(x=0, line={"color": look.quiet, "width": 1, "dash": "dot"})
    for name, (mean, low, high) in pairs.items():
        if not low <= mean <= high:
            raise ValueError(f"{name}: {low} to {high} is no interval around {mean}")
        colour = look.quiet if low <= 0 <= high else look.accent
        fig.add_trace(
            go.Scatter(
                x=[mean],
                y=[name],
                mode="markers",
                marker={"color": colour, "size": 11},
                error_x={
                    "type": "data",
                    "array": [high - mean],
                    "arrayminus": [mean - low],
                    "color": colour,
                    "thickness": 1.8,
                    "width": 5,
                },
                name=name,
                showlegend=False,
                hovertemplate=f"{name}<br>{mean:+.3g} {unit} ({low:+.3g} to {high:+.3g})<extra></extra>",
            )
        )
    reach = 1.1 * max([abs(bound) for found in pairs.values() for bound in found], default=1.0) or 1.0
    names = list(pairs)
    fig.update_xaxes(
        title={"text": f"{unit}, joint minus separate<br>← worse together · better together →"}, range=[-reach, reach]
    )
    fig.update_yaxes(
        tickvals=names,
        ticktext=["<br>".join(textwrap.wrap(name, 18)) for name in names],
        ticks="",
        showline=False,
        range=[len(names) - 0.5, -0.5],
        tickfont={"color": look.text, "size": 13},
    )
    return fig


def rate(sizes: np.ndarray, against_best: np.ndarray, chosen: int, *, look: Look = LIGHT, height: int = 300) -> go.Figure:
    """How much worse than by the best size unseen cells are described by each; the smallest within one standard error is marked.

    sizes: (k,). against_best: (k, 3) mean, low and high of the log-likelihood a cell, minus the best size's in the same split.
    chosen: one of sizes.
    """
    sizes, against_best = np.asarray(sizes), np.asarray(against_best, float)
    if against_best.shape != (len(sizes), 3) or chosen not in sizes:
        raise ValueError(
            f"against_best {against_best.shape} must be mean, low and high of each of the sizes {sizes}, {chosen} be one of them"
        )
    less, low, high = against_best.T
    fig = figure(look, height)
    fig.add_hline(y=0, line={"color": look.quiet, "width": 1, "dash": "dot"})
    fig.add_trace(
        go.Scatter(
            x=sizes,
            y=less,
            mode="lines+markers",
            line={"color": look.accent, "width": 2},
            marker={"size": 7, "color": look.accent},
            showlegend=False,
            error_y={
                "type": "data",
                "array": high - less,
                "arrayminus": less - low,
                "color": look.accent,
                "thickness": 1.2,
                "width": 4,
            },
            customdata=np.c_[low, high],
            hovertemplate="%{x} numbers a cell<br>%{y:.2f} nats a cell against the best size "
            "(%{customdata[0]:.1f} to %{customdata[1]:.1f})<extra></extra>",
        )
    )
    at = list(sizes).index(chosen)
    fig.add_trace(
        go.Scatter(
            x=[chosen],
            y=[less[at]],
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={"size": 15, "color": "rgba(0,0,0,0)", "line": {"color": look.text, "width": 2}},
        )
    )
    fig.add_annotation(
        x=chosen,
        y=less[at],
        text=f"{chosen} are enough" if chosen < max(sizes) else f"{chosen}, the most tried: more may do better",
        showarrow=False,
        yshift=22,
        xanchor="left" if chosen < max(sizes) else "right",
        font={"size": 13, "color": look.text},
    )
    fig.update_xaxes(title={"text": "numbers that describe a cell"}, tickvals=sizes)
    span = max(float(-low.min()), float(high.max()), 1e-9)
    top = max(float(high.max()), 0.25 * span)
    fig.update_yaxes(title={"text": "nats a cell, minus the best size"}, range=[1.1 * min(float(low.min()), 0.0), 1.1 * top])
    return fig

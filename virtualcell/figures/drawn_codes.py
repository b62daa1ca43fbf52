"""What the codes of a generator mean and how they settled while it learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure

MOST_LINES = 8
"""Genes whose curves have a colour of their own; more could not be told apart."""


def turned(
    features: Sequence[str],
    places: np.ndarray,
    amount: np.ndarray,
    *,
    at: float | None = None,
    unit: str,
    knob: str,
    look: Look = LIGHT,
    height: int = 360,
) -> go.Figure:
    """How much of each feature there is as one knob is turned, against the knob's middle, a line a feature named at its end.

    places: (steps,) of the knob, ascending; amount: (steps, features) in ``unit``; of more than MOST_LINES features those that
    change most are drawn. at: where the knob stands now, marked.
    """
    places, amount = np.asarray(places, float), np.asarray(amount, float)
    if amount.shape != (len(places), len(features)) or len(places) < 2:
        raise ValueError(f"amount {amount.shape} must be ({len(places)} steps, {len(features)} features), of two steps or more")
    change = amount - amount[len(places) // 2]
    reach = change.max(axis=0) - change.min(axis=0)
    order = np.argsort(-reach, kind="stable")[:MOST_LINES]
    fig = figure(look, height)
    for i, colour in zip(order, look.categories(len(order)), strict=True):
        fig.add_trace(
            go.Scatter(
                x=places, y=change[:, i], mode="lines", line={"color": colour, "width": 2.5}, name=features[i], showlegend=False,
                hovertemplate=f"{features[i]} %{{y:+.2f}} at %{{x:.2f}}<extra></extra>",
            )
        )  # fmt: skip
    spread = float(np.ptp(change[:, order])) or 1.0
    ends = spaced(change[-1, order], 0.062 * 1.16 * spread * 360 / height)
    for i, y, colour in zip(order, ends, look.categories(len(order)), strict=True):
        fig.add_annotation(
            x=places[-1], y=float(y), text=features[i], xanchor="left", xshift=6, showarrow=False,
            font={"size": 12, "color": colour},
        )  # fmt: skip
    if at is not None:
        fig.add_vline(x=at, line={"color": look.quiet, "width": 1, "dash": "dot"})
    fig.add_hline(y=0, line={"color": look.faint, "width": 1})
    low, high = min(change[:, order].min(), ends.min()), max(change[:, order].max(), ends.max())
    fig.update_yaxes(title={"text": f"change, {unit}"}, range=[low - 0.06 * spread, high + 0.06 * spread], nticks=6)
    fig.update_xaxes(title={"text": knob}, nticks=5)
    longest = max((len(features[i]) for i in order), default=0)
    fig.update_layout(margin={"r": 16 + 8 * min(longest, 24)})
    return fig


def spaced(values: np.ndarray, least: float) -> np.ndarray:
    """The same values moved apart as little as needed so that two neighbours differ by ``least``: places of labels."""
    values = np.asarray(values, float)
    order = np.argsort(values, kind="stable")
    if not len(values):
        return values
    # Distances below the least are stretched; shifting all by the mean difference keeps them around where they belong
    # (isotonic regression of values minus i * least, by pooling neighbours).
    steps = values[order] - least * np.arange(len(values))
    pools: list[list[float]] = []
    for value in steps:
        pools.append([float(value), 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [[(a * n + b * m) / (n + m), n + m]]
    level = np.concatenate([np.full(int(n), a) for a, n in pools])
    found = np.empty(len(values))
    found[order] = level + least * np.arange(len(values))
    return found


def settling(
    steps: np.ndarray,
    of_code: np.ndarray,
    of_use: np.ndarray,
    *,
    n_codes: int,
    look: Look = LIGHT,
    height: int = 240,
) -> go.Figure:
    """The training's log: how undecided the code of a single cell is (it should fall to 0), and how evenly all codes are in use
    (it should stay high; the dotted line is all codes alike), both (steps,) in nats."""
    steps, of_code, of_use = (np.asarray(values, float) for values in (steps, of_code, of_use))
    if not len(steps) == len(of_code) == len(of_use):
        raise ValueError(f"{len(steps)} steps, but {len(of_code)} and {len(of_use)} entropies")
    fig = figure(look, height)
    top = float(np.log(n_codes))
    for values, name, colour, dash in (
        (of_code, "of one cell's code", look.accent, "solid"),
        (of_use, "of all cells' use", look.quiet, "dash"),
    ):
        fig.add_trace(
            go.Scatter(
                x=steps, y=values, mode="lines", line={"color": colour, "width": 2.5, "dash": dash}, name=name,
                hovertemplate=f"{name} %{{y:.2f}} nats after %{{x:,}} steps<extra></extra>",
            )
        )  # fmt: skip
    fig.add_hline(
        y=top, line={"color": look.quiet, "width": 1, "dash": "dot"}, annotation_text="every kind equally often",
        annotation_position="top right", annotation_font={"size": 12, "color": look.quiet},
    )  # fmt: skip
    highest = max(top, float(np.nanmax(of_code)), float(np.nanmax(of_use)))
    fig.update_yaxes(title={"text": "entropy, nats"}, range=[0, 1.25 * highest], nticks=4)
    fig.update_xaxes(title={"text": "training step"}, nticks=4, tickformat="~s")
    fig.update_layout(margin={"t": 30}, legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}})
    return fig

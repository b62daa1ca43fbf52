"""Play button and time slider that an animated figure carries below itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from virtualcell.figures.look import Look

BELOW = 104
"""Pixels of bottom margin that the controls and their labels need; less would clip the labels."""


def time_labels(times: np.ndarray) -> list[str]:
    """Label of each slider step, with as few decimals as keep them apart; the slider leaves out labels that would collide."""
    times = np.asarray(times, dtype=float)
    for decimals in range(4):
        labels = [f"{time:.{decimals}f}" for time in times]
        if len(set(labels)) == len(labels):
            break
    return labels


def add_motion(
    fig: go.Figure,
    frames: Sequence[go.Frame | dict[str, Any]],
    times: np.ndarray,
    unit: str,
    look: Look,
    *,
    redraw: bool,
    milliseconds: int = 110,
) -> None:
    """Adds frames (one a time, named by their order), a play and a pause button, and a slider that stands at the last time."""
    fig.frames = frames
    now = {"mode": "immediate", "transition": {"duration": 0}}
    play = dict(now, frame={"duration": milliseconds, "redraw": redraw}, fromcurrent=False)
    stop = dict(now, frame={"duration": 0, "redraw": redraw})
    steps = [
        {"method": "animate", "args": [[frame["name"]], stop], "label": label}
        for frame, label in zip(frames, time_labels(times), strict=True)
    ]
    quiet = {"bgcolor": look.paper, "bordercolor": look.faint, "font": {"color": look.text, "size": 13}}
    buttons = [
        {"label": "▶ Play", "method": "animate", "args": [None, play]},
        {"label": "❚❚", "method": "animate", "args": [[None], stop]},
    ]
    fig.update_layout(
        margin={"b": BELOW},
        updatemenus=[
            dict(
                type="buttons",
                direction="right",
                showactive=False,
                buttons=buttons,
                x=0,
                xanchor="left",
                y=0,
                yanchor="top",
                pad={"t": 34, "r": 8},
                **quiet,
            )
        ],
        sliders=[
            dict(
                active=len(frames) - 1,
                steps=steps,
                x=0,
                len=1,
                y=0,
                yanchor="top",
                pad={"t": 26, "b": 0, "l": 142, "r": 14},
                ticklen=5,
                minorticklen=0,
                tickcolor=look.faint,
                activebgcolor=look.accent,
                currentvalue={
                    "prefix": "time ",
                    "suffix": f" {unit}",
                    "xanchor": "right",
                    "font": {"color": look.quiet, "size": 13},
                },
                **{**quiet, "font": {"color": look.quiet, "size": 12}},
            )
        ],
    )


def joined(paths: np.ndarray, until: int) -> np.ndarray:
    """Paths as one line with gaps. paths: (T, m, k) -> (m * (until + 2), k), a row of NaN after each path."""
    part = np.moveaxis(np.asarray(paths, dtype=np.float32)[: until + 1], 0, 1)
    gap = np.full((part.shape[0], 1, part.shape[2]), np.nan, dtype=np.float32)
    return np.concatenate([part, gap], axis=1).reshape(-1, part.shape[2])

"""What was measured in how many cells."""

from __future__ import annotations

import plotly.graph_objects as go

from virtualcell.figures.look import LIGHT, Look, figure


def patterns(counts: dict[tuple[str, ...], int], rows: list[str], *, look: Look = LIGHT) -> go.Figure:
    """A mosaic: one row a kind of measurement, one block of cells a combination; filled where measured, faint where not.

    counts: combination of entries of ``rows`` -> cells; largest first.
    """
    unknown = {name for pattern in counts for name in pattern} - set(rows)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is none of the rows {rows}")
    fig = figure(look, 74 + 44 * len(rows))
    total, start = max(1, sum(counts.values())), 0
    for pattern, n in sorted(counts.items(), key=lambda item: -item[1]):
        there = [name in pattern for name in rows]
        said = " and ".join(pattern) or "nothing"
        fig.add_trace(
            go.Bar(
                x=[n] * len(rows),
                y=rows,
                base=[start] * len(rows),
                orientation="h",
                marker={
                    "color": [look.accent if seen else look.faint for seen in there],
                    "line": {"color": look.paper, "width": 2},
                },
                opacity=0.9,
                name=said,
                showlegend=False,
                hovertemplate=f"{n:,} cells with {said}<extra></extra>",
            )
        )
        # Narrow blocks have no place for their number; the pointer gives it.
        if n > 0.04 * total:
            fig.add_annotation(
                x=start + n / 2,
                y=1,
                yref="paper",
                yanchor="bottom",
                text=f"{n:,}",
                showarrow=False,
                font={"size": 13, "color": look.text},
            )
        start += n
    fig.update_layout(barmode="overlay", bargap=0.25, margin={"t": 24})
    fig.update_xaxes(title={"text": "cells"}, range=[0, start], tickformat=",")
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, tickfont={"size": 13, "color": look.text})
    return fig

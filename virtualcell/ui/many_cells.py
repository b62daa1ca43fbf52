"""A page with any number of cells, drawn by our map or by Plotly's scattergl: what ``python -m benchmarks.app`` opens.

Not a page of the app: the benchmark writes a script of one line that calls ``page``. The cells are files that it made.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from virtualcell.explore.polygon import members, pack, unpack
from virtualcell.figures.colouring import Colouring, colouring
from virtualcell.figures.look import LIGHT, figure, scale
from virtualcell.ui.parts import chart
from virtualcell.ui.scatter import scatter

HEIGHT = 560


@st.cache_resource(show_spinner="Making the cells …")
def _cells(folder: str, n: int) -> tuple[np.ndarray, pd.Categorical, np.ndarray, list[str]]:
    """Positions (n, 2), cell state (n,), log-normalised amounts (n, genes) and the genes' names."""
    with np.load(Path(folder) / f"{n}.npz", allow_pickle=False) as found:
        state = pd.Categorical.from_codes(found["state"], found["states"].tolist())
        return found["positions"], state, found["amounts"], found["genes"].tolist()


@st.cache_resource(show_spinner="Making the colours …")
def _colours(folder: str, n: int, by: str) -> Colouring:
    _, state, amounts, genes = _cells(folder, n)
    if by == "state":
        return colouring(np.asarray(state), name="state")
    return colouring(amounts[:, genes.index(by)], name=by, kind="amount")


def page(folder: str) -> None:
    """One map; ``?cells=`` how many, ``?renderer=webgl`` or ``scattergl``. Says below how long the script took."""
    st.set_page_config(layout="wide")
    start = time.perf_counter()
    n, renderer = int(st.query_params.get("cells", "1000")), st.query_params.get("renderer", "webgl")
    positions, state, amounts, genes = _cells(folder, n)
    by = st.segmented_control("Colour by", ["state", *genes[:3]], default="state", required=True, key="by")
    colours = _colours(folder, n, by)
    if renderer == "webgl":
        polygon = scatter(positions, colours, key="map", alt=f"Map of {n:,} cells", file="map", height=HEIGHT, renderer="webgl")
        if polygon is not None:
            _statistics(members(positions, unpack(pack(polygon))), state, amounts, genes)
    else:
        chart(_scattergl(positions, colours), "map", alt=f"Map of {n:,} cells")
    st.caption(f"script took {time.perf_counter() - start:.4f} s for {by}")


def _statistics(rows: np.ndarray, state: pd.Categorical, amounts: np.ndarray, genes: list[str]) -> None:
    """Composition and mean amounts of the chosen cells beside all others."""
    chosen = np.zeros(len(state), dtype=bool)
    chosen[rows] = True
    counts = {name: np.bincount(state.codes[some], minlength=len(state.categories)) for name, some in _parts(chosen)}
    st.dataframe(pd.DataFrame(counts, index=state.categories), key="composition")
    means = {name: amounts[some].mean(axis=0) for name, some in _parts(chosen)}
    expressed = (amounts[chosen] > 0).mean(axis=0)
    st.dataframe(pd.DataFrame({**means, "fraction expressing": expressed}, index=genes), key="genes")
    st.caption(f"{len(rows):,} cells chosen")


def _parts(chosen: np.ndarray) -> list[tuple[str, np.ndarray]]:
    return [("chosen", chosen), ("others", ~chosen)]


def _scattergl(positions: np.ndarray, colours: Colouring) -> go.Figure:
    """The leanest scattergl of the same cells: float32 positions and one byte a cell, no text, no customdata."""
    fig = figure(LIGHT, HEIGHT)
    top = max(len(colours.palette) - 1, 1)
    marker = {"size": 2.5, "color": colours.codes, "colorscale": scale(colours.palette), "cmin": 0, "cmax": top}
    fig.add_trace(go.Scattergl(x=positions[:, 0], y=positions[:, 1], mode="markers", hoverinfo="skip", marker=marker))
    bare = {"showticklabels": False, "ticks": "", "showline": False}
    fig.update_xaxes(**bare)
    fig.update_yaxes(**bare, scaleanchor="x")
    return fig.update_layout(uirevision="map")

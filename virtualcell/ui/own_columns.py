"""Which column of a reader's cells means what: guesses to confirm, with pictures of what stands there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp
import streamlit as st

from virtualcell.data.times import HOURS
from virtualcell.figures.cell_counts import count_bars, count_tiles
from virtualcell.schema import MEASURED_KEY, Columns
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look
from virtualcell.ui.uploads import Given

NONE = "not measured"

KEYS = {
    "time": "own-time",
    "time_unit": "own-unit",
    "perturbation": "own-treatment",
    "control": "own-control",
    "batch": "own-batch",
    "donor": "own-donor",
    "state": "own-state",
    "clones": "own-clones",
}
"""Field of the columns -> key of its control, in the session and in the link."""


def say(columns: Columns) -> None:
    """Sets the controls; to be called before they are drawn."""
    for name, key in KEYS.items():
        value = getattr(columns, name)
        st.session_state[key] = NONE if value is None else value


def choose(own: Given) -> Columns:
    """The second step: controls on the left, what stands in the chosen columns on the right."""
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        own.columns = _controls(own)
    with right:
        _pictures(own)
    return own.columns


def _controls(own: Given) -> Columns:
    obs, now = own.cells.obs, own.columns
    names = [NONE, *(str(name) for name in obs.columns)]
    slots = [key for key in own.cells.obsm if key not in own.cells.mod and key != MEASURED_KEY]
    guessed = [getattr(own.guess, name) for name in ("time", "perturbation", "batch", "state", "clones")]
    told = [value for value in guessed if value is not None]
    st.caption(
        f"Guessed from names and values: {', '.join(told)}. Change what is wrong."
        if told
        else "Nothing could be guessed from the names of the columns. Choose what you know; the rest may stay empty."
    )

    # A link can bring back a file of the data folder with its columns; an upload is gone.
    bound: Literal["query-params"] | None = "query-params" if own.path is not None else None

    def pick(place: Any, label: str, name: str, options: list[str], hint: str) -> str | None:
        key, value = KEYS[name], getattr(now, name)
        wanted = st.session_state.get(key, st.query_params.get(key))
        # Set each time: a control whose choices change, as a remedy adds a column, would fall back to its first one.
        st.session_state[key] = wanted if wanted in options else value if value in options else options[0]
        found = place.selectbox(label, options, key=key, bind=bound, help=hint)
        return None if found == NONE else found

    first, second = st.columns(2)
    time = pick(first, "Time", "time", names, "When each cell was measured. Two times or more teach movement.")
    unit = pick(second, "Unit of time", "time_unit", list(HOURS), "Of the numbers in the column with the time.")
    first, second = st.columns(2)
    treatment = pick(first, "Treatment", "perturbation", names, "Drug, guide or stimulus that each cell was given.")
    control = now.control
    if treatment is not None:
        kinds = sorted(obs[treatment].dropna().astype(str).unique())
        # A name that no cell carries stays visible until the reader chooses another: nothing is changed silently.
        kinds = kinds if control in kinds else [control, *kinds]
        hint = "All treatments are compared with these."
        control = pick(second, "Untreated are called", "control", kinds, hint) or control
    first, second = st.columns(2)
    state = pick(first, "Cell type or state", "state", names, "Names the resting places and fates.")
    clones = now.clones
    if slots:
        clones = pick(second, "Clone barcodes", "clones", [NONE, *slots], "Cells by clones: who descends from the same cell.")
    first, second = st.columns(2)
    batch = pick(first, "Batch", "batch", names, "Technical differences between its values are taken out.")
    donor = pick(second, "Donor", "donor", names, "Where it is known beside the batch: taken out as well.")
    return replace(
        now, time=time, time_unit=unit or "h", perturbation=treatment, control=control, batch=batch, donor=donor, state=state,
        clones=clones,
    )  # fmt: skip


def _pictures(own: Given) -> None:
    c, obs = own.columns, own.cells.obs
    unit = c.time_unit
    shown = [(title, name) for title, name in (("time", c.time), ("treatment", c.perturbation)) if name in obs]
    if len(shown) == 2:
        st.caption("Cells at each time with each treatment")
        fig = count_tiles(_values(obs[c.time]), _values(obs[c.perturbation]), column_title=c.time or "", unit=unit, look=look())
        chart(fig, "own-picture-both", alt=f"Cells by {c.time} and {c.perturbation}", file="cells-by-time-and-treatment")
        shown = []
    shown += [(t, n) for t, n in (("cell type or state", c.state), ("batch", c.batch), ("donor", c.donor)) if n in obs]
    for start in range(0, len(shown), 2):
        for place, (title, name) in zip(st.columns(2), shown[start : start + 2], strict=False):
            with place:
                st.caption(f"Cells of each {title}: {name}")
                fig = count_bars(_values(obs[name]), unit=unit if name == c.time else "", look=look())
                chart(fig, f"own-picture-{title}", alt=f"Cells of each {title}", file=f"cells-by-{title.replace(' ', '-')}")
    if c.clones is not None and c.clones in own.cells.obsm:
        st.caption(_clones(own))
    if not shown and c.time is None and c.perturbation is None:
        st.caption("Columns that you choose are drawn here: how many cells have each of their values.")


def _values(values: pd.Series) -> np.ndarray:
    """Numbers stay numbers, everything else is text; missing stays missing."""
    if pd.api.types.is_bool_dtype(values):
        return values.astype(str).to_numpy()
    plain = values.astype(object)
    return plain.where(plain.notna(), None).to_numpy()


def _clones(own: Given) -> str:
    """How much the barcodes can tell: cells with one, clones, and clones seen at several times."""
    barcodes = sp.csr_matrix(own.cells.obsm[own.columns.clones]) > 0
    carry, clones = int((barcodes.getnnz(axis=1) > 0).sum()), int((barcodes.getnnz(axis=0) > 0).sum())
    said = f"{carry:,} of {barcodes.shape[0]:,} cells carry a barcode of {clones:,} clones"
    if own.columns.time is None or own.columns.time not in own.cells.obs:
        return f"{said}."
    times = own.cells.obs[own.columns.time].to_numpy()
    seen = np.sum([barcodes[times == time].getnnz(axis=0) > 0 for time in pd.unique(times)], axis=0)
    return f"{said}; {int((seen > 1).sum()):,} clones were seen at two times or more, which tells where cells go."

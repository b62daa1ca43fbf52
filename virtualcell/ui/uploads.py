"""A reader's own file: read, checked and told about in plain words; never kept after the session."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from mudata import MuData

from virtualcell.data.check import Finding, check, guess_columns
from virtualcell.data.quality import quality
from virtualcell.data.read import KINDS, read
from virtualcell.figures.quality import quality as quality_figure
from virtualcell.schema import DEFAULT_KINDS, Columns, DataError
from virtualcell.ui.theme import look
from virtualcell.ui.words import MEASURED

__all__ = ["KINDS", "report"]

_NONE = "none"


class _Folder:
    """A folder that goes away with the session that holds it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="virtualcell-")
        self.path = Path(self._folder.name)


def _cells(given: Any) -> MuData:
    """The uploaded file, read once a session. Raises DataError."""
    known = st.session_state.get("upload-cells")
    if known is not None and known[0] == given.file_id:
        return known[1]
    # Streamlit drops the session's state when the reader leaves, and the folder is deleted with it.
    folder = st.session_state.setdefault("upload-folder", _Folder())
    for old in folder.path.iterdir():
        old.unlink()
    # Only the last part of the name: a name is text from outside and must not lead out of the folder.
    path = folder.path / (Path(given.name.replace("\\", "/")).name or "cells")
    path.write_bytes(given.getbuffer())
    try:
        cells = read(path)
    finally:
        path.unlink(missing_ok=True)
    st.session_state["upload-cells"] = (given.file_id, cells)
    return cells


def report(given: Any) -> None:
    """What the file holds, what is wrong with it, what to do, and the command that trains a model on it."""
    try:
        with st.spinner("Reading and checking …"):
            cells = _cells(given)
    except DataError as error:
        st.error(f"**{given.name} cannot be used.** {error.problem}\n\n**What to do:** {error.next_step}")
        return
    except MemoryError:
        st.error(
            f"**{given.name} is too large for this page.** \n\n**What to do:** use the command line on a computer with more "
            f"memory."
        )
        return
    parts = ", ".join(f"{adata.n_vars:,} {MEASURED.get(name, name)}" for name, adata in cells.mod.items())
    st.markdown(f"**{given.name}**: {cells.n_obs:,} cells, {parts}.")
    columns = _columns(cells)
    _findings(check(cells, columns, DEFAULT_KINDS))
    _quality(cells)
    st.markdown("**Train a model on it** with this command on your own computer:")
    st.code(_command(given.name, columns), language="bash")


def _columns(cells: MuData) -> Columns:
    guess = guess_columns(cells)
    names = [_NONE, *(str(name) for name in cells.obs.columns)]

    def pick(place: Any, label: str, guessed: str | None, key: str) -> str | None:
        found = place.selectbox(label, names, index=names.index(guessed) if guessed in names else 0, key=key)
        return None if found == _NONE else found

    left, middle, right = st.columns(3)
    time = pick(left, "Column with the time", guess.time, "upload-time")
    treatment = pick(middle, "Column with the treatment", guess.perturbation, "upload-treatment")
    state = pick(right, "Column with the cell type", guess.state, "upload-state")
    control = guess.control
    if treatment is not None:
        kinds = sorted(cells.obs[treatment].astype(str).unique())
        control = middle.selectbox(
            "Untreated cells are called", kinds, index=kinds.index(control) if control in kinds else 0, key="upload-control"
        )
    return Columns(time, guess.time_unit, treatment, control, guess.batch, state, guess.clones)


def _findings(findings: list[Finding]) -> None:
    if not findings:
        st.success("Nothing is wrong with these cells.", icon=None)
    show = {"error": st.error, "warning": st.warning, "note": st.info}
    for finding in findings:
        show[finding.severity](f"**{finding.field}**: {finding.problem}\n\n**What to do:** {finding.next_step}")


def _quality(cells: MuData) -> None:
    try:
        found = quality(cells)
    except DataError:
        # The finding above already says that the counts are unusable; there is nothing to draw.
        return
    for modality, table in found.groupby("modality", sort=False):
        measures = {
            f"counts in a cell, {MEASURED.get(modality, modality)}": table["counts"].to_numpy(),
            f"{MEASURED.get(modality, modality)} seen in a cell": table["features"].to_numpy(),
        }
        fig = quality_figure(measures, pd.Series("all cells", index=table.index).to_numpy(), look=look(), height=220)
        st.plotly_chart(fig, key=f"upload-quality-{modality}", theme=None, alt=f"Counts and features per cell of {modality}")


def _command(name: str, columns: Columns) -> str:
    parts = ["virtualcell", "train", shlex.quote(name)]
    for option, value in (
        ("--time", columns.time),
        ("--time-unit", columns.time_unit if columns.time is not None else None),
        ("--perturbation", columns.perturbation),
        ("--batch", columns.batch),
        ("--state", columns.state),
        ("--clones", columns.clones),
    ):
        if value is not None:
            parts += [option, shlex.quote(value)]
    if columns.perturbation is not None:
        parts += ["--control", shlex.quote(columns.control)]
    return " ".join([*parts, "--out", "my-model"])

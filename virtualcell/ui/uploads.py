"""A reader's own cells: a file that was uploaded, deleted with the session, or one of the data folder of this server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st
from mudata import MuData

from virtualcell import jobs
from virtualcell.data.changes import told
from virtualcell.data.check import guess_columns
from virtualcell.data.fixes import Draft
from virtualcell.data.folder import files, inside
from virtualcell.data.guess import time_words
from virtualcell.data.read import KINDS, read
from virtualcell.data.times import text_times
from virtualcell.schema import Columns, DataError
from virtualcell.ui.words import MEASURED, literal

__all__ = ["KINDS", "Given", "give", "given"]

_GIVEN, _FOLDER, _NONE = "own-cells", "upload-folder", "choose a file"


@dataclass
class Given:
    """The cells that a reader gave in this session, and what was said of them until now."""

    name: str
    path: Path | None
    """Where the file lies in the data folder; None for an upload, which is deleted once it is read."""
    original: MuData
    cells: MuData
    columns: Columns
    guess: Columns
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def draft(self) -> Draft:
        return Draft(self.cells, self.columns, self.kinds)

    @property
    def changed(self) -> list[str]:
        """What was done to the cells after they were read."""
        return told(self.cells)


class _Folder:
    """A folder that goes away with the session that holds it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="virtualcell-")
        self.path = Path(self._folder.name)


def given() -> Given | None:
    """The cells of this session, if there are any."""
    return st.session_state.get(_GIVEN)


def give() -> Given | None:
    """The first step: takes cells from the reader. None until there are some; then says in one line what they are."""
    own = given()
    if own is None:
        _ask()
        own = given()
        if own is None:
            return None
        st.rerun()  # draws the page without the places to give cells
    line, other = st.columns([4, 1], vertical_alignment="center")
    parts = ", ".join(f"{adata.n_vars:,} {MEASURED.get(name, name)}" for name, adata in own.cells.mod.items())
    line.markdown(f"**{literal(own.name)}**: {own.cells.n_obs:,} cells, {parts}.")
    other.button("Give other cells", key="other-cells", on_click=_forget, width="stretch")
    return own


def _ask() -> None:
    root = jobs.data_root()
    left, right = st.columns(2, gap="large")
    with left:
        upload = st.file_uploader("Upload one file", key="upload", help="At most 200 MB.")
        st.caption(
            f"VirtualCell reads {KINDS}. What you upload is deleted when you leave, except the cells of models that you train. "
            "Nothing in a file is ever run."
        )
    with right:
        if root is None:
            st.markdown("Or a file on the server")
            st.caption(
                "No folder was named here. For files over 200 MB, whoever runs this app can name a folder to choose from: set "
                "VIRTUALCELL_DATA to its path and start the app again."
            )
            chosen = None
        else:
            found = files(root)
            chosen = st.selectbox("Or a file on the server", [_NONE, *found], key="file", bind="query-params")
            st.caption(f"{len(found):,} file(s) that can be read in the data folder of this server.")
    with st.expander("What should be in the file?"):
        st.markdown(
            "- **Raw counts** of each cell (whole numbers, not normalised): of genes, and where you have them of chromatin "
            "regions or surface proteins of the same cells.\n"
            "- **When** each cell was measured, as a column. With two times or more the model learns how cells move.\n"
            "- **What was done** to each cell, as a column, with a name for untreated cells.\n"
            "- Where known: cell types, batches, donors, clone barcodes.\n\n"
            "Nothing but the counts is needed. What is missing or written in another way is told in the next step, with a button "
            "for what can be put right here."
        )
    if upload is not None:
        _take(upload.name, lambda: (_uploaded(upload), None))
    elif root is not None and chosen not in (None, _NONE):
        folder = root
        _take(str(chosen), lambda: (read(path := inside(folder, str(chosen))), path))


def _take(name: str, reader: Any) -> None:
    """Reads the cells and keeps them for the session, or says on the page why they cannot be used."""
    try:
        with st.spinner("Reading the cells …", show_time=True):
            cells, path = reader()
    except DataError as error:
        st.error(f"**{literal(name)} cannot be used.** {error.problem}\n\n**What to do:** {error.next_step}")
        return
    except MemoryError:
        st.error(
            f"**{literal(name)} is too large for this page.**\n\n**What to do:** use the command line on a computer with more "
            "memory: `virtualcell train --help`."
        )
        return
    guess = guess_columns(cells)
    if guess.time is None:
        # Not a time yet, but it can be made one: the check offers it.
        found = text_times(cells.obs, time_words(cells.obs))
        guess = guess if found is None else Columns(**{**vars(guess), "time": found})
    st.session_state[_GIVEN] = Given(name, path, cells, cells, guess, guess)


def _uploaded(upload: Any) -> MuData:
    # Streamlit drops the session's state when the reader leaves, and the folder is deleted with it.
    folder = st.session_state.setdefault(_FOLDER, _Folder())
    for old in folder.path.iterdir():
        old.unlink()
    # Only the last part of the name: a name is text from outside and must not lead out of the folder.
    path = folder.path / (Path(upload.name.replace("\\", "/")).name or "cells")
    path.write_bytes(upload.getbuffer())
    try:
        return read(path)
    finally:
        path.unlink(missing_ok=True)


def _forget() -> None:
    """Back to the first step: nothing of these cells is kept, their columns included."""
    for key in list(st.session_state):
        if str(key).startswith("own-"):
            del st.session_state[key]
    st.session_state["file"] = _NONE

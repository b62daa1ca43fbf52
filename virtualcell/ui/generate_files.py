"""Drawn cells to take away. Every file says that they were drawn: in its name, in each cell's row and in its head."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from mudata import MuData

from virtualcell.demo import Bundle
from virtualcell.ui import downloads, link
from virtualcell.ui.parts import table_download
from virtualcell.ui.state import own

SYNTHETIC = "synthetic"
"""Name of the mark: a column of ``obs`` and a key of ``uns`` (``VirtualCell.synthetic``), and part of every file's name."""


def drawn_files(b: Bundle, name: str, cells: Callable[[], MuData], states: Callable[[], pd.DataFrame], more: str) -> None:
    """Three buttons and the sentence on the mark.

    cells: makes the drawn cells as ``VirtualCell.synthetic`` does; states: a row a drawn cell for the CSV, whose column
    "synthetic" is added here; both are called when the file is asked for. more: what is in the files.
    """
    address = link.address()

    def packed(kind: str) -> bytes:
        return written(cells(), kind, downloads.described(b, address))

    with st.popover("Drawn cells", width="stretch"):
        for label, kind in ((".h5mu", "h5mu"), (".h5ad", "h5ad")):
            st.download_button(
                f"Synthetic cells ({label})", lambda kind=kind: packed(kind), f"{b.demo.key}-{SYNTHETIC}-{name}.{kind}",
                "application/x-hdf5", key=own(b, f"{name}-{kind}"), on_click="ignore", width="stretch",
            )  # fmt: skip
        table_download(b, lambda: states().assign(**{SYNTHETIC: True}), f"{SYNTHETIC}-{name}-states", "Their states (CSV)")
        st.caption(more)
    st.caption(
        "Every file is marked as synthetic: in its name, in a column of each cell (obs) and, with generator, model, seed and "
        "settings, in its head (uns)."
    )


def written(cells: MuData, kind: str, provenance: dict[str, Any]) -> bytes:
    """The content of a file of drawn cells; "h5ad": of their first kind of measurement alone. The marks of ``cells`` stay."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cells.{kind}"
        out = cells if kind == "h5mu" else next(iter(cells.mod.values())).copy()
        if kind == "h5ad":
            for column, values in cells.obs.items():
                if ":" not in str(column) and column not in out.obs:
                    out.obs[column] = values.to_numpy()
        out.uns["virtualcell"] = dict(provenance)
        out.write(path, compression="gzip")
        return path.read_bytes()

"""Files that a reader takes away, each with its provenance."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
import streamlit as st

from virtualcell.data.quality import quality
from virtualcell.demo import Bundle
from virtualcell.schema import LATENT_KEY, UNS_KEY
from virtualcell.ui import state


def states(b: Bundle) -> pd.DataFrame:
    """Cell name, annotations, map position and state of every cell."""
    shown = {title: state.values(b, column) for title, (column, _) in state.known_columns(b).items()}
    table = pd.DataFrame({"cell": b.cells.obs_names, **shown, "map_1": b.umap2[:, 0], "map_2": b.umap2[:, 1]})
    latent = pd.DataFrame(b.state, columns=[f"state_{i + 1}" for i in range(b.state.shape[1])])
    return pd.concat([table, latent], axis=1)


def model_zip(b: Bundle) -> bytes:
    """The saved model's files, as ``VirtualCell.load`` reads them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(b.folder.iterdir()):
            archive.write(path, f"{b.demo.key}/{path.name}")
    return packed.getvalue()


def h5mu(b: Bundle) -> bytes:
    """The cells with their states in ``obsm["X_vc"]``, the map in ``obsm["X_umap"]`` and provenance in ``uns["virtualcell"]``."""
    cells = b.cells.copy()
    cells.obsm[LATENT_KEY], cells.obsm["X_umap"] = b.state, b.umap2
    cells.uns[UNS_KEY] = b.model.provenance()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5mu"
        cells.write(path)
        return path.read_bytes()


def main_annotation(b: Bundle) -> tuple[pd.Series, str]:
    """The annotation that a first view is coloured by, and its kind."""
    column, kind = next(iter(state.known_columns(b).values()))
    return pd.Series(state.values(b, column), index=b.cells.obs_names), kind


@st.cache_resource(max_entries=8, show_spinner="Counting what was measured in each cell …")
def _quality(key: str, digest: str) -> pd.DataFrame:
    return quality(state.bundle(key).cells)


def quality_of(b: Bundle) -> pd.DataFrame:
    """Counts and features of every cell, by modality; computed once."""
    return _quality(b.demo.key, b.model.record["digest"])

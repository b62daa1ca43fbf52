"""Files that a reader takes away, each with its provenance."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from anndata import AnnData
from mudata import MuData

from virtualcell.data.quality import quality
from virtualcell.demo import Bundle
from virtualcell.schema import LATENT_KEY, UNS_KEY
from virtualcell.training.given import RNA
from virtualcell.ui import state

Annotations = Mapping[str, np.ndarray]
"""Name -> (cells,) names that a reader gave to cells."""


def states(b: Bundle, annotations: Annotations | None = None) -> pd.DataFrame:
    """Cell name, annotations, map position and state of every cell."""
    shown = {title: state.values(b, column) for title, (column, _) in state.known_columns(b).items()}
    shown |= {name: np.asarray(values) for name, values in (annotations or {}).items()}
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


def described(b: Bundle, link: str = "") -> dict[str, str]:
    """What a file of cells says of itself in ``uns["virtualcell"]``: version, digest and source of the data, seed, settings, and
    the link of the view from which it was taken."""
    found = {name: str(value) for name, value in b.model.provenance().items()}
    return found | {"data": b.demo.title, "source": b.demo.citation, "link": link}


def h5mu(b: Bundle, link: str = "", annotations: Annotations | None = None) -> bytes:
    """The cells with their states in ``obsm["X_vc"]``, the map in ``obsm["X_umap"]`` and ``described`` in
    ``uns["virtualcell"]``; annotations become columns of obs."""
    cells = b.cells.copy()
    cells.obsm[LATENT_KEY], cells.obsm["X_umap"] = b.state, b.umap2
    cells.uns[UNS_KEY] = described(b, link)
    for name, values in (annotations or {}).items():
        cells.obs[name] = pd.Categorical(np.asarray(values).astype(str))
    return _written(cells, "cells.h5mu")


def h5ad(b: Bundle, link: str = "", annotations: Annotations | None = None) -> bytes:
    """The RNA of the cells in which it was measured, with all annotations of these cells; otherwise as ``h5mu``."""
    rna = b.cells.mod[RNA].copy()
    rows = b.cells.obs_names.get_indexer(rna.obs_names)
    for name in b.cells.obs.columns.difference(rna.obs.columns, sort=False):
        rna.obs[name] = b.cells.obs[name].to_numpy()[rows]
    for name, values in (annotations or {}).items():
        rna.obs[name] = pd.Categorical(np.asarray(values).astype(str)[rows])
    rna.obsm[LATENT_KEY], rna.obsm["X_umap"] = b.state[rows], b.umap2[rows]
    rna.uns[UNS_KEY] = described(b, link)
    return _written(rna, "cells.h5ad")


def _written(cells: MuData | AnnData, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
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

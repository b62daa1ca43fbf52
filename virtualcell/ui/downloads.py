"""Files that a reader takes away, each with its provenance."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from virtualcell.data.quality import quality
from virtualcell.demo import Bundle
from virtualcell.explore import Annotation, export_bytes
from virtualcell.training.given import RNA
from virtualcell.ui import state

Annotations = Sequence[Annotation]
"""Names that a reader gave to cells."""


def states(b: Bundle, annotations: Annotations = ()) -> pd.DataFrame:
    """Cell name, annotations, map position and state of every cell."""
    shown = {title: state.values(b, column) for title, (column, _) in state.known_columns(b).items()}
    shown |= {one.column: one.values.astype(str).to_numpy() for one in annotations}
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


def h5mu(b: Bundle, link: str = "", annotations: Annotations = ()) -> bytes:
    """The cells with their states in ``obsm["X_vc"]``, the map in ``obsm["X_umap"]`` and ``described`` in
    ``uns["virtualcell"]``; annotations become columns of obs, and how they were chosen stands beside the provenance."""
    return _written(b, "h5mu", link, annotations)


def h5ad(b: Bundle, link: str = "", annotations: Annotations = ()) -> bytes:
    """The RNA of the cells in which it was measured, with all annotations of these cells; otherwise as ``h5mu``."""
    return _written(b, "h5ad", link, annotations)


def _written(b: Bundle, kind: str, link: str, annotations: Annotations) -> bytes:
    return export_bytes(
        b.cells,
        kind,
        provenance=described(b, link),
        state=b.state,
        maps={"X_umap": b.umap2},
        annotations=annotations,
        modality=RNA,
    )


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

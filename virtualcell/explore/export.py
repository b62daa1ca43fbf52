"""Cells with states, maps and annotations as a file for other tools, with where all of it is from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
from mudata import MuData

from virtualcell.explore.annotate import Annotation
from virtualcell.schema import LATENT_KEY, UNS_KEY, DataError

FORMATS = ("h5ad", "h5mu")


def export(
    cells: MuData,
    path: str | Path,
    *,
    provenance: Mapping[str, Any],
    state: np.ndarray | None = None,
    maps: Mapping[str, np.ndarray] | None = None,
    annotations: Sequence[Annotation] = (),
    rows: np.ndarray | None = None,
    modality: str = "rna",
) -> Path:
    """Writes prepared cells to ``path`` (.h5mu: all modalities; .h5ad: one) and returns it; ``cells`` is not changed.

    provenance: of the model (``VirtualCell.provenance()``: version, data digest, seed, settings). state: (cells, d), written to
    ``obsm["X_vc"]``; maps: ``obsm`` key -> (cells, 2 or 3), such as "X_umap". annotations: columns of ``obs``. rows: cells to
    write, all without. modality: the one of an .h5ad file, whose obs then also holds the facts of the whole cells.

    ``uns["virtualcell"]`` gets the provenance and, under "annotations", each annotation's column and how its cells were chosen
    (JSON text), so that it can be made again. Raises DataError where the format is unknown, an annotation would replace a column
    that was measured, or something has another number of cells.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise DataError(f"{path.name} ends in neither .h5ad nor .h5mu.", next_step="choose one of the two.", file=path.name)
    columns = [one.column for one in annotations]
    taken = [name for name in columns if name in cells.obs or columns.count(name) > 1]
    if taken:
        raise DataError(f"There is already an annotation {taken[0]!r}.", next_step="give it another name.", field=taken[0])
    placed = dict(maps or {}) | ({LATENT_KEY: state} if state is not None else {})
    for name, values in [*placed.items(), *((one.column, one.values) for one in annotations)]:
        if len(values) != cells.n_obs:
            raise DataError(
                f"It is for {len(values)} cells; there are {cells.n_obs}.",
                next_step="compute it again for these cells.",
                field=name,
            )
    where = np.arange(cells.n_obs) if rows is None else np.unique(np.asarray(rows, dtype=np.int64))
    if not len(where):
        raise DataError("There are no cells to write.", next_step="choose some.", field="rows")
    # A copy of what is written alone: others read the same cells at the same time.
    out, where = (cells[where].copy(), where) if kind == "h5mu" else _one(cells, modality, where)
    for name, values in placed.items():
        out.obsm[name] = np.asarray(values)[where]
    for one in annotations:
        out.obs[one.column] = one.values.iloc[where].to_numpy()
        out.obs[one.column] = out.obs[one.column].astype("category")
    chosen = {} if rows is None else {"cells_written": len(where), "cells_in_all": int(cells.n_obs)}
    record = {"annotations": {one.column: one.record()["definitions"] for one in annotations}} if annotations else {}
    out.uns[UNS_KEY] = dict(provenance) | chosen | record
    out.write(path, compression="gzip")
    return path


def export_bytes(cells: MuData, kind: str, **given: Any) -> bytes:
    """The same as the content of a file, for a download; ``kind`` is "h5ad" or "h5mu"."""
    with tempfile.TemporaryDirectory() as folder:
        return export(cells, Path(folder) / f"cells.{kind}", **given).read_bytes()


def definitions_in(record: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """How annotations of an exported file were made: column -> definitions, from its ``uns["virtualcell"]``."""
    return {column: json.loads(str(text)) for column, text in dict(record.get("annotations", {})).items()}


def _one(cells: MuData, modality: str, rows: np.ndarray) -> tuple[ad.AnnData, np.ndarray]:
    """One modality of those cells in whose table they stand, and their rows among all cells."""
    if modality not in cells.mod:
        raise DataError(f"There is no {modality}.", next_step=f"choose one of {', '.join(cells.mod)}.", field="modality")
    found = cells.mod[modality].obs_names.get_indexer(cells.obs_names[rows])
    rows, found = rows[found >= 0], found[found >= 0]
    if not len(rows):
        raise DataError(f"Of none of these cells {modality} was measured.", next_step="write an .h5mu file.", field="rows")
    out = cells.mod[modality][found].copy()
    for column, values in cells.obs.iloc[rows].items():
        # Facts of one modality ("rna:depth") stand in its own obs already.
        if ":" not in str(column) and column not in out.obs:
            out.obs[column] = values.to_numpy()
    for key, values in cells.obsm.items():
        if key not in cells.mod and key not in out.obsm:
            out.obsm[key] = np.asarray(values)[rows] if not hasattr(values, "tocsr") else values.tocsr()[rows]
    return out, rows

"""A map of each kind of measurement alone, for views side by side."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mudata import MuData
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from virtualcell.data.preprocess import RECORD_KEY
from virtualcell.explore.amounts import amounts
from virtualcell.explore.reembed import FewCells, reembed
from virtualcell.schema import DataError

SPACES = "spaces.safetensors"
"""File of a model's folder with these maps: it may be made again without touching the model."""

TITLES = {"rna": "RNA alone", "atac": "open chromatin alone", "protein": "surface proteins alone"}


def spaces(cells: MuData, *, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> dict[str, np.ndarray]:
    """Modality -> map of the cells in which it was measured, float32 (cells, 2), NaN in the others.

    cells: prepared. UMAP of the leading components of one modality (``reembed.components``): PCA of RNA, TF-IDF and SVD of open
    chromatin, PCA of proteins. Modalities without a matrix, with fewer than five measured cells or three features are left out.
    progress: told how many modalities are done, of how many. Takes tens of seconds for thousands of cells: compute it once.
    """
    found = {}
    for done, (name, adata) in enumerate(cells.mod.items()):
        if progress:
            progress(done, len(cells.mod))
        if adata.X is None or adata.n_vars < 3:
            continue
        there = np.flatnonzero(amounts(adata).measured)
        if len(there) < 5:
            continue
        found[name] = np.full((adata.n_obs, 2), np.nan, dtype=np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FewCells)
            found[name][there] = reembed(adata, there, seed=seed)
    if progress:
        progress(len(cells.mod), len(cells.mod))
    return found


def write_spaces(
    cells: MuData, folder: Path, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> dict[str, np.ndarray]:
    """Computes the maps of prepared cells, keeps them in a model's folder and returns them."""
    found = spaces(cells, seed=seed, progress=progress)
    save_file({name: np.ascontiguousarray(values) for name, values in found.items()}, folder / SPACES)
    return found


def read_spaces(folder: Path, n_cells: int) -> dict[str, np.ndarray] | None:
    """The maps that ``write_spaces`` kept; None where none were. Raises DataError where they are broken or of other cells."""
    if not (folder / SPACES).is_file():
        return None
    again = "build them with `python -m virtualcell.demo --maps`, or train again."
    try:
        found = load_file(folder / SPACES)
    except (OSError, SafetensorError) as error:
        raise DataError(f"The maps are broken ({error}).", next_step=again, file=str(folder / SPACES)) from error
    if any(values.shape != (n_cells, 2) for values in found.values()):
        raise DataError(f"The maps are not of these {n_cells:,} cells.", next_step=again, file=str(folder / SPACES))
    return found


def title(cells: MuData, modality: str) -> str:
    """What a reader calls the map of a modality: "RNA alone"."""
    kind = str(cells.mod[modality].uns.get(RECORD_KEY, {}).get("kind", modality)).split("-")[0]
    return TITLES.get(kind, f"{modality} alone")

"""Read measured cells from a file or folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import scanpy as sc
from mudata import MuData

from virtualcell.data.safety import refuse_unsafe
from virtualcell.schema import MEASURED_KEY, DataError

SOURCE_KEY = "virtualcell_source"
"""``uns`` slot with the name and the sha256 of the file that the cells came from."""

CHANGES = "changes"
"""Its entry with what was done to the cells after they were first read, one sentence each, in order; kept when they are written
and read again."""

KINDS = ".h5ad, .h5mu, .zarr, a 10x .h5, or a 10x folder with matrix.mtx.gz, barcodes.tsv.gz and features.tsv.gz"

NAMES = {
    "gene expression": "rna", "gex": "rna", "rna": "rna", "expression": "rna",
    "peaks": "atac", "atac": "atac", "chromatin accessibility": "atac",
    "antibody capture": "prot", "protein": "prot", "proteins": "prot", "prot": "prot", "adt": "prot",
}  # fmt: skip
"""Names that 10x and the ecosystem give to a kind of measurement, and ours."""

PEAK = re.compile(r"^(chr)?[\w.]+[:\-_]\d+[\-_]\d+$", re.IGNORECASE)


def read(path: str | Path) -> MuData:
    """Read .h5ad, .h5mu, .zarr, 10x .h5 or a 10x mtx folder into a MuData with modalities such as "rna", "atac" and "prot".

    Columns of ``obs`` that the modalities agree on stand in ``mdata.obs`` under their plain names; slots of ``obsm`` of a file
    with one modality also stand in ``mdata.obsm``. ``mdata.obsm["measured"]`` is boolean (cells, modalities in the order of
    ``mdata.mod``): a cell that a modality does not list is not measured there. ``mdata.uns["virtualcell_source"]``: the file's
    name and sha256. Raises DataError for a missing, empty, damaged or foreign file. Nothing that a file holds is ever run.
    """
    path = Path(path)
    reader = _reader(path)
    try:
        if path.suffix in {".h5ad", ".h5mu", ".h5", ".zarr"}:
            refuse_unsafe(path)
        cells = reader(path)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the readers below raise whatever their libraries raise on foreign bytes
        raise DataError(
            f"It cannot be read as {_kind(path)}: it is damaged, cut short, or something else under this name.",
            next_step=f"Copy the file again, or write it anew from the program that made it. VirtualCell reads {KINDS}.",
            file=path.name,
        ) from error
    modalities = dict(cells.mod) if isinstance(cells, MuData) else _split(cells)
    mdata = _assemble(modalities, cells if isinstance(cells, MuData) else None, path.name)
    earlier = mdata.uns.get(SOURCE_KEY, {}).get(CHANGES, [])
    mdata.uns[SOURCE_KEY] = {"file": path.name, "sha256": sha256(path)} | ({CHANGES: list(earlier)} if len(earlier) else {})
    return mdata


def measured(mdata: MuData) -> np.ndarray:
    """Boolean (cells, modalities in the order of ``mdata.mod``): listed by the modality and not denied by a stored mask."""
    present = np.stack([np.asarray(mdata.obsmap[name]).ravel() > 0 for name in mdata.mod], axis=1)
    if MEASURED_KEY not in mdata.obsm:
        return present
    stored = np.asarray(mdata.obsm[MEASURED_KEY], dtype=bool)
    if stored.shape != present.shape:
        raise DataError(
            f"It names {stored.shape[-1]} kinds of measurement, but there are {present.shape[1]}.",
            next_step=f'Delete obsm["{MEASURED_KEY}"] to take every listed cell as measured, or correct it.',
            field=f'obsm["{MEASURED_KEY}"]',
        )
    return present & stored


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file; of a folder: of the names and contents of its files in the order of their names."""
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(part for part in path.rglob("*") if part.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + bytes.fromhex(sha256(file)))
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reader(path: Path) -> Callable[[Path], MuData | anndata.AnnData]:
    if not path.exists():
        raise DataError("There is no such file.", next_step="Check the name and the folder.", file=path.name)
    if path.is_dir():
        names = {file.name for file in path.iterdir()}
        if not names:
            raise DataError("The folder is empty.", next_step=f"Choose {KINDS}.", file=path.name)
        if {"zarr.json", ".zgroup"} & names:
            return _read_zarr
        if {"matrix.mtx", "matrix.mtx.gz"} & names:
            return _read_mtx
        raise DataError("The folder holds neither a zarr store nor a 10x matrix.", next_step=f"Choose {KINDS}.", file=path.name)
    if path.stat().st_size == 0:
        raise DataError("The file is empty.", next_step="Copy it again: the transfer was probably cut short.", file=path.name)
    readers = {".h5ad": anndata.read_h5ad, ".h5mu": mudata.read_h5mu, ".h5": _read_10x}
    if path.suffix not in readers:
        raise DataError(
            f"VirtualCell does not read files that end in '{path.suffix}'.", next_step=f"Choose {KINDS}.", file=path.name
        )
    return readers[path.suffix]


def _kind(path: Path) -> str:
    if path.is_dir():
        return "a zarr store or a 10x folder"
    return {".h5ad": "AnnData (.h5ad)", ".h5mu": "MuData (.h5mu)", ".h5": "a 10x count matrix (.h5)"}[path.suffix]


def _read_zarr(path: Path) -> MuData | anndata.AnnData:
    refuse_unsafe(path)  # again, for stores whose folder does not end in .zarr
    return mudata.read_zarr(path) if (path / "mod").is_dir() else anndata.read_zarr(path)


def _read_10x(path: Path) -> anndata.AnnData:
    return sc.read_10x_h5(path, gex_only=False)


def _read_mtx(path: Path) -> anndata.AnnData:
    return sc.read_10x_mtx(path, gex_only=False)


def _split(adata: anndata.AnnData) -> dict[str, anndata.AnnData]:
    """One AnnData for each kind of measurement that ``var["feature_types"]`` names (10x)."""
    if "feature_types" in adata.var:
        kinds = adata.var["feature_types"].astype(str)
        if kinds.nunique() > 1:
            return {kind: adata[:, (kinds == kind).to_numpy()].copy() for kind in pd.unique(kinds)}
        if adata.n_vars and kinds.iloc[0].lower() in NAMES:
            return {kinds.iloc[0]: adata}
    looks_like_peaks = adata.n_vars > 0 and np.mean([bool(PEAK.match(str(name))) for name in adata.var_names[:1000]]) > 0.9
    return {"atac" if looks_like_peaks else "rna": adata}


def _assemble(modalities: dict[str, anndata.AnnData], stored: MuData | None, file: str) -> MuData:
    named: dict[str, anndata.AnnData] = {}
    for name, adata in modalities.items():
        ours = NAMES.get(name.lower().strip(), name.lower().strip().replace(" ", "_"))
        named[name if ours in named or (ours != name and ours in modalities) else ours] = adata
    if not named or all(adata.n_obs == 0 or adata.n_vars == 0 for adata in named.values()):
        raise DataError("It holds no cells or no features.", next_step="Choose a file with a matrix of counts.", file=file)
    if len(named) > 1 and any(not adata.obs_names.is_unique for adata in named.values()):
        raise DataError(
            "Several cells have the same name, so the kinds of measurement cannot be matched cell by cell.",
            next_step="Give every cell its own name (for example sample and barcode) in every kind of measurement.",
            file=file,
            field="obs_names",
        )
    mdata = MuData(named)
    mdata.obs = _common_obs(mdata, stored)
    if len(named) == 1:
        for key, values in next(iter(named.values())).obsm.items():
            mdata.obsm[key] = values
    if stored is not None:
        rows = stored.obs_names.get_indexer(mdata.obs_names)
        for key, values in stored.obsm.items():
            if key not in modalities:
                mdata.obsm[key] = values.iloc[rows] if isinstance(values, pd.DataFrame) else values[rows]
        mdata.uns.update(stored.uns)
    mdata.obsm[MEASURED_KEY] = measured(mdata)
    return mdata


def _common_obs(mdata: MuData, stored: MuData | None) -> pd.DataFrame:
    """Columns of the whole file and those of the modalities that agree wherever two of them describe the same cell."""
    obs = pd.DataFrame(index=mdata.obs_names)
    if stored is not None:
        prefixes = tuple(f"{name}:" for name in stored.mod)
        plain = [column for column in stored.obs.columns if not str(column).startswith(prefixes)]
        obs = stored.obs[plain].reindex(mdata.obs_names)
    for column in dict.fromkeys(column for adata in mdata.mod.values() for column in adata.obs.columns):
        parts = [adata.obs[column] for adata in mdata.mod.values() if column in adata.obs.columns]
        if column not in obs.columns and _agree(parts):
            obs[column] = _merge(parts, mdata.obs_names)
    return obs


def _agree(parts: list[pd.Series]) -> bool:
    first = parts[0]
    for other in parts[1:]:
        shared = first.index.intersection(other.index)
        one, two = first.loc[shared].astype(object), other.loc[shared].astype(object)
        if not ((one == two) | (one.isna() & two.isna())).all():
            return False
    return True


def _merge(parts: list[pd.Series], cells: pd.Index) -> pd.Series:
    if len(parts[0]) == len(cells) and parts[0].index.equals(cells):  # also right when names repeat
        return parts[0]
    whole = pd.concat(parts)
    whole = whole[~whole.index.duplicated()].reindex(cells)
    return whole.astype("category") if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts) else whole

"""The cells and what was said of them, as the model's parts take them."""

from __future__ import annotations

import hashlib
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from mudata import MuData

from virtualcell.modalities import MODALITIES
from virtualcell.schema import DEFAULT_KINDS, MEASURED_KEY, UNKNOWN, Columns, DataError

RNA = "rna"


def as_mudata(cells: MuData | ad.AnnData) -> MuData:
    """The cells as MuData; an AnnData is taken as RNA."""
    if isinstance(cells, MuData):
        return cells
    wrapped = MuData({RNA: cells})
    wrapped.obs = cells.obs.copy()
    for key, values in cells.obsm.items():
        if key not in (RNA, MEASURED_KEY):
            wrapped.obsm[key] = values
    wrapped.uns.update(cells.uns)
    return wrapped


def kinds_of(cells: MuData, chosen: dict[str, str]) -> dict[str, str]:
    """Kind of measurement of every modality that a model can use: the chosen kind, the usual one, or the one of its own name.

    Raises DataError where a chosen kind does not exist or is chosen for a modality that the cells do not have.
    """
    for key, kind in chosen.items():
        if kind not in MODALITIES:
            raise DataError(f"{kind!r} is no kind of measurement.", next_step=f"choose among {', '.join(MODALITIES)}.", field=key)
        if key not in cells.mod:
            raise DataError(
                f"The cells have {', '.join(cells.mod)}, no {key!r}.", next_step="name a modality of the cells.", field="kinds"
            )
    known = {name: name for name in MODALITIES} | DEFAULT_KINDS | chosen
    return {key: known[key] for key in cells.mod if key in known}


def data_digest(cells: MuData, kinds: dict[str, str] | None = None) -> str:
    """sha256 of names and values of the cells: the same measurements give the same digest in whatever file they come."""
    kinds = kinds_of(cells, {}) if kinds is None else kinds
    digest = hashlib.sha256()
    for name in sorted(kinds):
        adata = cells.mod[name]
        values = MODALITIES[kinds[name]].read(adata, name)
        for part in ("\n".join(adata.obs_names), "\n".join(adata.var_names)):
            digest.update(part.encode())
        if not sp.issparse(values):
            digest.update(np.ascontiguousarray(values.astype("<f4")).tobytes())
            continue
        values.sort_indices()
        for array in (values.data.astype("<f4"), values.indices.astype("<i8"), values.indptr.astype("<i8")):
            digest.update(array.tobytes())
    return digest.hexdigest()


def clone_matrix(cells: MuData, key: str | None) -> sp.csr_matrix | None:
    """Barcodes (cells, clones) of the slot ``key`` of obsm, None where no slot was named."""
    if key is None:
        return None
    if key in cells.obsm:
        return sp.csr_matrix(cells.obsm[key])
    raise DataError(
        f"There is no clone matrix {key!r} in obsm.", next_step="name the obsm slot with the (cells, clones) barcodes.", field=key
    )


def known_growth(cells: MuData, columns: Columns, time: np.ndarray | None, moments: np.ndarray | None) -> dict[str, Any]:
    """Arguments of the predictor's training that say what was measured of division."""
    if columns.growth is not None and columns.population_size is not None:
        raise DataError("Growth rates and population sizes were both named.", next_step="name one of them.", field="growth")
    for column in (columns.growth, columns.population_size):
        if column is not None and (column not in cells.obs or not pd.api.types.is_numeric_dtype(cells.obs[column])):
            raise DataError(f"There is no numeric column {column!r} in obs.", next_step="name one of numbers.", field=column)
        if column is not None and (time is None or moments is None):
            raise DataError("Growth is a rate in time, and there is no time.", next_step="name the time column.", field=column)
    if columns.growth is not None and time is not None:
        rates = cells.obs[columns.growth].to_numpy(dtype=float) * (time.max() - time.min())
        if not np.isfinite(rates).all():
            raise DataError(
                "A growth rate is not a number.", next_step="give a finite rate for every cell.", field=columns.growth
            )
        return {"growth": "given", "growth_rates": rates}
    if columns.population_size is not None and moments is not None:
        sizes = cells.obs[columns.population_size].to_numpy(dtype=float)
        of_time = {float(t): np.unique(sizes[moments == t]) for t in np.unique(moments)}
        if any(len(found) != 1 for found in of_time.values()):
            raise DataError(
                "Cells of one time have different population sizes.",
                next_step="give every cell the number of cells of the whole culture at its time.",
                field=columns.population_size,
            )
        return {"growth": "sizes", "population_sizes": {t: float(found[0]) for t, found in of_time.items()}}
    return {}


def labels_of(cells: MuData, columns: Columns) -> np.ndarray:
    """What each cell is called, (cells,): its annotation, else its time, else its treatment."""
    if columns.state is not None:
        given = cells.obs[columns.state]
        return given.astype(object).where(given.notna(), UNKNOWN).astype(str).to_numpy()
    if columns.time is not None:
        return np.array([f"{t:g} {columns.time_unit}" for t in cells.obs[columns.time].to_numpy(dtype=float)])
    if columns.perturbation is not None:
        return cells.obs[columns.perturbation].astype(str).to_numpy()
    return np.full(cells.n_obs, "cell")

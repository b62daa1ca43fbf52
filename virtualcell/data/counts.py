"""Find the raw counts of a measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from anndata import AnnData

from virtualcell.schema import COUNTS_LAYER, DataError

TOLERANCE = 1e-3
"""How far a value may lie from a whole number: counts recovered from normalised values carry rounding errors."""

LARGEST = 2**24
"""From here on float32 no longer tells neighbouring whole numbers apart."""

NEXT_STEP = f'Put the raw counts (whole numbers, not normalised) into layers["{COUNTS_LAYER}"] and write the file again.'


def counts_of(adata: AnnData, *, file: str | None = None, modality: str | None = None) -> sp.csr_matrix:
    """Raw counts, float32 CSR (cells, features), whole numbers from 0 up.

    Looked for in this order: ``layers["counts"]``; ``X`` where it holds whole numbers; a layer whose name starts with "counts";
    ``raw.X`` where it holds whole numbers. A layer named for counts that holds none is an error, not a reason to look further.
    Raises DataError that says what stands there instead.
    """
    where = f"{modality}: " if modality else ""
    if COUNTS_LAYER in adata.layers:
        return _required(adata.layers[COUNTS_LAYER], file, f'{where}layers["{COUNTS_LAYER}"]')
    problem = None if adata.X is None else why_not_counts(adata.X)
    if adata.X is not None and problem is None:
        return _csr(adata.X)
    for name in adata.layers:
        if name is not None and str(name).startswith(COUNTS_LAYER):
            return _required(adata.layers[name], file, f'{where}layers["{name}"]')
    if adata.raw is not None and adata.var_names.isin(adata.raw.var_names).all():
        raw = adata.raw[:, adata.var_names].X
        if why_not_counts(raw) is None:
            return _csr(raw)
    raise DataError(problem or "There is no matrix of values.", next_step=NEXT_STEP, file=file, field=f"{where}X")


def why_not_counts(matrix: Any) -> str | None:
    """What is wrong with (cells, features) values as counts, in plain words; None when they are whole numbers from 0 up."""
    matrix = matrix if sp.issparse(matrix) else np.asarray(matrix)
    values = matrix.data if sp.issparse(matrix) else matrix.ravel()
    if values.dtype.kind not in "biuf":
        return "The matrix holds text, not numbers."
    if not np.isfinite(values).all():
        cells = len(np.unique(sp.csr_matrix(~np.isfinite(matrix)).nonzero()[0])) if not sp.issparse(matrix) else _bad_rows(matrix)
        return f"{cells} cell(s) hold values that are missing (NaN) or infinite."
    if values.size and values.min() < 0:
        return f"There are values below zero (lowest {values.min():.3g}): they are scaled or centred, not counted."
    if values.size and values.max() >= LARGEST:
        return f"There are values up to {values.max():.3g}, too large to be counts of molecules."
    if values.dtype.kind == "f" and values.size and np.abs(values - np.rint(values)).max() > TOLERANCE:
        if values.max() < 20:
            return f"The values are not whole numbers and end at {values.max():.3g}: they look log-normalised, not counted."
        return "The values are not whole numbers: they look normalised, not counted."
    return None


def _bad_rows(matrix: Any) -> int:
    coo = matrix.tocoo()
    return len(np.unique(coo.row[~np.isfinite(coo.data)]))


def _required(matrix: Any, file: str | None, field: str) -> sp.csr_matrix:
    problem = why_not_counts(matrix)
    if problem:
        raise DataError(problem, next_step=NEXT_STEP, file=file, field=field)
    return _csr(matrix)


def _csr(matrix: Any) -> sp.csr_matrix:
    """A new float32 CSR matrix of whole numbers, without stored zeros; the input is left as it is."""
    counts = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
    counts.sum_duplicates()
    np.rint(counts.data, out=counts.data)
    counts.eliminate_zeros()
    return counts

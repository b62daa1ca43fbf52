"""In-silico edits: what the model reads once a gene's counts are taken away."""

from __future__ import annotations

import dataclasses

import scipy.sparse as sp

from virtualcell.schema import DataError
from virtualcell.training.given import RNA
from virtualcell.training.table import CellTable


def without_gene(table: CellTable, features: dict[str, list[str]], gene: str) -> CellTable:
    """The same cells with none of that gene's counts. Raises DataError where the model does not read it, or none can be taken."""
    names = features.get(RNA, [])
    if gene not in names:
        raise DataError(f"The model does not read the gene {gene!r}.", next_step="choose a gene of model.features().", field=RNA)
    if not table.mask[:, list(features).index(RNA)].any():
        raise DataError("None of these cells has RNA counts to take away.", next_step="give cells with RNA.", field=RNA)
    counts = table.values[RNA].copy()
    if not isinstance(counts, sp.csr_matrix):
        raise DataError(
            "RNA was read as values on a continuous scale, of which none can be taken away.",
            next_step="fit a model to RNA counts.",
            field=RNA,
        )
    # In place: another order of the other counts would change the last digit of every sum.
    counts.data[counts.indices == names.index(gene)] = 0.0
    return dataclasses.replace(table, values=table.values | {RNA: counts})

"""The measured cells as a network reads them: count matrices with named features, a mask of what was measured, batch codes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from mudata import MuData
from torch import Tensor

from virtualcell.data.counts import counts_of
from virtualcell.schema import MEASURED_KEY, DataError


@dataclass(frozen=True)
class CellTable:
    """counts[m]: csr float32 (cells, features[m]); mask: (cells, modalities) bool; batch: (cells,) int64."""

    counts: dict[str, sp.csr_matrix]
    mask: np.ndarray
    batch: np.ndarray

    @property
    def n_cells(self) -> int:
        return len(self.mask)

    def batch_of(self, rows: np.ndarray, device: torch.device) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Dense counts, mask and batch codes of some rows on a device."""
        counts = {m: torch.from_numpy(x[rows].toarray()).to(device) for m, x in self.counts.items()}
        return counts, torch.from_numpy(self.mask[rows]).to(device), torch.from_numpy(self.batch[rows]).to(device)


def make_table(
    cells: MuData,
    features: dict[str, list[str]],
    batch: str | None = None,
    batches: list[str] | None = None,
    modalities: list[str] | None = None,
) -> CellTable:
    """Aligns cells (raw or preprocessed) with the features that a model knows.

    features[m]: names in the model's order; batches: names of the model's batches (code -1: one that it does not know, read as
    the average batch with a warning); modalities: read these only. Raises DataError where no modality or too few features are
    shared.
    """
    wanted = list(features) if modalities is None else modalities
    shared = [m for m in wanted if m in cells.mod and m in features]
    if not shared:
        raise DataError(
            f"The cells have {', '.join(cells.mod)}; the model reads {', '.join(wanted)}.",
            next_step="rename the modalities (rna, atac, prot) or choose a model trained on these measurements.",
            field="modalities",
        )
    if not cells.obs_names.is_unique:
        raise DataError("Several cells have the same name.", next_step="call obs_names_make_unique() first.", field="obs_names")
    n = cells.n_obs
    given = np.asarray(cells.obsm[MEASURED_KEY], dtype=bool) if MEASURED_KEY in cells.obsm else None
    mask = np.zeros((n, len(features)), dtype=bool)
    counts: dict[str, sp.csr_matrix] = {}
    for column, m in enumerate(features):
        if m not in shared:
            counts[m] = sp.csr_matrix((n, len(features[m])), dtype=np.float32)
            continue
        adata = cells.mod[m]
        place = ad.utils.make_index_unique(pd.Index(adata.var_names.astype(str))).get_indexer(features[m])
        found = place >= 0
        if found.mean() < 0.5:
            raise DataError(
                f"Only {found.sum()} of the {len(found)} {m} features that the model reads are in these cells.",
                next_step="check species and naming (symbols or Ensembl ids, genome build), or train a model on these cells.",
                field=f"{m}.var_names",
            )
        if not found.all():
            warnings.warn(f"{(~found).sum()} of {len(found)} {m} features are missing and are read as zero counts.", stacklevel=2)
        raw = counts_of(adata, modality=m)
        picked = sp.csr_matrix(raw[:, place[found]])
        # Columns into the model's order, absent features as zeros.
        spread = sp.csr_matrix(
            (np.ones(found.sum(), np.float32), (np.arange(found.sum()), np.flatnonzero(found))), shape=(found.sum(), len(found))
        )
        aligned = sp.csr_matrix(picked @ spread, dtype=np.float32)
        if m == "atac":
            aligned.data[:] = 1.0
        rows = pd.Index(cells.obs_names).get_indexer(adata.obs_names)
        lift = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, np.arange(len(rows)))), shape=(n, len(rows)))
        counts[m] = sp.csr_matrix(lift @ aligned, dtype=np.float32)
        present = np.zeros(n, dtype=bool)
        present[rows] = True
        if given is not None:
            present &= given[:, list(cells.mod).index(m)]
        mask[:, column] = present & (np.asarray(counts[m].sum(1)).ravel() > 0)
    if not mask.any(1).all():
        raise DataError(
            f"{int((~mask.any(1)).sum())} cells have no count in any feature that the model reads.",
            next_step="leave those cells out (virtualcell.data.preprocess does) and try again.",
            field="counts",
        )
    codes = np.full(n, -1 if batches else 0, dtype=np.int64)
    if batch is not None and batches:
        if batch not in cells.obs:
            raise DataError(
                f"There is no column {batch!r} in obs.",
                next_step="name the batch column that the model was trained with.",
                field=batch,
            )
        codes = pd.Index(batches).get_indexer(cells.obs[batch].astype(str)).astype(np.int64)
        if (codes < 0).any():
            warnings.warn(
                f"{(codes < 0).sum()} cells come from batches that the model never saw; read as the average batch.",
                stacklevel=2,
            )
    return CellTable(counts, mask, codes)

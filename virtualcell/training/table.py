"""The measured cells as a network reads them: values of named features, a mask of what was measured, batch codes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from mudata import MuData
from torch import Tensor

from virtualcell.modalities import Counts, Modality, Values, modality_of
from virtualcell.schema import MEASURED_KEY, DataError


@dataclass(frozen=True)
class CellTable:
    """values[key]: csr float32 (cells, features) of sparse kinds, float32 (cells, width * features) of others; mask: (cells,
    modalities in the order of ``values``) bool; batch: (cells,) int64; depth[key]: (cells,) float32 of sparse kinds whose values
    were edited: what was counted in each cell before, and is read as its depth."""

    values: dict[str, sp.csr_matrix | np.ndarray]
    mask: np.ndarray
    batch: np.ndarray
    depth: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def n_cells(self) -> int:
        return len(self.mask)

    def rows(self, rows: np.ndarray, device: torch.device) -> tuple[dict[str, Values], Tensor, Tensor]:
        """Values, mask and batch codes of some rows on a device."""
        values: dict[str, Values] = {
            key: Counts.of(x[rows], device) if sp.issparse(x) else torch.from_numpy(x[rows]).to(device)
            for key, x in self.values.items()
        }
        for key, depth in self.depth.items():
            values[key] = replace(cast(Counts, values[key]), whole_depth=torch.from_numpy(depth[rows])[:, None].to(device))
        return values, torch.from_numpy(self.mask[rows]).to(device), torch.from_numpy(self.batch[rows]).to(device)

    def take(self, rows: np.ndarray) -> CellTable:
        """The table of some rows: numbers or (cells,) bool."""
        depth = {key: x[rows] for key, x in self.depth.items()}
        return CellTable({key: x[rows] for key, x in self.values.items()}, self.mask[rows], self.batch[rows], depth)

    def only(self, keys: Sequence[str]) -> CellTable:
        """The table of some modalities, in the order given."""
        place = [list(self.values).index(key) for key in keys]
        depth = {key: x for key, x in self.depth.items() if key in keys}
        return CellTable({key: self.values[key] for key in keys}, self.mask[:, place], self.batch, depth)


BETWEEN = " / "
"""Between the names of a batch and of a donor, where both are known."""


def batch_labels(obs: pd.DataFrame, columns: str | Sequence[str]) -> pd.Series:
    """Batch of each cell, (cells,): what stands in the column, or "first / second" where batch and donor are both known."""
    names = [columns] if isinstance(columns, str) else list(columns)
    for name in names:
        if name not in obs:
            raise DataError(
                f"There is no column {name!r} in obs.",
                next_step="name the batch column that the model was trained with.",
                field=name,
            )
    labels = obs[names[0]].astype(str)
    for name in names[1:]:
        labels = labels + BETWEEN + obs[name].astype(str)
    return labels


def batches_apart(batches: Sequence[str], codes: np.ndarray, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """What stood in each of the columns that ``batch_labels`` made one of, (cells,) str each, for codes (cells,) of batches; ""
    for -1; {} where a name itself holds what stands between the two."""
    parts = [name.split(BETWEEN, len(columns) - 1) if name.count(BETWEEN) < len(columns) else [] for name in batches]
    if not columns or any(len(part) != len(columns) for part in parts):
        return {}
    known = np.asarray([*parts, [""] * len(columns)], dtype=object)
    return {column: known[codes, i].astype(str) for i, column in enumerate(columns)}


def make_table(
    cells: MuData,
    features: dict[str, list[str]],
    batch: str | Sequence[str] | None = None,
    batches: list[str] | None = None,
    modalities: list[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    *,
    empty: bool = False,
) -> CellTable:
    """Aligns cells (raw or preprocessed) with the features that a model knows.

    features[m]: names in the model's order; batch: column of obs, or several whose combinations are batches; batches: names of
    the model's batches (code -1: one that it does not know, read as the average batch with a warning); modalities: read
    these only; kinds[m]: kind of measurement (default: ``DEFAULT_KINDS``). A cell without any count is not measured there;
    empty: whether cells without any at all may be among them. Raises DataError where no modality or too few features are shared,
    or where a feature is missing of which zero would be a value like any other (continuous kinds).
    """
    wanted = list(features) if modalities is None else modalities
    shared = [m for m in wanted if m in cells.mod and m in features]
    if not shared:
        raise DataError(
            f"The cells have {', '.join(cells.mod)}; the model reads {', '.join(wanted)}.",
            next_step="rename the modalities or choose a model trained on these measurements.",
            field="modalities",
        )
    if not cells.obs_names.is_unique:
        raise DataError("Several cells have the same name.", next_step="call obs_names_make_unique() first.", field="obs_names")
    n = cells.n_obs
    given = np.asarray(cells.obsm[MEASURED_KEY], dtype=bool) if MEASURED_KEY in cells.obsm else None
    mask = np.zeros((n, len(features)), dtype=bool)
    values: dict[str, sp.csr_matrix | np.ndarray] = {}
    for column, m in enumerate(features):
        kind = modality_of(m, kinds)
        if m not in shared:
            shape = (n, kind.width * len(features[m]))
            values[m] = sp.csr_matrix(shape, dtype=np.float32) if kind.sparse else np.zeros(shape, np.float32)
            continue
        adata = cells.mod[m]
        aligned = _aligned(kind.read(adata, m), _places(adata, features[m], m, kind), kind)
        rows = pd.Index(cells.obs_names).get_indexer(adata.obs_names)
        values[m] = _lifted(aligned, rows, n)
        present = np.zeros(n, dtype=bool)
        present[rows] = True
        if given is not None:
            present &= given[:, list(cells.mod).index(m)]
        if kind.counted:
            present &= np.asarray(values[m].sum(1)).ravel() > 0
        mask[:, column] = present
    if not (empty or mask.any(1).all()):
        raise DataError(
            f"{int((~mask.any(1)).sum())} cells have no count or value in any feature that the model reads.",
            next_step="leave those cells out (virtualcell.data.preprocess does) and try again.",
            field="counts",
        )
    codes = np.full(n, -1 if batches else 0, dtype=np.int64)
    if batch and batches:
        labels = batch_labels(cells.obs, batch)
        codes = pd.Index(batches).get_indexer(labels).astype(np.int64)
        if (codes < 0).any():
            warnings.warn(
                f"{(codes < 0).sum()} cells come from batches that the model never saw; read as the average batch.",
                stacklevel=2,
            )
    return CellTable(values, mask, codes)


def _places(adata: ad.AnnData, names: list[str], m: str, kind: type[Modality]) -> np.ndarray:
    """Column of each of the model's features in the AnnData, -1 where there is none."""
    place = ad.utils.make_index_unique(pd.Index(adata.var_names.astype(str))).get_indexer(names)
    found = place >= 0
    if found.mean() < 0.5:
        raise DataError(
            f"Only {found.sum()} of the {len(found)} {m} features that the model reads are in these cells.",
            next_step="check species and naming (symbols or Ensembl ids, genome build), or train a model on these cells.",
            field=f"{m}.var_names",
        )
    if not found.all() and not kind.counted:
        lacking = ", ".join(np.asarray(names, dtype=object)[~found][:5])
        raise DataError(
            f"{(~found).sum()} of the {len(found)} {m} features that the model reads are missing ({lacking}), and a missing "
            "value is no zero.",
            next_step="add these features, or train a model on those that were measured.",
            field=f"{m}.var_names",
        )
    if not found.all():
        warnings.warn(f"{(~found).sum()} of {len(found)} {m} features are missing and are read as zero counts.", stacklevel=3)
    return place


def _aligned(raw: sp.csr_matrix | np.ndarray, place: np.ndarray, kind: type[Modality]) -> sp.csr_matrix | np.ndarray:
    """Columns in the model's order, absent features as zeros; each of the ``width`` blocks of columns alike."""
    found = np.flatnonzero(place >= 0)
    if not sp.issparse(raw):
        blocks = np.asarray(raw).reshape(len(raw), kind.width, -1)
        spread = np.zeros((len(raw), kind.width, len(place)), np.float32)
        spread[:, :, found] = blocks[:, :, place[found]]
        return spread.reshape(len(raw), -1)
    ones = np.ones(len(found), np.float32)
    moved = sp.csr_matrix((ones, (np.arange(len(found)), found)), shape=(len(found), len(place)))
    return sp.csr_matrix(sp.csr_matrix(raw[:, place[found]]) @ moved, dtype=np.float32)


def _lifted(aligned: sp.csr_matrix | np.ndarray, rows: np.ndarray, n: int) -> sp.csr_matrix | np.ndarray:
    """Rows of a modality to the rows of all cells, zeros elsewhere."""
    if not sp.issparse(aligned):
        found = np.zeros((n, aligned.shape[1]), np.float32)
        found[rows] = aligned
        return found
    lift = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, np.arange(len(rows)))), shape=(n, len(rows)))
    return sp.csr_matrix(lift @ aligned, dtype=np.float32)

"""Genes of chosen cells as figures need them: values cell by cell, and means by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from anndata import AnnData

from virtualcell.data.gene_sets import symbol
from virtualcell.explore.amounts import amounts
from virtualcell.schema import UNKNOWN, DataError


@dataclass(frozen=True, eq=False)
class GroupMeans:
    """genes, groups: names; mean: (groups, genes) of X (log amounts); percent: (groups, genes) of cells in which the gene was
    seen, NaN for what is not counted; cells: (groups,) measured ones."""

    genes: tuple[str, ...]
    groups: tuple[str, ...]
    mean: np.ndarray
    percent: np.ndarray
    cells: np.ndarray


def values_of(adata: AnnData, genes: Sequence[str], rows: np.ndarray | None = None) -> np.ndarray:
    """X of some genes, dense float32 (cells, genes), NaN in cells in which the modality was not measured.

    rows: cells, all without. Raises DataError that names genes which are not there.
    """
    columns = _columns(adata, genes)
    rows = np.arange(adata.n_obs) if rows is None else np.asarray(rows)
    there = amounts(adata).measured[rows]
    # Columns first: of a sparse matrix that is far fewer entries than all genes of the rows.
    some = adata.X[:, columns]
    found = np.array(some.tocsr()[rows].toarray() if sp.issparse(some) else np.asarray(some)[rows], dtype=np.float32)
    found[~there] = np.nan
    return found


def by_group(adata: AnnData, genes: Sequence[str], labels: np.ndarray, rows: np.ndarray | None = None) -> GroupMeans:
    """Mean and share of expressing cells of some genes in every group.

    labels: (cells,) names or numbers of all cells; rows: the cells to look at, all without. Groups come in order, cells without a
    name last; groups without a measured cell are left out. Raises DataError that names genes which are not there.
    """
    columns, data = _columns(adata, genes), amounts(adata)
    labels = np.asarray(labels)
    if labels.shape != (adata.n_obs,):
        raise ValueError(f"labels {labels.shape} must be one a cell, ({adata.n_obs},)")
    kept = np.arange(adata.n_obs) if rows is None else np.asarray(rows)
    kept = kept[data.measured[kept]]
    if not len(kept):
        raise DataError("None of the cells was measured here.", next_step="choose other cells.", field="rows")
    groups = sorted(set(labels[kept].tolist()), key=lambda v: (isinstance(v, str), str(v) in (UNKNOWN, "nan", "None"), v))
    names = {value: place for place, value in enumerate(groups)}
    place = np.array([names[value] for value in labels[kept].tolist()])
    cells = np.bincount(place, minlength=len(groups))
    chosen = sp.csr_matrix((1.0 / cells[place], (place, kept)), shape=(len(groups), adata.n_obs))
    percent = np.full((len(groups), len(columns)), np.nan)
    if data.counts is not None or sp.issparse(data.values):
        seen = (data.counts if data.counts is not None else data.values)[:, columns] > 0
        percent = 100 * np.asarray((chosen @ seen.astype(np.float64)).todense())
    mean = chosen @ data.values[:, columns]
    mean = np.asarray(mean.todense() if sp.issparse(mean) else mean, dtype=float)
    shown = tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in groups)
    return GroupMeans(tuple(genes), shown, mean, percent, cells)


def short_names(genes: Sequence[str]) -> list[str]:
    """Names for a figure: without the Ensembl number behind them, where they still differ."""
    plain = [symbol(gene) for gene in genes]
    return [name if plain.count(name) == 1 else gene for name, gene in zip(plain, genes, strict=True)]


def _columns(adata: AnnData, genes: Sequence[str]) -> np.ndarray:
    places = adata.var_names.get_indexer(list(genes))
    if not len(places) or (places < 0).any():
        missing = ", ".join(gene for gene, place in zip(genes, places, strict=True) if place < 0)
        raise DataError(
            f"Not in these data: {missing}." if missing else "No gene was named.",
            next_step="choose genes that are (find_genes looks names up).",
            field="genes",
        )
    return places

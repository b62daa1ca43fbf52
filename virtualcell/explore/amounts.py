"""How much of a feature is in cells, kind by kind: what is tested, and what means and fold changes are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from anndata import AnnData

from virtualcell.data.counts import why_not_counts
from virtualcell.data.preprocess import RECORD_KEY, TARGET_SUM, is_counted
from virtualcell.schema import COUNTS_LAYER, DataError

PSEUDOCOUNT = 0.1
"""Added to both means of a fold change, in counts per 10,000: a gene that one side lacks would else change infinitely, and by a
smaller one the genes of a few molecules would fill the ends of every volcano. It is what edgeR's prior count of 2 comes to in 100
cells of 2,000 counts."""

UNITS = {
    "rna": "counts per 10,000",
    "atac": "open peaks per 10,000 open peaks of the cell",
    "protein": "centred log ratio",
}


@dataclass(frozen=True, eq=False)
class Amounts:
    """One modality as comparisons read it.

    kind: "rna", "atac", "protein", or another kind as it was measured. values: (cells, features) sparse or dense, on which ranks
    are taken. counts: CSR (cells, features) and depth: (cells,) over all features of the file; None for what is not counted.
    measured: (cells,) bool.
    """

    kind: str
    values: Any
    counts: sp.csr_matrix | None
    depth: np.ndarray | None
    measured: np.ndarray

    @property
    def ratio(self) -> bool:
        """Whether a change is a fold change (of counts) and not a difference in the unit of the data."""
        return self.kind in ("rna", "atac", "protein")

    @property
    def unit(self) -> str:
        return UNITS.get(self.kind, "as measured")

    def mean(self, rows: np.ndarray) -> np.ndarray:
        """Mean over some cells, (features,), in ``unit``."""
        if self.kind in ("rna", "atac"):
            if self.counts is None or self.depth is None:  # log-normalised by someone else
                some = self.values[rows]
                linear = some.expm1() if sp.issparse(some) else np.expm1(some)
                return np.asarray(linear.mean(axis=0), dtype=float).ravel()
            weight = TARGET_SUM / np.maximum(self.depth[rows], 1) / max(len(rows), 1)
            return np.asarray(self.counts[rows].T @ weight.astype(np.float64)).ravel()
        some = np.asarray(self.values[rows], dtype=float)
        there = np.isfinite(some)
        return np.where(there, some, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)

    def percent(self, rows: np.ndarray) -> np.ndarray:
        """Share of some cells in which a feature was seen at all, (features,) in %; NaN for what is not counted."""
        seen = self.counts if self.counts is not None else (self.values if sp.issparse(self.values) else None)
        if seen is None:
            return np.full(self.values.shape[1], np.nan)
        return 100 * seen[rows].getnnz(axis=0) / max(len(rows), 1)

    def change(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of two means: log2 fold change, or the difference where there is no ratio.

        Of counts, the ratio of means with ``PSEUDOCOUNT`` added to both, never the difference of mean logs. Of proteins, whose
        means are centred logs of count + 1, the difference over log 2: the ratio of geometric means beside the cell's other
        proteins.
        """
        if self.kind in ("rna", "atac"):
            return np.log2((first + PSEUDOCOUNT) / (second + PSEUDOCOUNT))
        return (first - second) / (np.log(2) if self.kind == "protein" else 1.0)


def amounts(adata: AnnData) -> Amounts:
    """What a prepared modality (``virtualcell.data.preprocess``) holds; ``adata`` is not changed.

    Other AnnData are read as RNA where X is log-normalised and as any other scale where X has values below 0. Raises DataError
    where X is missing or holds raw counts.
    """
    if adata.X is None:
        raise DataError("There is no matrix of values.", next_step="compare another kind of measurement.", field="X")
    counts: Any = adata.layers.get(COUNTS_LAYER)
    kind = _kind(adata, counts is not None)
    if counts is None and kind in ("rna", "atac") and why_not_counts(adata.X) is None:
        raise DataError(
            "It holds raw counts, not log-normalised values.",
            next_step="prepare the cells with virtualcell.data.preprocess, or normalise them with scanpy.",
            field="X",
        )
    depth = None
    if counts is not None:
        counts = sp.csr_matrix(counts)
        depth = adata.obs["depth"].to_numpy(float) if "depth" in adata.obs else np.asarray(counts.sum(axis=1), float).ravel()
    there = adata.obs["measured"].to_numpy(bool) if "measured" in adata.obs else np.ones(adata.n_obs, bool)
    values: Any = adata.X.tocsr() if sp.issparse(adata.X) else np.asarray(adata.X)
    if sp.issparse(values) and kind not in ("rna", "atac"):
        values = values.toarray()  # panels are small, and a zero of theirs is a value like any other
    return Amounts(kind, values, counts, depth, there)


def _kind(adata: AnnData, counted: bool) -> str:
    kind = str(adata.uns.get(RECORD_KEY, {}).get("kind", ""))
    if kind:
        return kind.split("-")[0] if is_counted(kind) else kind
    below = adata.X.min() < 0
    return ("protein" if counted else "continuous") if below else "rna"

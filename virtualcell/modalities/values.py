"""The measured values of some cells, as a network reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Counts:
    """Sparse counts (cells, features) in compressed rows; no gradient runs through them.

    start: int64 (cells + 1,); column: int64 (nnz,); value: float32 (nnz,). Every entry that is stored counts as seen: there
    are no stored zeros and no entry twice.
    """

    start: Tensor
    column: Tensor
    value: Tensor
    n_features: int
    whole_depth: Tensor | None = None
    """Of a block of features, or of edited values: ``depth`` of the whole cells as they were counted, (cells, 1)."""

    @classmethod
    def of(cls, matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> Counts:
        """From a matrix in compressed rows; stored zeros are left out."""
        matrix = sp.csr_matrix(matrix)
        if not matrix.data.all():
            matrix = matrix.copy()
            matrix.eliminate_zeros()
        start, column = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
        value = torch.from_numpy(matrix.data.astype(np.float32))
        return cls(start.to(device), column.to(device), value.to(device), matrix.shape[1])

    @classmethod
    def of_dense(cls, values: Tensor) -> Counts:
        """From a dense tensor (cells, features)."""
        row, column = values.nonzero(as_tuple=True)
        start = torch.zeros(len(values) + 1, dtype=torch.int64, device=values.device)
        start[1:] = torch.bincount(row, minlength=len(values)).cumsum(0)
        return cls(start, column, values[row, column], values.shape[1])

    @property
    def n_cells(self) -> int:
        return len(self.start) - 1

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_cells, self.n_features

    @cached_property
    def row(self) -> Tensor:
        """Cell of every entry, int64 (nnz,)."""
        return torch.repeat_interleave(self.start.diff(), output_size=len(self.value))

    @cached_property
    def flat(self) -> Tensor:
        """Place of every entry in the dense matrix read row by row, int64 (nnz,)."""
        return self.row * self.n_features + self.column

    def depth(self) -> Tensor:
        """Sum of each cell, (cells, 1); of a block of features, that of the whole cells."""
        if self.whole_depth is not None:
            return self.whole_depth
        return self.row_sums(self.value)[:, None]

    def row_sums(self, value: Tensor) -> Tensor:
        """Sums over the entries of each cell of other values (nnz,), (cells,)."""
        if value.device.type == "mps":  # has no sum over segments
            return value.new_zeros(self.n_cells).index_add(0, self.row, value)
        return torch.segment_reduce(value, "sum", offsets=self.start)

    def column_sums(self, value: Tensor) -> Tensor:
        """Sums over the entries of each feature of other values (nnz,), (features,)."""
        return value.new_zeros(self.n_features).index_add(0, self.column, value)

    def dense(self) -> Tensor:
        """float32 (cells, features)."""
        found = self.value.new_zeros(self.n_cells * self.n_features)
        return found.index_copy_(0, self.flat, self.value).view(self.shape)

    def __matmul__(self, other: Tensor) -> Tensor:
        """Product with a dense matrix (features, k), (cells, k)."""
        # The sum of the rows of a table, weighted: what an embedding bag computes, faster than the general sparse product.
        return F.embedding_bag(
            self.column, other, self.start, mode="sum", per_sample_weights=self.value, include_last_offset=True
        )

    def with_values(self, value: Tensor) -> Counts:
        """The same entries with other values (nnz,), for products and dense copies; zeros among them stay stored."""
        return replace(self, value=value)

    def cells(self, rows: Tensor) -> Counts:
        """The cells of a run of consecutive rows."""
        first, last = self.start[rows[0]], self.start[rows[-1] + 1]
        whole = None if self.whole_depth is None else self.whole_depth[rows]
        return replace(
            self,
            start=self.start[rows[0] : rows[-1] + 2] - first,
            column=self.column[first:last],
            value=self.value[first:last],
            whole_depth=whole,
        )

    def block(self, first: int, last: int) -> Counts:
        """Features first, ..., last - 1 of the same cells, which keep their depth."""
        found = self.kept((self.column >= first) & (self.column < last))
        return Counts(found.start, found.column - first, found.value, last - first, self.depth())

    def kept(self, keep: Tensor) -> Counts:
        """The entries marked in keep (nnz,) bool."""
        before = torch.cat([keep.new_zeros(1, dtype=torch.int64), keep.cumsum(0)])
        return replace(self, start=before[self.start], column=self.column[keep], value=self.value[keep])


Values = Counts | Tensor
"""Counts where a modality is sparse, otherwise a dense float32 tensor (cells, width * features)."""

"""Sparse counts against the dense matrices that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from virtualcell.modalities import Counts

MATRICES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.sampled_from([0.0, 0, 0, 1, 2, 40])
)


@given(MATRICES)
def test_all_that_is_asked_of_them(dense: np.ndarray) -> None:
    counts = Counts.of(sp.csr_matrix(dense))
    assert counts.shape == dense.shape
    assert counts.n_cells == len(dense)
    np.testing.assert_array_equal(Counts.of_dense(torch.from_numpy(dense)).dense(), dense)
    np.testing.assert_array_equal(counts.dense(), dense)
    np.testing.assert_array_equal(counts.depth()[:, 0], dense.sum(1))
    row, column = dense.nonzero()
    np.testing.assert_array_equal(counts.row, row)
    np.testing.assert_array_equal(counts.column, column)
    np.testing.assert_array_equal(counts.flat, np.flatnonzero(dense))
    other = np.random.default_rng(0).normal(size=(dense.shape[1], 3)).astype(np.float32)
    np.testing.assert_allclose(counts @ torch.from_numpy(other), dense @ other, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(counts.column_sums(counts.value**2), (dense**2).sum(0))
    np.testing.assert_array_equal(counts.with_values(-counts.value).dense(), -dense)
    np.testing.assert_array_equal(counts.kept(counts.value > 1).dense(), np.where(dense > 1, dense, 0))
    block = counts.block(1, dense.shape[1])
    np.testing.assert_array_equal(block.dense(), dense[:, 1:])
    for part in (block, block.kept(block.value > 1), block.cells(torch.arange(len(dense)))):
        np.testing.assert_array_equal(part.depth()[:, 0], dense.sum(1), err_msg="a block's cells keep their depth")


def test_stored_zeros_are_left_out_and_the_matrix_is_left_alone() -> None:
    matrix = sp.csr_matrix((np.array([0.0, 3.0]), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))
    assert Counts.of(matrix).value.tolist() == [3.0]
    assert matrix.nnz == 2


def test_they_cannot_be_changed() -> None:
    counts = Counts.of(sp.csr_matrix(np.eye(2)))
    with pytest.raises(AttributeError):
        counts.value = counts.value * 2

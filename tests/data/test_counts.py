"""Where raw counts are found, and what is said when there are none."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from virtualcell.data.counts import counts_of
from virtualcell.schema import DataError

WHOLE = hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 2**24 - 1))


@settings(max_examples=60, deadline=None)
@given(WHOLE, st.sampled_from([np.asarray, sp.csr_matrix, sp.csc_matrix]), st.sampled_from([np.int64, np.float32, np.float64]))
def test_whole_numbers_come_back_unchanged_from_any_matrix(values: np.ndarray, kind, dtype) -> None:
    adata = AnnData(kind(values.astype(dtype)))
    counts = counts_of(adata)
    assert isinstance(counts, sp.csr_matrix)
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts.toarray(), values)
    counts.data[:] = -1
    after = adata.X.toarray() if sp.issparse(adata.X) else adata.X
    np.testing.assert_array_equal(after, values)


@settings(max_examples=60, deadline=None)
@given(WHOLE, st.data())
def test_one_value_that_is_no_count_is_never_overlooked(values: np.ndarray, data) -> None:
    values = values.astype(np.float64)
    row, column = data.draw(st.integers(0, values.shape[0] - 1)), data.draw(st.integers(0, values.shape[1] - 1))
    values[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -1.0, -0.5, 0.5, 1.25, 2.0**24]))
    for matrix in (values, sp.csr_matrix(values), sp.csc_matrix(values)):
        with pytest.raises(DataError):
            counts_of(AnnData(matrix))


def test_order_of_places() -> None:
    ones = np.ones((3, 2), dtype=np.float32)
    logs = np.log1p(ones)
    adata = AnnData(ones, layers={"counts": 2 * ones, "counts_recovered": 3 * ones})
    assert counts_of(adata).toarray().max() == 2
    del adata.layers["counts"]
    assert counts_of(adata).toarray().max() == 1
    adata.X = logs
    assert counts_of(adata).toarray().max() == 3
    del adata.layers["counts_recovered"]
    with pytest.raises(DataError):
        counts_of(adata)
    adata.raw = AnnData(4 * ones)
    assert counts_of(adata).toarray().max() == 4


def test_raw_is_reordered_to_the_features() -> None:
    raw = AnnData(np.arange(6, dtype=np.float32).reshape(2, 3), var=pd.DataFrame(index=["a", "b", "c"]))
    adata = AnnData(np.full((2, 2), 0.5, dtype=np.float32), var=pd.DataFrame(index=["c", "a"]))
    adata.raw = raw
    np.testing.assert_array_equal(counts_of(adata).toarray(), [[2, 0], [5, 3]])


def test_a_counts_layer_without_counts_is_an_error_not_a_detour() -> None:
    adata = AnnData(np.ones((2, 2), dtype=np.float32), layers={"counts": np.full((2, 2), 0.5)})
    with pytest.raises(DataError, match=r'layers\["counts"\]'):
        counts_of(adata)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, r"1 cell\(s\) hold values that are missing"),
        (-2.0, "below zero"),
        (0.7, "look log-normalised"),
        (1234.5, "look normalised"),
        (1e9, "too large"),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_words(value: float, words: str, kind) -> None:
    matrix = np.zeros((3, 3), dtype=np.float64)
    matrix[1, 1] = value
    with pytest.raises(DataError, match=words) as caught:
        counts_of(AnnData(kind(matrix)), file="mine.h5ad", modality="rna")
    assert caught.value.file == "mine.h5ad"
    assert caught.value.field == "rna: X"
    assert "raw counts" in caught.value.next_step


def test_small_rounding_errors_are_rounded_away() -> None:
    counts = counts_of(AnnData(np.array([[2.9999997, 0.0000001]], dtype=np.float64)))
    np.testing.assert_array_equal(counts.toarray(), [[3, 0]])
    assert counts.nnz == 1


def test_no_matrix() -> None:
    with pytest.raises(DataError, match="no matrix"):
        counts_of(anndata.AnnData(obs=pd.DataFrame(index=["a"]), var=pd.DataFrame(index=["g"])))

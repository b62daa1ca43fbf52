"""Edits of genes and peaks: what is changed, what stays exactly as it was read, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from virtualcell.modalities.rna import Rna
from virtualcell.perturbation.edit import Edit, highest
from virtualcell.perturbation.peaks_near import peaks_near, says_where
from virtualcell.schema import DataError
from virtualcell.training.table import CellTable

FEATURES = {"rna": ["A", "B", "C"], "atac": ["chr1-10-20", "chr1-500-600"]}
CELLS = np.array([[4, 6, 0], [0, 5, 5], [10, 0, 0], [0, 0, 0]], np.float32)
PEAKS = np.array([[1, 0], [0, 0], [0, 1], [1, 1]], np.float32)


def table() -> CellTable:
    """Three cells with RNA, the last without; the second without ATAC."""
    mask = np.array([[1, 1], [1, 0], [1, 1], [0, 1]], bool)
    return CellTable({"rna": sp.csr_matrix(CELLS), "atac": sp.csr_matrix(PEAKS)}, mask, np.zeros(4, np.int64))


def counts(found: CellTable, key: str = "rna") -> np.ndarray:
    return found.values[key].toarray()


def read(found: CellTable) -> tuple[np.ndarray, np.ndarray]:
    """What the encoder is given of RNA: log-normalised genes and depth."""
    values, _, _ = found.rows(np.arange(found.n_cells), torch.device("cpu"))
    kind = Rna(3, 2)
    return kind.normalise(values["rna"]).numpy(), kind.depth(values["rna"]).numpy()[:, 0]


@pytest.mark.parametrize(("fold", "expected"), [(0.0, [0, 0, 0]), (0.5, [2, 0, 5]), (2.0, [8, 0, 20])])
def test_counts_are_multiplied(fold: float, expected: list[float]) -> None:
    before = table()
    found = Edit(("A",), fold).applied(before, FEATURES)
    assert counts(found)[:3, 0].tolist() == expected
    np.testing.assert_array_equal(counts(found)[:, 1:], CELLS[:, 1:])
    np.testing.assert_array_equal(counts(before), CELLS, "the table that was given is left as it is")
    np.testing.assert_array_equal(counts(found, "atac"), PEAKS)


def test_a_level_raises_silent_cells_and_lowers_none() -> None:
    found = Edit(("A", "C"), level=5000.0).applied(table(), FEATURES)
    # Half of each cell's ten counts; the third has more of A already, the last was not measured.
    np.testing.assert_allclose(counts(found), [[5, 6, 5], [5, 5, 5], [10, 0, 5], [0, 0, 0]])
    expression, _ = read(found)
    np.testing.assert_allclose(expression[:2, 0], np.log1p(5000.0), rtol=1e-6)
    each = Edit(("C", "A"), level=(1000.0, 5000.0)).applied(table(), FEATURES)
    np.testing.assert_allclose(counts(each), [[5, 6, 1], [5, 5, 5], [10, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize("edit", [Edit(("A",)), Edit(("A",), 0.5), Edit(("A",), 30.0), Edit(("A",), level=9000.0)])
def test_what_is_read_of_other_genes_and_of_depth_stays_exactly_what_it_was(edit: Edit) -> None:
    before, depth = read(table())
    after, depth_after = read(edit.applied(table(), FEATURES))
    np.testing.assert_array_equal(after[:, 1:], before[:, 1:])
    np.testing.assert_array_equal(depth_after, depth)
    assert not np.array_equal(after[:, 0], before[:, 0])
    # What the counts alone would say: other genes up where this one is taken away, although nothing was done to them.
    spread = CELLS[:2] * [0, 1, 1] / (CELLS[:2] * [0, 1, 1]).sum(1, keepdims=True) * 1e4
    assert np.log1p(spread)[0, 1] > before[0, 1] + 0.4


def test_a_cell_of_which_nothing_is_left_is_read_as_empty_and_not_as_unmeasured() -> None:
    found = Edit(("A",)).applied(table(), FEATURES)
    assert found.mask[2, 0]
    expression, depth = read(found)
    assert not expression[2].any()
    assert depth[2] == 10


def test_depth_goes_with_the_cells_that_are_taken_and_with_a_second_edit() -> None:
    found = Edit(("A",)).applied(table(), FEATURES)
    part = found.take(np.array([2, 0]))
    assert part.depth["rna"].tolist() == [10, 10]
    assert part.only(["atac"]).depth == {}
    twice = Edit(("B",)).applied(found, FEATURES)
    np.testing.assert_array_equal(twice.depth["rna"], found.depth["rna"])
    np.testing.assert_array_equal(counts(twice), counts(Edit(("A", "B")).applied(table(), FEATURES)))


def test_peaks_close_open_or_are_lowered_where_they_were_measured() -> None:
    named = tuple(FEATURES["atac"][:1])
    closed, lowered, opened = (
        counts(Edit(("A",), fold, peaks=named).applied(table(), FEATURES), "atac") for fold in (0.0, 0.5, 2.0)
    )
    assert closed[:, 0].tolist() == [0, 0, 0, 0]
    assert lowered[:, 0].tolist() == [0.5, 0, 0, 0.5]
    assert opened[:, 0].tolist() == [1, 0, 1, 1], "the second cell has no ATAC"
    for found in (closed, lowered, opened):
        np.testing.assert_array_equal(found[:, 1], PEAKS[:, 1])
    found = Edit(("A",), level=10.0, peaks=named).applied(table(), FEATURES)
    assert counts(found, "atac")[:, 0].tolist() == [1, 0, 1, 1]
    assert found.depth["atac"].tolist() == [1, 0, 1, 2]


def test_names_say_what_was_done() -> None:
    assert Edit(("A",)).name == "A knock-out"
    assert Edit(("A",)) == Edit(("A",), 0.0) == Edit(("A", "A"))
    assert Edit(("A", "B"), 0.5).name == "A and B knock-down, to 0.5 times"
    assert Edit(tuple("ABCDE"), 2, peaks=("p",)).name == "A, B and 3 more over-expression, 2 times, 1 peak opened"
    assert Edit.of("A", level=[12], peaks=["p", "q"]).name == "A over-expression, to 12 per 10,000, 2 peaks opened"
    assert Edit.of(["A", "B"], level=np.array([1, 2], np.float32)).name == "A and B over-expression, to levels of their own"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"genes": ()}, "No gene was named"),
        ({"genes": ("A",), "fold": 1}, "edited by 1.0 times"),
        ({"genes": ("A",), "fold": -1}, "edited by -1.0 times"),
        ({"genes": ("A",), "fold": float("nan")}, "edited by nan times"),
        ({"genes": ("A",), "fold": 2, "level": 3.0}, "not both"),
        ({"genes": ("A",), "level": 0.0}, "no level"),
        ({"genes": ("A",), "level": float("inf")}, "no level"),
        ({"genes": ("A", "B"), "level": (1.0, 2.0, 3.0)}, "3 levels for 2 genes"),
        ({"genes": ("A", "A"), "level": (1.0, 2.0)}, "each gene once"),
    ],
)
def test_what_is_no_edit_is_refused(asked: dict, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Edit(**asked)


def test_what_the_model_does_not_read_is_named() -> None:
    with pytest.raises(DataError, match="genes 'X', 'Y'"):
        Edit(("A", "X", "Y")).applied(table(), FEATURES)
    with pytest.raises(DataError, match="peak 'chr9-1-2'"):
        Edit(("A",), peaks=("chr9-1-2",)).applied(table(), FEATURES)
    unread = table().take(np.array([3]))
    with pytest.raises(DataError, match="None of these cells has RNA counts"):
        Edit(("A",)).applied(unread, FEATURES)
    values = CellTable({"rna": CELLS}, np.ones((4, 1), bool), np.zeros(4, np.int64))
    with pytest.raises(DataError, match="continuous scale"):
        Edit(("A",)).applied(values, {"rna": FEATURES["rna"]})


def test_the_highest_cells() -> None:
    numbers = np.zeros((100, 2), np.float32)
    numbers[:, 1] = 10
    numbers[:5, 0], numbers[:5, 1] = [1, 2, 3, 4, 5], [9, 8, 7, 6, 5]
    assert highest(sp.csr_matrix(numbers), [0]).tolist() == pytest.approx([3000.0])
    assert highest(sp.csr_matrix(numbers), [1, 0]).tolist() == pytest.approx([10_000.0, 3000.0])
    empty = np.vstack([numbers, np.zeros((900, 2), np.float32)])
    assert highest(sp.csr_matrix(empty), [0]).tolist() == pytest.approx([3000.0]), "cells without counts say nothing"


GENES = pd.DataFrame({"chromosome": ["1", "2"], "start": [1000, 1000], "end": [3000, 3000]}, index=["A", "B"])


def test_peaks_near_a_gene_by_place() -> None:
    names = ["chr1-100-400", "chr1-401-600", "chr1:2000-2100", "chr1-3500-3600", "chr1-3501-3600", "chr2-2000-2100", "odd"]
    near = peaks_near("A", pd.DataFrame(index=names), positions=GENES, window=500)
    assert near == ["chr1-401-600", "chr1:2000-2100", "chr1-3500-3600"]
    assert peaks_near(["A", "B"], pd.DataFrame(index=names), positions=GENES, window=0) == ["chr1:2000-2100", "chr2-2000-2100"]
    columns = pd.DataFrame({"chrom": ["chr2", "chr1"], "start": [2900, 0], "end": [2950, 10]}, index=["p", "q"])
    assert peaks_near("B", columns, positions=GENES, window=0) == ["p"]
    assert peaks_near("C", columns, positions=GENES) == []


def test_peaks_near_a_gene_by_what_the_file_says_is_nearest() -> None:
    peaks = pd.DataFrame({"nearest_gene": ["A", "A", "B", None, ""], "dist_tss": [-900, 6000, 10, 0, -1]}, index=list("pqrst"))
    assert peaks_near("A", peaks) == ["p"]
    assert peaks_near(["A", "B"], peaks, window=6000) == ["p", "q", "r"]
    assert says_where(peaks)
    assert peaks_near("A", peaks, positions=pd.DataFrame({"n_cells": [1]}, index=["A"])) == ["p"], "that table has no places"


def test_where_nothing_says_where_genes_lie_none_is_made_up() -> None:
    peaks = pd.DataFrame(index=["chr1-1-2", "chr1-3-4"])
    assert not says_where(peaks)
    assert says_where(peaks, GENES)
    with pytest.raises(DataError, match="do not say which peaks lie near"):
        peaks_near("A", peaks)
    with pytest.raises(DataError, match="where the peaks lie"):
        peaks_near("A", pd.DataFrame(index=["peak1", "peak2"]), positions=GENES)
    with pytest.raises(DataError, match="window is -1"):
        peaks_near("A", peaks, positions=GENES, window=-1)

"""Cells brought into a model's order of features, and cells that cannot be."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from mudata import MuData

from virtualcell.schema import MEASURED_KEY, DataError
from virtualcell.training.table import make_table

GENES, PEAKS = [f"G{i}" for i in range(10)], [f"P{i}" for i in range(8)]


def modality(names: list[str], cells: list[str], seed: int) -> AnnData:
    counts = np.random.default_rng(seed).poisson(2.0, (len(cells), len(names))) + 1.0
    return AnnData(sp.csr_matrix(counts.astype(np.float32)), obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=names))


def cells_of(n: int = 6) -> MuData:
    names = [f"c{i}" for i in range(n)]
    cells = MuData({"rna": modality(GENES, names, 0), "atac": modality(PEAKS, names, 1)})
    cells.obs["run"] = ["a", "b"] * (n // 2)
    cells.obsm[MEASURED_KEY] = np.ones((n, 2), dtype=bool)
    return cells


FEATURES = {"rna": GENES, "atac": PEAKS}


def test_features_in_another_order_give_the_same_table() -> None:
    cells = cells_of()
    turned = MuData({"rna": cells["rna"][:, GENES[::-1]].copy(), "atac": cells["atac"].copy()})
    a, b = make_table(cells, FEATURES), make_table(turned, FEATURES)
    np.testing.assert_array_equal(a.counts["rna"].toarray(), b.counts["rna"].toarray())
    np.testing.assert_array_equal(a.counts["rna"].toarray(), cells["rna"].X.toarray())


def test_peaks_are_read_as_open_or_not() -> None:
    assert set(np.unique(make_table(cells_of(), FEATURES).counts["atac"].data)) == {1.0}


def test_missing_features_are_named_and_read_as_zero() -> None:
    cells = cells_of()
    some = MuData({"rna": cells["rna"][:, GENES[3:]].copy(), "atac": cells["atac"].copy()})
    with pytest.warns(UserWarning, match="3 of 10 rna features are missing"):
        table = make_table(some, FEATURES)
    found = table.counts["rna"].toarray()
    assert not found[:, :3].any()
    np.testing.assert_array_equal(found[:, 3:], cells["rna"].X.toarray()[:, 3:])


def test_too_few_shared_features_are_refused() -> None:
    cells = cells_of()
    with pytest.raises(DataError, match=r"Only 4 of the 10 rna features.*species"):
        make_table(MuData({"rna": cells["rna"][:, GENES[:4]].copy()}), FEATURES)


def test_no_shared_measurement_is_refused() -> None:
    cells = cells_of()
    with pytest.raises(DataError, match="the model reads rna"):
        make_table(MuData({"atac": cells["atac"].copy()}), {"rna": GENES})


def test_the_mask_is_the_one_given_and_not_guessed_from_zeros() -> None:
    cells = cells_of()
    cells.obsm[MEASURED_KEY][2, 1] = False
    table = make_table(cells, FEATURES)
    expected = np.ones((6, 2), dtype=bool)
    expected[2, 1] = False
    np.testing.assert_array_equal(table.mask, expected)


def test_cells_that_only_one_modality_lists_are_marked_so() -> None:
    rna, atac = modality(GENES, ["a", "b", "c"], 0), modality(PEAKS, ["b", "c", "d"], 1)
    cells = MuData({"rna": rna, "atac": atac})
    table = make_table(cells, FEATURES)
    for row, name in enumerate(cells.obs_names):
        assert table.mask[row].tolist() == [name in rna.obs_names, name in atac.obs_names]
        if name in rna.obs_names:
            np.testing.assert_array_equal(table.counts["rna"][row].toarray()[0], rna[name].X.toarray()[0])


def test_reading_one_modality_only_leaves_the_other_unmeasured() -> None:
    table = make_table(cells_of(), FEATURES, modalities=["atac"])
    assert not table.mask[:, 0].any()
    assert table.mask[:, 1].all()
    assert table.counts["rna"].nnz == 0


def test_cells_without_any_count_are_refused() -> None:
    cells = MuData({"rna": modality(GENES, ["a", "b"], 0)})
    cells["rna"].X = sp.csr_matrix(np.array([[1.0] * 10, [0.0] * 10], dtype=np.float32))
    with pytest.raises(DataError, match="1 cells have no count"):
        make_table(cells, {"rna": GENES})


def test_batches_have_the_models_codes_and_new_ones_are_told() -> None:
    cells = cells_of()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_table(cells, FEATURES, "run", ["a", "b"]).batch.tolist() == [0, 1] * 3
    with pytest.warns(UserWarning, match="3 cells come from batches that the model never saw"):
        assert make_table(cells, FEATURES, "run", ["b"]).batch.tolist() == [-1, 0] * 3  # -1: read as the average batch
    assert make_table(cells, FEATURES, None, ["a", "b"]).batch.tolist() == [-1] * 6
    assert make_table(cells, FEATURES).batch.tolist() == [0] * 6
    with pytest.raises(DataError, match="no column 'lane'"):
        make_table(cells, FEATURES, "lane", ["a"])


def test_rows_come_as_dense_tensors() -> None:
    table = make_table(cells_of(), FEATURES, "run", ["a", "b"])
    counts, mask, batch = table.batch_of(np.array([4, 1]), torch.device("cpu"))
    np.testing.assert_array_equal(counts["rna"].numpy(), table.counts["rna"].toarray()[[4, 1]])
    assert mask.shape == (2, 2)
    assert batch.tolist() == [0, 1]

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
from virtualcell.training.table import batch_labels, make_table

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
    np.testing.assert_array_equal(a.values["rna"].toarray(), b.values["rna"].toarray())
    np.testing.assert_array_equal(a.values["rna"].toarray(), cells["rna"].X.toarray())


def test_peaks_are_read_as_open_or_not() -> None:
    assert set(np.unique(make_table(cells_of(), FEATURES).values["atac"].data)) == {1.0}


def test_missing_features_are_named_and_read_as_zero() -> None:
    cells = cells_of()
    some = MuData({"rna": cells["rna"][:, GENES[3:]].copy(), "atac": cells["atac"].copy()})
    with pytest.warns(UserWarning, match="3 of 10 rna features are missing"):
        table = make_table(some, FEATURES)
    found = table.values["rna"].toarray()
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
            np.testing.assert_array_equal(table.values["rna"][row].toarray()[0], rna[name].X.toarray()[0])


def test_reading_one_modality_only_leaves_the_other_unmeasured() -> None:
    table = make_table(cells_of(), FEATURES, modalities=["atac"])
    assert not table.mask[:, 0].any()
    assert table.mask[:, 1].all()
    assert table.values["rna"].nnz == 0


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


def test_rows_come_as_sparse_counts() -> None:
    table = make_table(cells_of(), FEATURES, "run", ["a", "b"])
    values, mask, batch = table.rows(np.array([4, 1]), torch.device("cpu"))
    np.testing.assert_array_equal(values["rna"].dense().numpy(), table.values["rna"].toarray()[[4, 1]])
    assert mask.shape == (2, 2)
    assert batch.tolist() == [0, 1]


def test_a_part_of_the_cells_and_of_the_modalities() -> None:
    cells = cells_of()
    cells.obsm[MEASURED_KEY][2, 1] = False
    table = make_table(cells, FEATURES, "run", ["a", "b"])
    some = table.take(np.array([2, 3]))
    assert some.n_cells == 2
    assert some.batch.tolist() == [0, 1]
    assert some.mask.tolist() == [[True, False], [True, True]]
    np.testing.assert_array_equal(some.values["atac"].toarray(), table.values["atac"].toarray()[[2, 3]])
    turned = table.only(["atac", "rna"])
    assert list(turned.values) == ["atac", "rna"]
    np.testing.assert_array_equal(turned.mask, table.mask[:, ::-1])
    np.testing.assert_array_equal(table.take(table.mask[:, 1]).mask, np.ones((5, 2), dtype=bool))


def test_kinds_decide_what_is_read() -> None:
    cells = cells_of()
    kept = make_table(cells, FEATURES, kinds={"rna": "rna-zinb", "atac": "atac-poisson"}).values["atac"]
    np.testing.assert_array_equal(kept.toarray(), cells["atac"].X.toarray())
    with pytest.raises(DataError, match=r"no kind of measurement 'rnaa'.*atac-poisson"):
        make_table(cells, FEATURES, kinds={"rna": "rnaa", "atac": "atac"})
    with pytest.raises(DataError, match=r"'rna' has no kind"):
        make_table(cells, FEATURES, kinds={"atac": "atac"})


def marked(n: int = 4) -> MuData:
    """Cells with mass cytometry of which the first measured nothing but zeros."""
    names = [f"c{i}" for i in range(n)]
    values = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    values[0] = 0.0
    markers = AnnData(values, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=["CD3", "CD4", "CD8"]))
    return MuData({"rna": modality(GENES, names[1:], 0), "cytof": markers})


def test_a_continuous_zero_is_a_value_and_unlisted_cells_are_not_measured() -> None:
    cells = marked()
    cells.obsm[MEASURED_KEY] = np.ones((4, 2), dtype=bool)
    cells.obsm[MEASURED_KEY][2, 1] = False
    table = make_table(cells, {"rna": GENES, "cytof": ["CD8", "CD3", "CD4"]})
    at = [list(cells.obs_names).index(f"c{i}") for i in range(4)]
    assert table.mask[at, 0].tolist() == [False, True, True, True]
    assert table.mask[:, 1].tolist() == [True, True, False, True]
    np.testing.assert_array_equal(table.values["cytof"][at], cells["cytof"].X[:, [2, 0, 1]])
    values, _, _ = table.rows(np.array([1]), torch.device("cpu"))
    assert values["cytof"].shape == (1, 3)


def test_a_missing_continuous_feature_is_no_zero() -> None:
    with pytest.raises(DataError, match=r"1 of the 4 cytof features.*missing \(CD19\)"):
        make_table(marked(), {"cytof": ["CD3", "CD4", "CD8", "CD19"]})


def test_methylated_and_covering_reads_move_together_and_an_absent_region_is_not_covered() -> None:
    names, regions = ["a", "b", "c"], ["R0", "R1", "R2"]
    coverage = np.array([[4, 2, 1], [0, 0, 0], [3, 0, 5]])
    methylated = np.array([[1, 2, 0], [0, 0, 0], [3, 0, 4]])
    regions_of = AnnData(
        np.zeros((3, 3), np.float32),
        obs=pd.DataFrame(index=names),
        var=pd.DataFrame(index=regions),
        layers={"methylated": methylated, "coverage": coverage},
    )
    cells = MuData({"rna": modality(GENES, names, 0), "methylation": regions_of})
    with pytest.warns(UserWarning, match="1 of 3 methylation features"):
        table = make_table(cells, {"rna": GENES, "methylation": ["R2", "new", "R0"]})
    np.testing.assert_array_equal(table.values["methylation"], [[0, 0, 1, 1, 0, 4], [0] * 6, [4, 0, 3, 5, 0, 3]])
    assert table.mask[:, 1].tolist() == [True, False, True]


def test_batch_and_donor_together_are_one_covariate() -> None:
    cells = cells_of()
    cells.obs["donor"] = ["x", "x", "y", "y", "x", "y"]
    labels = batch_labels(cells.obs, ("run", "donor"))
    assert labels.tolist() == [f"{run} / {donor}" for run, donor in zip(cells.obs["run"], cells.obs["donor"], strict=True)]
    table = make_table(cells, FEATURES, ("run", "donor"), sorted(labels.unique()))
    assert len(set(table.batch)) == labels.nunique()
    with pytest.raises(DataError, match="plate"):
        make_table(cells, FEATURES, ("run", "plate"), ["a"])

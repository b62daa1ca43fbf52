"""Names given to selections, and files that carry them with how they were made."""

from __future__ import annotations

import anndata as ad
import mudata as md
import numpy as np
import pytest

from tests.explore.samples import adata, poisson, prepared
from virtualcell.explore import annotate, export, export_bytes
from virtualcell.explore.export import definitions_in
from virtualcell.schema import DataError

PROVENANCE = {"version": "0.1.0", "digest": "abc", "seed": 3, "file": "x.h5mu", "n_cells": 30, "settings": "{}"}


@pytest.fixture
def cells():
    found = prepared(rna=poisson(np.full(12, 5.0), 30), prot=adata(poisson(np.full(4, 9.0), 20), "p", first=10))
    found.obs["donor"] = np.where(np.arange(30) < 15, "A", "B")
    return found


@pytest.fixture
def naive(cells):
    choices = [("naive", np.array([1, 2, 3, 4])), ("primed", np.array([4, 5])), ("naive", np.array([20]))]
    how = {"naive": ("polygon", "p1.2a3b", "RNA alone"), "primed": ("group", "donor: A", "")}
    return annotate(cells.obs_names, choices, "my states", definitions=how)


def test_later_names_win_and_say_so(cells, naive):
    assert naive.values.index.tolist() == cells.obs_names.tolist()
    assert np.flatnonzero(naive.values == "naive").tolist() == [1, 2, 3, 20]
    assert np.flatnonzero(naive.values == "primed").tolist() == [4, 5]
    assert list(naive.values.cat.categories) == ["naive", "primed", "unknown"]
    assert naive.overwritten == 1
    assert [one.cells for one in naive.definitions] == [4, 2]


def test_an_annotation_can_be_renamed_in_part(cells):
    again = annotate(cells.obs_names, [("T cells", np.arange(15))], "cluster", start=cells.obs["donor"])
    assert again.values.value_counts().to_dict() == {"T cells": 15, "B": 15}
    assert again.overwritten == 0


@pytest.mark.parametrize("column", ["", " ", "a/b", "_index", "measured"])
def test_names_that_files_cannot_hold_are_refused(cells, column):
    with pytest.raises(DataError, match="name of an annotation"):
        annotate(cells.obs_names, [("a", np.arange(3))], column)


def test_nameless_selections_and_rows_of_other_cells_are_refused(cells):
    with pytest.raises(DataError, match="no name"):
        annotate(cells.obs_names, [(" ", np.arange(3))], "x")
    with pytest.raises(DataError, match="none of 30 cells"):
        annotate(cells.obs_names, [("a", np.array([30]))], "x")


def test_h5mu_carries_states_maps_names_and_where_they_are_from(cells, naive, tmp_path):
    state = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    before = cells.obs.copy()
    path = export(
        cells, tmp_path / "out.h5mu", provenance=PROVENANCE, state=state, maps={"X_umap": state[:, :2]}, annotations=[naive]
    )
    read = md.read(path)
    assert set(read.mod) == {"rna", "prot"}
    np.testing.assert_array_equal(read.obsm["X_vc"], state)
    np.testing.assert_array_equal(read.obsm["X_umap"], state[:, :2])
    assert read.obs["my states"].astype(str).tolist() == naive.values.astype(str).tolist()
    assert {key: read.uns["virtualcell"][key] for key in PROVENANCE} == PROVENANCE
    first, second = definitions_in(read.uns["virtualcell"])["my states"]
    assert (first["how"], first["what"], first["on"], first["cells"]) == ("polygon", "p1.2a3b", "RNA alone", 4)
    assert (second["how"], second["what"]) == ("group", "donor: A")
    assert cells.obs.equals(before)
    assert "X_vc" not in cells.obsm
    np.testing.assert_array_equal(read["rna"].layers["counts"].toarray(), cells["rna"].layers["counts"].toarray())


def test_h5ad_holds_one_modality_with_the_facts_of_the_cells(cells, naive, tmp_path):
    rows = np.array([1, 4, 20, 25])
    (tmp_path / "out.h5ad").write_bytes(
        export_bytes(cells, "h5ad", provenance=PROVENANCE, annotations=[naive], rows=rows, modality="prot")
    )
    read = ad.read_h5ad(tmp_path / "out.h5ad")
    assert read.obs_names.tolist() == cells.obs_names[rows].tolist()
    assert read.var_names.tolist() == cells["prot"].var_names.tolist()
    assert read.obs["my states"].astype(str).tolist() == ["naive", "primed", "naive", "unknown"]
    assert read.obs["donor"].tolist() == ["A", "A", "B", "B"]
    assert read.obs["measured"].tolist() == [False, False, True, True]
    assert (read.uns["virtualcell"]["cells_written"], read.uns["virtualcell"]["cells_in_all"]) == (4, 30)
    np.testing.assert_allclose(read.X, cells["prot"].X[rows])


def test_measured_columns_are_not_replaced_and_other_cells_not_mixed_in(cells, naive, tmp_path):
    donor = annotate(cells.obs_names, [("x", np.arange(3))], "donor")
    with pytest.raises(DataError, match="already an annotation 'donor'"):
        export(cells, tmp_path / "a.h5mu", provenance=PROVENANCE, annotations=[donor])
    with pytest.raises(DataError, match="29 cells"):
        export(cells, tmp_path / "a.h5mu", provenance=PROVENANCE, state=np.zeros((29, 2)))
    with pytest.raises(DataError, match="neither"):
        export(cells, tmp_path / "a.csv", provenance=PROVENANCE)
    with pytest.raises(DataError, match="no atac"):
        export(cells, tmp_path / "a.h5ad", provenance=PROVENANCE, modality="atac")
    assert not list(tmp_path.iterdir())

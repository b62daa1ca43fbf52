"""Gene sets are found under the names of the data, and their scores say which cells express them."""

from __future__ import annotations

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData

from tests.explore.samples import adata, poisson, prepared
from virtualcell.explore import find_genes, read_sets, score_set
from virtualcell.explore.score import MOST_GENES
from virtualcell.schema import DataError

NAMES = ["ISG15", "MX1_ENSG00000157601", "Cd74", "HLA-A", "HLA-DRA", *[f"G{i}" for i in range(195)]]


@pytest.fixture(scope="module")
def rna() -> AnnData:
    """ISG15, MX1 and Cd74 are six times as strong in the first 50 of 150 cells."""
    rates = np.random.default_rng(0).uniform(0.5, 5, 200)
    rates[:3] = 2
    more = np.where((np.arange(200) < 3) & (np.arange(150)[:, None] < 50), 6.0, 1.0)
    return prepared(rna=adata(poisson(rates * more, 150), names=NAMES)).mod["rna"]


def test_typed_names_are_found_as_the_data_write_them():
    found = find_genes("ISG15, cd74\nMX1;\t'hla-a'  NOPE ISG15", NAMES)
    assert found.found == ("ISG15", "Cd74", "MX1_ENSG00000157601", "HLA-A")
    assert found.missing == ("NOPE",)
    assert found.changed == {"cd74": "Cd74", "MX1": "MX1_ENSG00000157601", "hla-a": "HLA-A"}


def test_a_name_as_written_wins_over_one_in_other_capitals():
    assert find_genes(["a1"], ["A1", "a1"]).found == ("a1",)
    assert find_genes(["A1", "a1"], ["A1"]).found == ("A1",)


def test_empty_and_endless_lists_are_refused():
    with pytest.raises(DataError, match="No gene"):
        find_genes(" , ;\n", NAMES)
    with pytest.raises(DataError, match="more than"):
        find_genes([f"X{i}" for i in range(MOST_GENES + 1)], NAMES)


def test_files_of_sets_are_read_and_other_files_refused():
    (one,) = read_sets(b"interferon\tpaper\tISG15\tMX1\n", "mine.gmt")
    assert (one.name, one.genes) == ("interferon", ("ISG15", "MX1"))
    with pytest.raises(DataError, match=r"mine\.gmt.*UTF-8"):
        read_sets(b"\xff\xfe\x00x", "mine.gmt")


def test_scores_are_scanpys_and_find_the_cells(rna):
    score = score_set(rna, "ISG15 MX1 CD74")
    assert score.dtype == np.float32
    assert score[:50].mean() > score[50:].mean() + 0.8
    copy = AnnData(rna.X.copy(), obs=rna.obs[[]].copy(), var=rna.var[[]].copy())
    sc.tl.score_genes(copy, ["ISG15", "MX1_ENSG00000157601", "Cd74"], random_state=0)
    np.testing.assert_allclose(score, copy.obs["score"], rtol=1e-5)


def test_scores_are_the_same_each_time_and_leave_no_trace(rna):
    columns, before = list(rna.obs), rna.X.data.copy()
    np.random.seed(7)  # noqa: NPY002 - the generator that scanpy seeds
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    score = score_set(rna, ["ISG15", "Cd74"], seed=3)
    assert np.random.random() == expected  # noqa: NPY002
    np.testing.assert_array_equal(score, score_set(rna, ["ISG15", "Cd74"], seed=3))
    assert list(rna.obs) == columns
    np.testing.assert_array_equal(rna.X.data, before)


def test_too_few_genes_name_the_missing(rna):
    with pytest.raises(DataError, match=r"Only 1 of the 3 genes.*NOPE, NADA"):
        score_set(rna, "ISG15 NOPE NADA")


def test_a_set_of_all_genes_has_nothing_to_be_compared_with():
    cells = prepared(rna=poisson(np.full(4, 5.0), 60)).mod["rna"]
    with pytest.raises(DataError, match="no genes to compare"):
        score_set(cells, list(cells.var_names))


def test_cells_without_rna_have_no_score():
    cells = prepared(prot=poisson(np.full(5, 9.0), 60), rna=adata(poisson(np.full(40, 3.0), 40, 1), first=20))
    score = score_set(cells["rna"], list(cells["rna"].var_names[:3]))
    assert np.isnan(score[:20]).all()
    np.testing.assert_allclose(score[20:], score_set(cells["rna"][20:].copy(), list(cells["rna"].var_names[:3])), rtol=1e-5)

"""Means and shares by group are those of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.explore.samples import adata, poisson, prepared
from virtualcell.explore import by_group, short_names, values_of
from virtualcell.schema import DataError


@pytest.fixture(scope="module")
def cells():
    return prepared(rna=poisson(np.linspace(0.2, 6, 10), 60), prot=adata(poisson(np.full(4, 9.0), 40), "p", first=20))


LABELS = np.array(["unknown", "B", "A"] * 20)


def test_means_and_shares_are_those_of_pandas(cells):
    rna, genes = cells["rna"], ["rna7", "rna1"]
    found = by_group(rna, genes, LABELS, np.arange(50))
    table = pd.DataFrame(rna.X.toarray(), columns=rna.var_names)[genes].iloc[:50]
    mean = table.groupby(LABELS[:50]).mean()
    seen = 100 * (table > 0).groupby(LABELS[:50]).mean()
    assert found.groups == ("A", "B", "unknown")
    np.testing.assert_allclose(found.mean, mean.loc[list(found.groups)], rtol=1e-5)
    np.testing.assert_allclose(found.percent, seen.loc[list(found.groups)], rtol=1e-6)
    assert found.cells.tolist() == [16, 17, 17]


def test_times_come_in_order_and_unmeasured_cells_do_not_count(cells):
    times = np.repeat([10.0, 2.0, 0.0], 20)
    found = by_group(cells["prot"], ["p0"], times)
    assert found.groups == ("0", "2")
    assert found.cells.sum() == 40
    values = values_of(cells["prot"], ["p0"])
    assert np.isnan(values[:20]).all()
    np.testing.assert_allclose(found.mean[0, 0], np.nanmean(values[times == 0.0]), rtol=1e-5)


def test_values_are_columns_of_x(cells):
    found = values_of(cells["rna"], ["rna3", "rna0"], np.array([5, 2]))
    np.testing.assert_array_equal(found, cells["rna"].X.toarray()[[5, 2]][:, [3, 0]])


def test_genes_that_are_not_there_are_named(cells):
    with pytest.raises(DataError, match="NOPE"):
        values_of(cells["rna"], ["rna3", "NOPE"])
    with pytest.raises(DataError, match="No gene"):
        by_group(cells["rna"], [], LABELS)


def test_short_names_stay_apart():
    assert short_names(["HLA-A_ENSG00000206503", "MX1"]) == ["HLA-A", "MX1"]
    assert short_names(["A_ENSG00000206503", "A_ENSG00000206504"]) == ["A_ENSG00000206503", "A_ENSG00000206504"]

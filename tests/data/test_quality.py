"""Quality figures counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

from virtualcell.data.quality import quality


def test_figures_of_a_cell() -> None:
    genes = ["MT-CO1", "mt-Nd1", "ACTB", "MTOR"]
    rna = AnnData(np.array([[1, 2, 3, 4], [0, 0, 5, 0], [0, 0, 0, 0]], dtype=np.float32), var=pd.DataFrame(index=genes))
    prot = AnnData(np.array([[7, 0], [1, 1]], dtype=np.float32), var=pd.DataFrame(index=["CD3", "CD4"]))
    table = quality(MuData({"rna": rna, "prot": prot}))
    of_rna, of_prot = table[table["modality"] == "rna"], table[table["modality"] == "prot"]
    assert of_rna["counts"].tolist() == [10, 5, 0]
    assert of_rna["features"].tolist() == [4, 1, 0]
    assert of_rna["mitochondrial_percent"].iloc[0] == pytest.approx(30.0)
    assert of_rna["mitochondrial_percent"].iloc[1] == 0
    assert list(of_prot.index) == ["0", "1"]
    assert of_prot["counts"].tolist() == [7, 2]
    assert of_prot["mitochondrial_percent"].isna().all()


def test_no_mitochondrial_genes_in_the_file_is_not_zero_percent(adata_of) -> None:
    assert quality(MuData({"rna": adata_of()}))["mitochondrial_percent"].isna().all()

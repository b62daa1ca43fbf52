"""Quality figures of every cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from mudata import MuData

from virtualcell.data.counts import counts_of
from virtualcell.data.read import SOURCE_KEY


def quality(mdata: MuData) -> pd.DataFrame:
    """One row for each cell and modality that lists it, indexed by cell name.

    Columns: ``modality``; ``counts``; ``features`` with at least one count; ``mitochondrial_percent`` (RNA: share of counts in
    genes that start with MT- or mt-, 0 to 100; not a number where the file has no such gene or in other modalities).
    Raises DataError.
    """
    file = mdata.uns.get(SOURCE_KEY, {}).get("file")
    return pd.concat([_of_modality(name, adata, file) for name, adata in mdata.mod.items()])


def _of_modality(name: str, adata: AnnData, file: str | None) -> pd.DataFrame:
    mitochondrial = adata.var_names.str.upper().str.startswith("MT-")
    cells = AnnData(
        counts_of(adata, file=file, modality=name),
        obs=pd.DataFrame(index=adata.obs_names),
        var=pd.DataFrame({"mitochondrial": mitochondrial}, index=adata.var_names),
    )
    table, _ = sc.pp.calculate_qc_metrics(cells, qc_vars=["mitochondrial"], percent_top=None, log1p=False)
    known = name == "rna" and mitochondrial.any()
    return pd.DataFrame(
        {
            "modality": name,
            "counts": table["total_counts"],
            "features": table["n_genes_by_counts"],
            "mitochondrial_percent": table["pct_counts_mitochondrial"]
            if known
            else np.full(adata.n_obs, np.nan, dtype=np.float32),
        }
    )

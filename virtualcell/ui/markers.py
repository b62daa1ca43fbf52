"""Genes that tell a group of cells from all others, by scanpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData


def markers(rna: AnnData, rows: np.ndarray) -> pd.DataFrame:
    """Wilcoxon rank-sum test of every gene, chosen cells against the rest (scanpy, Benjamini-Hochberg).

    rna: log-normalised. rows: the chosen cells. Returns gene, log2_fold_change, adjusted_p, score, percent_selected,
    percent_others, strongest first. Raises ValueError where one side has fewer than three cells.
    """
    inside = np.zeros(rna.n_obs, dtype=bool)
    inside[rows] = True
    if inside.sum() < 3 or (~inside).sum() < 3:
        raise ValueError("A comparison needs at least three cells on each side.")
    group = pd.Categorical(np.where(inside, "selected", "others"))
    cells = AnnData(rna.X, obs=pd.DataFrame({"group": group}, index=rna.obs_names), var=pd.DataFrame(index=rna.var_names))
    sc.tl.rank_genes_groups(cells, "group", groups=["selected"], reference="others", method="wilcoxon", pts=True)
    table = sc.get.rank_genes_groups_df(cells, "selected")
    names = {"names": "gene", "logfoldchanges": "log2_fold_change", "pvals_adj": "adjusted_p", "scores": "score"}
    table = table.rename(columns=names).drop(columns=["pvals", "pct_nz_group", "pct_nz_reference"], errors="ignore")
    expressed = np.asarray((rna.X[inside] > 0).mean(axis=0)).ravel(), np.asarray((rna.X[~inside] > 0).mean(axis=0)).ravel()
    percent = pd.DataFrame({"percent_selected": 100 * expressed[0], "percent_others": 100 * expressed[1]}, index=rna.var_names)
    table = table.join(percent, on="gene")
    return table[["gene", "log2_fold_change", "adjusted_p", "score", "percent_selected", "percent_others"]]

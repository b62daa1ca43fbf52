"""Prepare measured cells: quality control, choice of features, normalisation and linear components."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.data.counts import counts_of
from virtualcell.data.read import SOURCE_KEY, measured
from virtualcell.schema import COUNTS_LAYER, MEASURED_KEY, DataError, PreprocessSettings

RECORD_KEY = "virtualcell_preprocess"
"""``uns`` slot with every setting, version and number of the preparation; a modality's part also stands in its own ``uns``."""

TARGET_SUM = 1e4
"""RNA is shown as counts per this many counts; open peaks likewise, before their logarithm."""

MAX_PEAKS = 20_000
"""At most this many peaks, those open in most training cells: the others cost memory and teach little."""

NORMALISATION = {
    "rna": "log(1 + counts per 10,000), over all genes of the file",
    "atac": "counts made binary (open or not); log(1 + 10,000 x TF x IDF), TF = 1 / open peaks of the cell, "
    "IDF = training cells / those in which the peak is open",
    "prot": "centred log ratio per cell: log(1 + count) minus its mean over the proteins",
}


def preprocess(mdata: MuData, settings: PreprocessSettings, *, fit_on: np.ndarray | None = None) -> MuData:
    """A new MuData whose modalities are ready for the models; ``mdata`` is left as it is.

    fit_on: boolean (cells,) or row numbers of the training cells; everything learned from several cells (choice of features, IDF,
    components) is learned from them alone. ``None``: all cells.

    Every modality ("rna", "atac", "prot"; others are left out and named in the record) lists all kept cells in the order of
    ``mdata.obs``; rows of cells that were not measured are zero and False in ``mdata.obsm["measured"]`` and the modality's
    ``obs["measured"]``. ``layers["counts"]``: CSR float32 whole numbers (ATAC: 0 or 1, open or not). ``X``: float32, normalised.
    ``obs["depth"]``: counts (ATAC: open peaks) over all features of the file. ``obsm``: ``X_pca`` (RNA, protein) or ``X_lsi``
    (ATAC), float32. Cells that no modality measured are dropped and counted in ``uns["virtualcell_preprocess"]``.
    Raises DataError.

    Sources: TF-IDF of Stuart et al. 2021 (Signac); centred log ratio of Stoeckius et al. 2017; variable genes of Satija et al.
    2015.
    """
    known = [name for name in mdata.mod if name in NORMALISATION]
    file = mdata.uns.get(SOURCE_KEY, {}).get("file")
    if not known:
        raise DataError(
            f"None of its kinds of measurement ({', '.join(mdata.mod)}) is known.",
            next_step="Name them rna, atac or prot.",
            file=file,
        )
    listed = measured(mdata)[:, [list(mdata.mod).index(name) for name in known]]
    counts = {name: _aligned_counts(mdata, name, file) for name in known}
    depth = {name: np.asarray(matrix.sum(axis=1)).ravel() for name, matrix in counts.items()}
    mask = listed & np.stack([depth[name] >= settings.min_counts for name in known], axis=1)
    kept, fit = mask.any(axis=1), _as_mask(fit_on, mdata.n_obs)

    modalities: dict[str, AnnData] = {}
    details: dict[str, Any] = {}
    for column, name in enumerate(known):
        adata = _features(mdata, name, counts[name], mask[:, column])
        modalities[name], details[name] = _prepare(name, adata, depth[name], mask[:, column], fit, settings, file)
        details[name] |= {"cells_below_min_counts": int((listed[:, column] & ~mask[:, column]).sum())}
        modalities[name] = modalities[name][kept].copy()
        modalities[name].uns[RECORD_KEY] = details[name]

    prepared = MuData(modalities)
    prepared.obs = mdata.obs.loc[kept].copy()
    for key, values in mdata.obsm.items():
        if key not in mdata.mod and key != MEASURED_KEY:
            prepared.obsm[key] = values[kept]
    prepared.obsm[MEASURED_KEY] = mask[kept]
    prepared.uns.update({key: mdata.uns[key] for key in mdata.uns if key != RECORD_KEY})
    prepared.uns[RECORD_KEY] = {
        "settings": dataclasses.asdict(settings),
        "fixed": {"target_sum": TARGET_SUM, "max_peaks": MAX_PEAKS},
        "versions": {name: version(name) for name in ("anndata", "mudata", "scanpy", "scikit-learn", "numpy", "scipy")},
        "cells_read": int(mdata.n_obs),
        "cells_dropped": int((~kept).sum()),
        "cells_fit_on": int((fit & kept).sum()),
        "modalities_left_out": [name for name in mdata.mod if name not in known],
        "modalities": details,
    }
    return prepared


def _as_mask(fit_on: np.ndarray | None, n_cells: int) -> np.ndarray:
    if fit_on is None:
        return np.ones(n_cells, dtype=bool)
    fit_on = np.asarray(fit_on)
    if fit_on.dtype == bool and fit_on.shape != (n_cells,):
        raise ValueError(f"fit_on has shape {fit_on.shape}, but there are {n_cells} cells")
    mask = np.zeros(n_cells, dtype=bool)
    mask[fit_on] = True
    return mask


def _aligned_counts(mdata: MuData, name: str, file: str | None) -> sp.csr_matrix:
    """Counts with a row for every cell of the MuData; rows of cells that the modality does not list are empty."""
    counts = counts_of(mdata[name], file=file, modality=name)
    if name == "atac":
        counts.data[:] = 1  # open or not: what a Bernoulli likelihood can say of one cell's two chromosome copies
    rows = np.asarray(mdata.obsmap[name]).ravel().astype(np.int64) - 1
    if len(rows) == counts.shape[0] and (rows == np.arange(len(rows))).all():
        return counts
    padded = sp.vstack([counts, sp.csr_matrix((1, counts.shape[1]), dtype=counts.dtype)], format="csr")
    return padded[rows]  # row -1, of a cell that is not listed, is the empty one


def _features(mdata: MuData, name: str, counts: sp.csr_matrix, mask: np.ndarray) -> AnnData:
    """All features of a modality with the counts of its measured cells; features of one name are numbered."""
    kept = sp.diags(mask.astype(np.float32)).dot(counts).tocsr()
    kept.eliminate_zeros()
    adata = AnnData(kept.astype(np.float32), obs=pd.DataFrame(index=mdata.obs_names.copy()), var=mdata[name].var.copy())
    adata.var["name_in_file"] = adata.var_names.astype(str)
    adata.var_names_make_unique()
    return adata


def _prepare(
    name: str,
    adata: AnnData,
    depth: np.ndarray,
    mask: np.ndarray,
    fit: np.ndarray,
    settings: PreprocessSettings,
    file: str | None,
) -> tuple[AnnData, dict[str, Any]]:
    training = mask & fit
    if training.sum() < 3:
        raise DataError(
            f"Only {training.sum()} training cell(s) have {name} counts.",
            next_step="Add cells, lower the least number of counts, or leave this kind of measurement out.",
            file=file,
            field=name,
        )
    seen = np.asarray((adata.X[training] > 0).sum(axis=0)).ravel()
    chosen = _choose(name, adata, depth, training, seen, settings)
    if chosen.sum() < 2:
        raise DataError(
            f"Only {chosen.sum()} {name} feature(s) are seen in at least {settings.min_cells} training cells.",
            next_step="Lower the least number of cells per feature, or add cells.",
            file=file,
            field=name,
        )
    counts = adata.X[:, chosen].tocsr()
    adata = AnnData(counts, obs=adata.obs, var=adata.var.loc[chosen].copy(), layers={COUNTS_LAYER: counts.copy()})
    adata.obs["depth"], adata.obs["measured"] = depth.astype(np.float32), mask
    adata.var["training_cells"] = seen[chosen]
    details: dict[str, Any] = {
        "normalisation": NORMALISATION[name],
        "features_read": len(chosen),
        "features_kept": int(chosen.sum()),
        "cells_measured": int(mask.sum()),
        "cells_fit_on": int(training.sum()),
    }
    if name == "atac":
        adata.var["idf"] = (training.sum() / seen[chosen]).astype(np.float32)
        adata.X = _tf_idf(counts, depth, adata.var["idf"].to_numpy())
        details |= _components(adata, "X_lsi", training, settings.n_components, centre=False)
        details |= _depth_component(adata, depth, training)
    else:
        adata.X = _log_per_ten_thousand(counts, depth) if name == "rna" else _centred_log_ratio(counts, mask)
        details |= _components(adata, "X_pca", training, settings.n_components, centre=True)
    return adata, details


def _choose(
    name: str, adata: AnnData, depth: np.ndarray, training: np.ndarray, seen: np.ndarray, settings: PreprocessSettings
) -> np.ndarray:
    """Boolean (features,): those kept, by the training cells alone."""
    if name == "prot":
        return np.ones(adata.n_vars, dtype=bool)  # a panel is small and chosen by hand
    chosen = seen >= max(settings.min_cells, 1)
    if name == "atac" and chosen.sum() > MAX_PEAKS:
        order = np.argsort(-seen, kind="stable")[:MAX_PEAKS]
        chosen = np.isin(np.arange(adata.n_vars), order) & chosen
    if name == "rna" and chosen.sum() > settings.n_variable_genes:
        cells = AnnData(_log_per_ten_thousand(adata.X[training][:, chosen], depth[training]), var=adata.var.loc[chosen, []])
        variable = sc.pp.highly_variable_genes(cells, n_top_genes=settings.n_variable_genes, flavor="seurat", inplace=False)
        chosen = chosen.copy()
        chosen[np.flatnonzero(chosen)] = variable["highly_variable"].to_numpy()
    return chosen


def _log_per_ten_thousand(counts: sp.csr_matrix, depth: np.ndarray) -> sp.csr_matrix:
    scaled = sp.diags(TARGET_SUM / np.maximum(depth, 1)).dot(counts).tocsr()
    return scaled.log1p().astype(np.float32)


def _tf_idf(opened: sp.csr_matrix, depth: np.ndarray, idf: np.ndarray) -> sp.csr_matrix:
    scaled = sp.diags(TARGET_SUM / np.maximum(depth, 1)).dot(opened).dot(sp.diags(idf)).tocsr()
    return scaled.log1p().astype(np.float32)


def _centred_log_ratio(counts: sp.csr_matrix, mask: np.ndarray) -> np.ndarray:
    logs = np.log1p(counts.toarray().astype(np.float64))
    return ((logs - logs.mean(axis=1, keepdims=True)) * mask[:, None]).astype(np.float32)


def _components(adata: AnnData, key: str, training: np.ndarray, n_components: int, *, centre: bool) -> dict[str, Any]:
    """Principal (centred) or LSI (not centred) components of the training cells, applied to all; zeros where not measured."""
    n = min(n_components, int(training.sum()) - 1, adata.n_vars - 1)
    cells = AnnData(adata.X[training].astype(np.float64))
    sc.pp.pca(cells, n_comps=n, zero_center=centre, svd_solver="arpack", random_state=0, dtype="float64")
    mean = np.asarray(cells.X.mean(axis=0)).ravel() if centre else np.zeros(adata.n_vars)
    loadings = cells.varm["PCs"]
    states = np.asarray(adata.X @ loadings) - mean @ loadings
    adata.obsm[key] = (states * adata.obs["measured"].to_numpy()[:, None]).astype(np.float32)
    adata.varm["loadings"] = loadings.astype(np.float32)
    adata.var["mean"] = mean.astype(np.float32)
    return {"components": n, "variance_ratio": [float(part) for part in cells.uns["pca"]["variance_ratio"]]}


def _depth_component(adata: AnnData, depth: np.ndarray, training: np.ndarray) -> dict[str, Any]:
    """The LSI component that follows sequencing depth most: recorded, not dropped."""
    components = pd.DataFrame(adata.obsm["X_lsi"][training])
    ranks = components.corrwith(pd.Series(depth[training]), method="spearman").fillna(0)
    strongest = int(ranks.abs().to_numpy().argmax())
    return {"depth_component": strongest, "depth_correlation": float(ranks.iloc[strongest])}

"""Prepare measured cells: quality control, choice of features and normalisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
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
from virtualcell.schema import COUNTS_LAYER, DEFAULT_KINDS, MEASURED_KEY, DataError, PreprocessSettings

RECORD_KEY = "virtualcell_preprocess"
"""``uns`` slot with every setting, version and number of the preparation; a modality's part also stands in its own ``uns``."""

TARGET_SUM = 1e4
"""RNA is shown as counts per this many counts; open peaks likewise, before their logarithm."""

MAX_PEAKS = 20_000
"""At most this many peaks, those open in most training cells: the others cost memory and teach little."""

COVERAGE = "coverage"
"""Layer that says how many reads stand behind a value; where it is 0, a value may be missing."""

KINDS = {"rna": "rna", "atac": "atac", "prot": "protein"}
"""What is prepared where no kinds are named: key of a modality -> kind of measurement."""

NORMALISATION = {
    "rna": "log(1 + counts per 10,000), over all genes of the file",
    "atac": "counts made binary (open or not); log(1 + 10,000 x TF x IDF), TF = 1 / open peaks of the cell, "
    "IDF = training cells / those in which the peak is open",
    "atac-poisson": "log(1 + 10,000 x TF x IDF), TF = fragments in the peak / fragments of the cell, "
    "IDF = training cells / those in which the peak is open",
    "protein": "centred log ratio per cell: log(1 + count) minus its mean over the proteins",
}
AS_MEASURED = "none: values as in the file"


def preprocess(
    mdata: MuData, settings: PreprocessSettings, *, fit_on: np.ndarray | None = None, kinds: Mapping[str, str] | None = None
) -> MuData:
    """A new MuData whose modalities are ready for the models; ``mdata`` is left as it is.

    fit_on: boolean (cells,) or row numbers of the training cells; everything learned from several cells (choice of features, IDF)
    is learned from them alone. ``None``: all cells. kinds[key]: kind of measurement of a modality (default: "rna", "atac" and
    "prot" under these keys); others are left out and named in the record.

    Every modality lists all kept cells in the order of ``mdata.obs``; rows of cells that were not measured are zero and False in
    ``mdata.obsm["measured"]`` and the modality's ``obs["measured"]``. Kinds rna..., atac... and protein: ``layers["counts"]`` CSR
    float32 whole numbers (kind "atac": 0 or 1, open or not), ``X`` float32, normalised, ``obs["depth"]`` counts (kind "atac":
    open peaks) over all features of the file. Any other kind: ``X`` and layers as in the file, without features that never
    change. Cells that no modality measured are dropped and counted in ``uns["virtualcell_preprocess"]``. Raises DataError.

    Sources: TF-IDF of Stuart et al. 2021 (Signac); centred log ratio of Stoeckius et al. 2017; variable genes of Satija et al.
    2015.
    """
    kinds = KINDS if kinds is None else kinds
    known = [name for name in mdata.mod if name in kinds]
    file = mdata.uns.get(SOURCE_KEY, {}).get("file")
    if not known:
        raise DataError(
            f"None of its kinds of measurement ({', '.join(mdata.mod)}) is known.",
            next_step=f"Name them {_or(list(DEFAULT_KINDS))}, or say of which kind they are (kinds in the settings).",
            file=file,
        )
    listed = measured(mdata)[:, [list(mdata.mod).index(name) for name in known]]
    counts = {name: _aligned_counts(mdata, name, kinds[name], file) for name in known if is_counted(kinds[name])}
    depth = {name: np.asarray(matrix.sum(axis=1)).ravel() for name, matrix in counts.items()}
    deep = [depth[name] >= settings.min_counts if name in counts else np.ones(mdata.n_obs, dtype=bool) for name in known]
    mask = listed & np.stack(deep, axis=1)
    kept, fit = mask.any(axis=1), _as_mask(fit_on, mdata.n_obs)

    modalities: dict[str, AnnData] = {}
    details: dict[str, Any] = {}
    for column, name in enumerate(known):
        training = mask[:, column] & fit
        _enough(int(training.sum()), name, file)
        if name in counts:
            adata = _features(mdata, name, counts[name], mask[:, column])
            found = _prepare(name, kinds[name], adata, depth[name], training, settings, file)
        else:
            found = _as_measured(mdata, name, mask[:, column], training, file)
        found[0].obs["measured"] = mask[:, column]
        modalities[name], details[name] = found[0][kept].copy(), found[1]
        details[name] |= {
            "kind": kinds[name],
            "cells_measured": int(mask[:, column].sum()),
            "cells_fit_on": int(training.sum()),
            "cells_below_min_counts": int((listed[:, column] & ~mask[:, column]).sum()),
        }
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


def is_counted(kind: str) -> bool:
    """Whether a kind of measurement is prepared from counts (RNA, accessibility, protein) or passed on as it was measured."""
    return kind == "protein" or kind.split("-")[0] in ("rna", "atac")


def why_not_values(adata: AnnData) -> str | None:
    """What is wrong with X as values of a continuous scale, in plain words; None when all are there, or X is not."""
    if adata.X is None:
        return None
    values = adata.X.data if sp.issparse(adata.X) else np.asarray(adata.X)
    if values.dtype.kind not in "biuf":
        return "The matrix holds text, not numbers."
    missing = int((~np.isfinite(values)).sum())
    if missing and COVERAGE in adata.layers:
        missing = int((~np.isfinite(_dense(adata.X)) & (_dense(adata.layers[COVERAGE]) != 0)).sum())
    return f"{missing} of its values are missing (NaN) or infinite." if missing else None


def _as_mask(fit_on: np.ndarray | None, n_cells: int) -> np.ndarray:
    if fit_on is None:
        return np.ones(n_cells, dtype=bool)
    fit_on = np.asarray(fit_on)
    if fit_on.dtype == bool and fit_on.shape != (n_cells,):
        raise ValueError(f"fit_on has shape {fit_on.shape}, but there are {n_cells} cells")
    mask = np.zeros(n_cells, dtype=bool)
    mask[fit_on] = True
    return mask


def _aligned_counts(mdata: MuData, name: str, kind: str, file: str | None) -> sp.csr_matrix:
    """Counts with a row for every cell of the MuData; rows of cells that the modality does not list are empty."""
    counts = counts_of(mdata[name], file=file, modality=name)
    if kind == "atac":
        counts.data[:] = 1  # open or not: what a Bernoulli likelihood can say of one cell's two chromosome copies
    return _aligned(counts, mdata, name)


def _aligned(matrix: Any, mdata: MuData, name: str) -> Any:
    rows = np.asarray(mdata.obsmap[name]).ravel().astype(np.int64) - 1
    if len(rows) == matrix.shape[0] and (rows == np.arange(len(rows))).all():
        return matrix
    # Row -1, of a cell that is not listed, is the empty one.
    if sp.issparse(matrix):
        return sp.vstack([matrix, sp.csr_matrix((1, matrix.shape[1]), dtype=matrix.dtype)], format="csr")[rows]
    return np.vstack([matrix, np.zeros((1, matrix.shape[1]), matrix.dtype)])[rows]


def _features(mdata: MuData, name: str, counts: sp.csr_matrix, mask: np.ndarray) -> AnnData:
    """All features of a modality with the counts of its measured cells; features of one name are numbered."""
    kept = _of_measured(counts, mask)
    kept.eliminate_zeros()
    adata = AnnData(kept.astype(np.float32), obs=pd.DataFrame(index=mdata.obs_names.copy()), var=mdata[name].var.copy())
    return _numbered(adata)


def _numbered(adata: AnnData) -> AnnData:
    adata.var["name_in_file"] = adata.var_names.astype(str)
    adata.var_names_make_unique()
    return adata


def _of_measured(matrix: Any, mask: np.ndarray) -> Any:
    """The rows of measured cells, zeros elsewhere."""
    if sp.issparse(matrix):
        return sp.diags(mask.astype(matrix.dtype)).dot(matrix).tocsr()
    return np.where(mask[:, None], matrix, np.zeros((), matrix.dtype))


def _as_measured(
    mdata: MuData, name: str, mask: np.ndarray, training: np.ndarray, file: str | None
) -> tuple[AnnData, dict[str, Any]]:
    """A modality that is no count: X and layers as they are, without features that are the same in all training cells."""
    given = mdata[name]
    problem = why_not_values(given)
    if problem:
        raise DataError(
            f"{name}: {problem}",
            next_step="Leave out the features or cells that lack values, or fill them in and say how.",
            file=file,
            field=f"{name}: X",
        )
    layers = {key: _of_measured(_aligned(layer, mdata, name), mask) for key, layer in given.layers.items() if key is not None}
    values = None
    if given.X is not None:
        values = given.X if sp.issparse(given.X) else np.nan_to_num(np.asarray(given.X, dtype=np.float32), copy=True)
        values = _of_measured(_aligned(values, mdata, name), mask).astype(np.float32)
    adata = _numbered(AnnData(values, obs=pd.DataFrame(index=mdata.obs_names.copy()), var=given.var.copy(), layers=layers))
    changes = np.any([_changes(part, training) for part in ([values] if values is not None else layers.values())], axis=0)
    if np.sum(changes) < 2:
        raise DataError(
            f"Only {np.sum(changes)} {name} feature(s) differ between training cells.",
            next_step="Check that the right matrix was written to the file, or leave this kind of measurement out.",
            file=file,
            field=name,
        )
    details = {"normalisation": AS_MEASURED, "features_read": len(changes), "features_kept": int(changes.sum())}
    return adata[:, changes].copy(), details


def _changes(matrix: Any, rows: np.ndarray) -> np.ndarray:
    """Boolean (features,): not the same in all of the rows."""
    some = matrix[rows]
    if sp.issparse(some):
        return np.asarray((some.max(axis=0) - some.min(axis=0)).todense()).ravel() > 0
    return some.max(axis=0) > some.min(axis=0)


def _dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)


def _enough(training: int, name: str, file: str | None) -> None:
    if training < 3:
        raise DataError(
            f"Only {training} training cell(s) have {name} values.",
            next_step="Add cells, lower the least number of counts, or leave this kind of measurement out.",
            file=file,
            field=name,
        )


def _prepare(
    name: str, kind: str, adata: AnnData, depth: np.ndarray, training: np.ndarray, settings: PreprocessSettings, file: str | None
) -> tuple[AnnData, dict[str, Any]]:
    seen = np.asarray((adata.X[training] > 0).sum(axis=0)).ravel()
    family = kind.split("-")[0]
    chosen = _choose(family, adata, depth, training, seen, settings)
    if chosen.sum() < 2:
        raise DataError(
            f"Only {chosen.sum()} {name} feature(s) are seen in at least {settings.min_cells} training cells.",
            next_step="Lower the least number of cells per feature, or add cells.",
            file=file,
            field=name,
        )
    counts = adata.X[:, chosen].tocsr()
    adata = AnnData(counts, obs=adata.obs, var=adata.var.loc[chosen].copy(), layers={COUNTS_LAYER: counts.copy()})
    adata.obs["depth"] = depth.astype(np.float32)
    adata.var["training_cells"] = seen[chosen]
    if family == "atac":
        adata.var["idf"] = (training.sum() / seen[chosen]).astype(np.float32)
        adata.X = _tf_idf(counts, depth, adata.var["idf"].to_numpy())
    else:
        adata.X = _log_per_ten_thousand(counts, depth) if family == "rna" else _centred_log_ratio(counts)
    details = {
        "normalisation": NORMALISATION.get(kind, NORMALISATION[family]),
        "features_read": len(chosen),
        "features_kept": int(chosen.sum()),
    }
    return adata, details


def _choose(
    family: str, adata: AnnData, depth: np.ndarray, training: np.ndarray, seen: np.ndarray, settings: PreprocessSettings
) -> np.ndarray:
    """Boolean (features,): those kept, by the training cells alone."""
    if family == "protein":
        return np.ones(adata.n_vars, dtype=bool)  # a panel is small and chosen by hand
    chosen = seen >= max(settings.min_cells, 1)
    if family == "atac" and chosen.sum() > MAX_PEAKS:
        order = np.argsort(-seen, kind="stable")[:MAX_PEAKS]
        chosen = np.isin(np.arange(adata.n_vars), order) & chosen
    if family == "rna" and chosen.sum() > settings.n_variable_genes:
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


def _centred_log_ratio(counts: sp.csr_matrix) -> np.ndarray:
    logs = np.log1p(counts.toarray().astype(np.float64))
    return (logs - logs.mean(axis=1, keepdims=True)).astype(np.float32)  # of a cell without counts: zeros


def _or(names: list[str]) -> str:
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)

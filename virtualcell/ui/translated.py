"""One kind of measurement of some cells told from another, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.evaluation.intervals import share_interval
from virtualcell.evaluation.multiomics import auroc_per_feature, pearson_per_feature
from virtualcell.schema import UNS_KEY
from virtualcell.ui import state
from virtualcell.ui.modalities import kept_out, with_measured, yes_or_no

OFTEN = 0.1
"""Share of cells in which a peak should be open to show whether its prediction is borne out."""


@dataclass(frozen=True)
class Translated:
    """Some cells in one kind of measurement, told from another: all (cells, features) in ``unit``; average: (features,)."""

    names: list[str]
    measured: np.ndarray
    predicted: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    average: np.ndarray
    """Mean reading of the training cells: the prediction of one who knows nothing of these cells."""
    unit: str
    yes_or_no: bool


@st.cache_resource(max_entries=16, show_spinner="Averaging the training cells …")
def _average(key: str, stamp: int, modality: str) -> np.ndarray:
    b = state.bundle(key)
    rows = np.setdiff1d(np.flatnonzero(with_measured(b, modality)), kept_out(b))
    total = sum(b.model.reading(b.cells[part].copy(), modality).sum(axis=0, dtype=float) for part in np.array_split(rows, 4))
    return np.asarray(total / len(rows), dtype=np.float32)


@st.cache_resource(max_entries=6, show_spinner="Translating …")
def _translated(key: str, stamp: int, packed: bytes, source: str, target: str) -> Translated:
    b = state.bundle(key)
    cells = b.cells[np.frombuffer(packed, dtype=np.int64)].copy()
    found = b.model.translate(cells, source=source, target=target)
    unit = str(found.uns[UNS_KEY]["unit"])
    return Translated(
        [str(name) for name in found.var_names],
        b.model.reading(cells, target),
        np.asarray(found.X, dtype=np.float32),
        found.layers.get("low"),
        found.layers.get("high"),
        _average(key, stamp, target),
        unit,
        yes_or_no(b, target),
    )


def translated(b: Bundle, rows: np.ndarray, source: str, target: str) -> Translated:
    """The target of some cells told from their source; the same request is computed once. Both must have been measured."""
    return _translated(b.demo.key, state.stamp(b), np.asarray(rows, dtype=np.int64).tobytes(), source, target)


@st.cache_resource(max_entries=12, show_spinner="Comparing predicted and measured features …")
def _feature_table(key: str, stamp: int, packed: bytes, source: str, target: str) -> pd.DataFrame:
    found = _translated(key, stamp, packed, source, target)
    if found.yes_or_no:
        told, name = auroc_per_feature(found.measured, found.predicted), "auroc"
    else:
        told, name = pearson_per_feature(found.measured, found.predicted), "pearson"
    return pd.DataFrame(
        {
            "feature": found.names,
            "measured": found.measured.mean(axis=0, dtype=float),
            "predicted": found.predicted.mean(axis=0, dtype=float),
            "average": found.average,
            name: told,
        }
    )


def feature_table(b: Bundle, rows: np.ndarray, source: str, target: str) -> pd.DataFrame:
    """A row a feature: means over the cells, measured and predicted; mean of the training cells; and how well single cells are
    told apart: "auroc" (readings of 0 and 1) or "pearson"."""
    return _feature_table(b.demo.key, state.stamp(b), np.asarray(rows, dtype=np.int64).tobytes(), source, target)


def bins(measured: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Cells in equal bins of predicted probability: predicted, share, low, high, n; measured: (cells,) of 0 and 1.

    At most six, each of 25 cells or more in which at least 4 are expected to be 1: fewer would show nothing but chance.
    """
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, int(np.clip(min(len(order) // 25, predicted.sum() // 4), 1, 6)))
    count = np.array([measured[part].sum() for part in parts])
    total = np.array([len(part) for part in parts])
    share, low, high = share_interval(count, total)
    middle = [float(predicted[part].mean()) for part in parts]
    return pd.DataFrame({"predicted": middle, "share": share, "low": low, "high": high, "n": total})


def usual_feature(b: Bundle, modality: str, names: list[str]) -> str:
    """The feature that is shown first: a marker gene, a peak open in enough cells to be judged, or simply the first.

    Of peaks open in a tenth to a half of the cells, those nearest to a marker gene come first, then those nearest to a gene
    that was measured, then all; of these, the one open most often.
    """
    marker = next((gene for gene in b.demo.marker_genes if gene in names), None)
    if marker is not None:
        return marker
    var = b.cells.mod[modality].var.reindex(names)
    if not {"nearest_gene", "training_cells"} <= set(var.columns):
        return names[0]
    nearest, cells = var["nearest_gene"].astype(str), var["training_cells"]
    share = cells / int(with_measured(b, modality).sum())
    # Peaks open in most cells are often copies of the mitochondrion or of repeats.
    often = share.between(OFTEN, 0.5)
    by_marker = nearest.isin(b.demo.marker_genes)
    by_measured = nearest.isin(b.cells.mod["rna"].var_names) if "rna" in b.cells.mod else by_marker
    choices = (often & by_marker, often & by_measured, often, by_marker)
    among = next((chosen for chosen in choices if chosen.any()), share.notna())
    return str(cells[among].idxmax())


def described(b: Bundle, modality: str, names: list[str]) -> list[str]:
    """Features with the gene nearest to each, where the file says so."""
    var = b.cells.mod[modality].var
    if "nearest_gene" not in var:
        return names
    nearest = var["nearest_gene"].astype(object).where(var["nearest_gene"].notna(), "").reindex(names)
    return [f"{name} ({gene})" if gene else name for name, gene in zip(names, nearest, strict=True)]

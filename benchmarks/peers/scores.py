"""Scores of translated measurements, the same for peers and for us: numpy and scipy only, read from both environments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from scipy.stats import rankdata

EPS = 1e-5
"""Probabilities are kept this far from 0 and 1."""

TOP_GENES = 200


def auroc_per_feature(opened: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each feature over cells, ties count half, (features,); NaN where all cells read the same.

    opened: 0 or 1, (cells, features). It is the Mann-Whitney statistic divided by the number of pairs.
    """
    opened = np.asarray(opened, dtype=bool)
    n_open = opened.sum(0).astype(np.float64)
    n_closed = len(opened) - n_open
    both = (n_open > 0) & (n_closed > 0)
    ranks = rankdata(predicted[:, both].astype(np.float64), axis=0)
    area = np.full(opened.shape[1], np.nan)
    above = (ranks * opened[:, both]).sum(0) - n_open[both] * (n_open[both] + 1) / 2
    area[both] = above / (n_open[both] * n_closed[both])
    return area


def gain(opened: np.ndarray, predicted: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Bernoulli log-likelihood of each cell above that of the constant ``base`` (features,), nats, (cells,)."""
    p = np.clip(np.asarray(predicted, dtype=np.float64), EPS, 1 - EPS)
    b = np.clip(np.asarray(base, dtype=np.float64), EPS, 1 - EPS)
    closed = np.log1p(-p) - np.log1p(-b)
    return (closed + opened * (np.log(p) - np.log(b) - closed)).sum(1)


def pearson_per_feature(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Correlation over cells, (features,); 0 where one side is constant."""
    y = np.asarray(measured, dtype=np.float64)
    p = np.asarray(predicted, dtype=np.float64)
    y, p = y - y.mean(0), p - p.mean(0)
    spread = np.sqrt((y**2).sum(0) * (p**2).sum(0))
    return np.where(spread > 1e-12, (y * p).sum(0) / np.maximum(spread, 1e-12), 0.0)


def log_per_ten_thousand(counts: sp.csr_matrix) -> np.ndarray:
    """log1p of counts per 10,000 of the given features, dense (cells, features)."""
    depth = np.maximum(np.asarray(counts.sum(1)), 1.0)
    return np.log1p(counts.toarray() * (1e4 / depth))


def centred_log_ratio(counts: np.ndarray) -> np.ndarray:
    """log1p minus its mean over the features of the cell, (cells, features)."""
    logs = np.log1p(np.asarray(counts, dtype=np.float64))
    return logs - logs.mean(axis=1, keepdims=True)


def most_variable(counts: sp.csr_matrix, n: int = TOP_GENES) -> np.ndarray:
    """The n features that vary most over the given cells as log1p of counts per 10,000, column numbers."""
    return np.argsort(-log_per_ten_thousand(counts).var(0), kind="stable")[:n]


def accessibility_scores(opened: np.ndarray, predicted: np.ndarray, base: np.ndarray) -> dict[str, float]:
    """ "gain" (nats per cell over the per-peak training mean) and "auroc" (mean over peaks with both values)."""
    return {
        "gain": float(gain(opened, predicted, base).mean()),
        "auroc": float(np.nanmean(auroc_per_feature(opened, predicted))),
    }


def protein_scores(measured: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """ "pearson" (mean over proteins) and "rmse" (over all entries) of centred log ratios."""
    error = np.asarray(measured, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)
    return {
        "pearson": float(pearson_per_feature(measured, predicted).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
    }


def translation_scores(
    train: Mapping[str, sp.csr_matrix],
    test: Mapping[str, sp.csr_matrix],
    p_atac: np.ndarray | None = None,
    rna: np.ndarray | None = None,
    protein: np.ndarray | None = None,
) -> dict[str, float]:
    """All scores of what was predicted for the test cells, each given the other modality only.

    train, test: raw counts by modality, CSR (cells, features). p_atac: P(open). rna: log1p of counts per 10,000; the score is
    over the 200 genes that vary most over the training cells. protein: centred log ratio. Higher is better but for the RMSE.
    """
    found: dict[str, float] = {}
    if p_atac is not None:
        scores = accessibility_scores(test["atac"].toarray(), p_atac, np.asarray(train["atac"].mean(0)).ravel())
        found |= {f"rna_to_atac_{name}": value for name, value in scores.items()}
    if rna is not None:
        top = most_variable(train["rna"])
        correlation = pearson_per_feature(log_per_ten_thousand(test["rna"])[:, top], rna[:, top])
        found["atac_to_rna_pearson"] = float(correlation.mean())
    if protein is not None:
        scores = protein_scores(centred_log_ratio(test["prot"].toarray()), protein)
        found |= {f"rna_to_protein_{name}": value for name, value in scores.items()}
    return found

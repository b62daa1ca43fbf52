"""Responses from counts: which cells are taken, to what depth they are scaled, and what the answer is in counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp
from mudata import MuData

from virtualcell.perturbation.effect import PSEUDO
from virtualcell.perturbation.inverse_head import InverseHead
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import ALL, Screen, log_expression
from virtualcell.training.fitted import Fitted
from virtualcell.training.given import RNA
from virtualcell.training.table import make_table

MOST = 1000
"""Cells of one treatment and group: means of more are hardly surer, and a table of all genes has to fit."""

CERTAIN = 1.96


def response_of(fitted: Fitted, cells: MuData) -> Response | None:
    """How treatments change expression, of cells of one time whose RNA was counted; None where that was not measured."""
    columns = fitted.settings.columns
    if columns.perturbation is None or fitted.record["span"] or RNA not in fitted.features:
        return None
    table = make_table(cells, {RNA: fitted.features[RNA]}, (), [], kinds={RNA: fitted.kinds[RNA]})
    counts = table.values[RNA]
    if not isinstance(counts, sp.csr_matrix):
        return None
    names = cells.obs[columns.perturbation].astype(str).to_numpy()
    groups = cells.obs[columns.state].astype(str).to_numpy() if columns.state else None
    return fit_response(counts, names, groups, columns.control, fitted.settings.seed)


def fit_response(
    counts: sp.csr_matrix, treatment: np.ndarray, group: np.ndarray | None, control: str, seed: int = 0
) -> Response | None:
    """counts (cells, genes), treatment and group (cells,); cells without counts are left out. None where no treatment has two
    cells, and two untreated ones, in one group."""
    names = np.asarray(treatment).astype(str)
    groups = np.full(len(names), ALL) if group is None else np.asarray(group).astype(str)
    total = np.asarray(counts.sum(1)).ravel()
    taken = _some(names, groups, np.flatnonzero(total > 0), seed)
    untreated = total[taken][names[taken] == control]
    if not len(untreated):
        return None
    depth = float(np.median(untreated))
    screen = Screen.of(log_expression(counts[taken], depth), names[taken], groups[taken], control)
    if not any(screen.measured()):
        return None
    return Response(depth=depth, head=InverseHead.fit(screen, seed)).fit(screen, seed)


def fold_table(response: Response, before: np.ndarray, after: np.ndarray, treatment: str, genes: list[str]) -> pd.DataFrame:
    """Log2 ratio of typical expression before and after (cells, genes; logarithmic) a treatment, columns as ``fold_changes``.

    Typical: back from the mean of the logarithms, as scanpy's fold changes are. It is what the response predicts: a ratio of
    arithmetic means is another quantity where most counts are zero. low, high: 1.96 standard errors of the measured difference of
    means around the predicted change, which is shrunk and so rather nearer to none; over cells, not over donors, and that the
    change is the same in these cells is not in it.
    """
    error = CERTAIN * response.spread(treatment)
    start, end, low, high = (_mean(x, response.depth) for x in (before, after, after - error, after + error))
    fold, below, above = (np.log2((x + PSEUDO) / (start + PSEUDO)) for x in (end, low, high))
    table = pd.DataFrame(
        {"gene": genes, "before": start, "after": end, "log2_fold_change": fold, "low": below, "high": above},
    )
    certain = np.where(np.sign(below) == np.sign(above), np.minimum(np.abs(below), np.abs(above)), 0.0)
    return table.iloc[np.lexsort((-table["log2_fold_change"].abs(), -certain))].reset_index(drop=True)


def as_counts(expression: np.ndarray, total: np.ndarray, depth: float) -> sp.csr_matrix:
    """Expected counts of predicted cells (cells, genes) as deep as ``total`` (cells,), csr float32."""
    return sp.csr_matrix(np.maximum(np.expm1(expression), 0.0) * (total[:, None] / depth), dtype=np.float32)


def _mean(expression: np.ndarray, depth: float) -> np.ndarray:
    """Counts per 10,000 that the mean of the logarithms stands for, (genes,)."""
    return np.maximum(np.expm1(expression.mean(0)), 0.0) * (1e4 / depth)


def _some(names: np.ndarray, groups: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """At most ``MOST`` of those rows of each treatment and group, in order."""
    rng = np.random.default_rng(seed)
    _, kind = np.unique(np.char.add(np.char.add(names[rows], "\n"), groups[rows]), return_inverse=True)
    order = rng.permutation(len(rows))
    order = order[np.argsort(kind[order], kind="stable")]
    sizes = np.bincount(kind)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(rows[order[place < MOST]])

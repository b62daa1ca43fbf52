"""What a treatment or an edit does to expression: fold changes with intervals over cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

PSEUDO = 0.5
"""Added to counts per 10,000 before a ratio is taken, so that genes that are hardly seen do not lead the table."""


MEASURED, ADDED = "measured treatment", "treatments added, not measured together"
FORCE, SENSITIVITY = "measured treatment, as a force", "model sensitivity, not causal evidence"


@dataclass(frozen=True)
class Effect:
    """A push and its outcome.

    start, untreated, treated: (n, d) states before, and after the same time with the same random numbers without and with the
    push. genes: columns gene, before, after (mean counts per 10,000), log2_fold_change, low, high (95 %), ordered by how far the
    interval lies from zero. in_domain: share of treated states where cells were measured. kind: ``MEASURED`` or ``ADDED``, of the
    response (untreated: the cells as they are; interval: how surely the effect was measured), ``FORCE`` or ``SENSITIVITY``
    (interval: bootstrap over cells). edited: (n, d) states in which the pushed cells start, where that is not ``start``.
    """

    name: str
    kind: str
    start: np.ndarray
    untreated: np.ndarray
    treated: np.ndarray
    genes: pd.DataFrame
    in_domain: float
    seed: int
    edited: np.ndarray | None = None


def fold_changes(before: np.ndarray, after: np.ndarray, genes: list[str], n_boot: int = 200, seed: int = 0) -> pd.DataFrame:
    """Log2 ratio of mean expression, before and after (cells, genes) of the same cells, with a 95 % bootstrap interval over
    cells."""
    rng = np.random.default_rng(seed)
    n = len(before)
    draws = rng.multinomial(n, np.full(n, 1 / n), size=n_boot) / n
    ratio = np.log2((draws @ after + PSEUDO) / (draws @ before + PSEUDO))
    low, high = np.quantile(ratio, [0.025, 0.975], axis=0)
    mean_before, mean_after = before.mean(0), after.mean(0)
    table = pd.DataFrame(
        {
            "gene": genes,
            "before": mean_before,
            "after": mean_after,
            "log2_fold_change": np.log2((mean_after + PSEUDO) / (mean_before + PSEUDO)),
            "low": low,
            "high": high,
        }
    )
    certain = np.where(np.sign(low) == np.sign(high), np.minimum(np.abs(low), np.abs(high)), 0.0)
    return table.iloc[np.lexsort((-table["log2_fold_change"].abs(), -certain))].reset_index(drop=True)

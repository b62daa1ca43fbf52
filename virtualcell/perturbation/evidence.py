"""How surely a gene changes: its change over its standard error, as its interval says."""

from __future__ import annotations

import numpy as np
import pandas as pd

HALF = 1.96
"""Standard errors from the middle of a 95 % interval to its end."""


def standard_errors(genes: pd.DataFrame) -> np.ndarray:
    """Of each log2 fold change of an ``Effect``, (genes,): distance to the end of its interval on the side of no change over
    1.96, so that an interval that just reaches no change is one of 1.96 errors even where its two sides differ."""
    change, low, high = (genes[name].to_numpy(float) for name in ("log2_fold_change", "low", "high"))
    return np.maximum(np.where(change >= 0, change - low, high - change), 0.0) / HALF


def evidence(genes: pd.DataFrame) -> np.ndarray:
    """Change over its standard error, without sign, (genes,): above 1.96 where the 95 % interval leaves out no change; 0 for no
    change, infinite for one without any error."""
    change, error = genes["log2_fold_change"].abs().to_numpy(float), standard_errors(genes)
    return np.where(change == 0, 0.0, np.divide(change, error, out=np.full_like(change, np.inf), where=error > 0))

"""Which genes change first on the way from one state to another."""

from __future__ import annotations

import numpy as np
import pandas as pd


def first_changes(expression: np.ndarray, genes: list[str], most: int = 20) -> pd.DataFrame:
    """Genes that change most along a path, in the order in which they have made half of their change.

    expression: (k, genes) counts per 10,000 along the path, evenly spaced. Columns: gene, log2_change (end over start, a count
    per 10,000 added), half_way (0 at the start to 1 at the end of the path). ``most``: how many, those with the largest change.
    """
    logs = np.log2(1 + np.asarray(expression, dtype=np.float64))
    change = logs[-1] - logs[0]
    chosen = np.argsort(-np.abs(change), kind="stable")[:most]
    share = (logs[:, chosen] - logs[0, chosen]) / np.where(change[chosen] == 0, 1.0, change[chosen])
    # The first place from which on half of the change is made: a gene may overshoot and come back.
    reached = share >= 0.5
    after = reached.argmax(0)
    before = np.maximum(after - 1, 0)
    columns = np.arange(len(chosen))
    rise = share[after, columns] - share[before, columns]
    at = before + np.where(rise > 0, (0.5 - share[before, columns]) / np.where(rise > 0, rise, 1.0), 0.0)
    found = pd.DataFrame(
        {
            "gene": np.asarray(genes)[chosen],
            "log2_change": change[chosen],
            "half_way": np.clip(at / (len(logs) - 1), 0.0, 1.0),
        }
    )
    return found[found["log2_change"] != 0].sort_values("half_way", ignore_index=True)

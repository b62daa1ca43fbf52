"""What pairs of treatments that were measured alone would change if their effects added up."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from virtualcell.perturbation.response import Response


def additive_pairs(response: Response, cells: np.ndarray) -> pd.DataFrame:
    """All pairs of treatments measured alone: columns first, second, size, alike.

    cells: (n, genes) untreated log expression. size: root mean square over genes of the sum of both mean changes, natural log, as
    the response has them (shrunk by their error). alike: correlation over genes of the two changes; NaN where either changes
    nothing.
    """
    alone = [name for name in response.treatments if "+" not in name]
    change = {name: response.change(cells, name).mean(0) for name in alone}
    rows = []
    for first, second in combinations(alone, 2):
        a, b = change[first], change[second]
        alike = np.corrcoef(a, b)[0, 1] if min(a.std(), b.std()) > 0 else np.nan
        rows.append({"first": first, "second": second, "size": float(np.sqrt(np.mean((a + b) ** 2))), "alike": float(alike)})
    return pd.DataFrame(rows, columns=["first", "second", "size", "alike"])

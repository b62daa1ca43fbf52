"""Codes in words that a biologist reads: which known cells a category holds, which features a continuous code turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from virtualcell.schema import UNKNOWN, DataError


def name_categories(category: np.ndarray, labels: Sequence[str] | np.ndarray, n: int) -> pd.DataFrame:
    """One line a category, n of them in their order: ``cells`` read as it, ``share`` of all cells, ``name`` (label of most of
    them, unknown where there is none), ``share_of_name`` (share of its cells with that label).

    category (cells,) from 0, labels (cells,). Labels name categories afterwards, nothing is learned from them. Raises DataError
    where they are not one a cell.
    """
    given = np.asarray(labels).astype(str)
    if given.shape != (len(category),):
        raise DataError(
            f"There are {len(given)} labels for {len(category)} cells.", next_step="give one label a cell.", field="labels"
        )
    lines = []
    for one in range(n):
        kinds, counts = np.unique(given[category == one], return_counts=True)
        cells, most = int(counts.sum()), int(counts.max(initial=0))
        name = str(kinds[counts.argmax()]) if cells else UNKNOWN
        lines.append((cells, cells / max(len(given), 1), name, most / max(cells, 1)))
    return pd.DataFrame(lines, columns=["cells", "share", "name", "share_of_name"])


def turned_features(amount: np.ndarray, features: Sequence[str]) -> pd.DataFrame:
    """What changes as a code is turned from -1 to 1: ``feature``, ``change`` from end to end and ``reach`` (largest less
    smallest), the largest reach first.

    amount: (steps, features), what is read of the states that ``Codes.turn`` draws. Raises DataError where names are not one a
    feature.
    """
    if amount.shape[1:] != (len(features),):
        raise DataError(
            f"{len(features)} names were given for {amount.shape[-1]} features.",
            next_step="give model.features().",
            field="features",
        )
    table = pd.DataFrame({"feature": list(features), "change": amount[-1] - amount[0], "reach": np.ptp(amount, axis=0)})
    return table.sort_values("reach", ascending=False, kind="stable", ignore_index=True)

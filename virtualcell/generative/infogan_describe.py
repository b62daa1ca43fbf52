"""Codes in words that a biologist reads: which known cells a category holds, which genes a continuous code turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from virtualcell.generative.infogan import Codes
from virtualcell.schema import UNKNOWN, DataError

LOG2 = "log2 change"
"""Of 1 + the decoder's expected reading."""


def name_categories(codes: Codes, states: np.ndarray, labels: Sequence[str] | np.ndarray) -> pd.DataFrame:
    """One line a category: ``category``, ``cells`` and ``share`` of the cells read as it, ``name`` (label of most of them),
    ``share_of_name`` (share of its cells with that label), ``certainty`` (mean probability of the category in them).

    states (n, d), labels (n,). A name that two categories have in common carries a number, the larger category first; a category
    without cells is called unknown. Labels name codes afterwards, nothing is learned from them.
    """
    given = np.asarray(labels).astype(str)
    probabilities, _ = codes.read(states)
    if given.shape != (len(probabilities),):
        raise DataError(
            f"There are {len(given)} labels for {len(probabilities)} cells.", next_step="give one label a cell.", field="labels"
        )
    read = probabilities.argmax(1)
    lines = []
    for category in range(codes.n_categories):
        inside = read == category
        counts = pd.Series(given[inside]).value_counts()
        lines.append(
            {
                "category": category,
                "cells": int(inside.sum()),
                "share": float(inside.mean()),
                "name": str(counts.index[0]) if len(counts) else UNKNOWN,
                "share_of_name": float(counts.iloc[0] / inside.sum()) if len(counts) else 0.0,
                "certainty": float(probabilities[inside, category].mean()) if len(counts) else 0.0,
            }
        )
    table = pd.DataFrame(lines)
    rank = table.sort_values("cells", ascending=False, kind="stable").groupby("name").cumcount().reindex(table.index) + 1
    several = table["name"].map(table["name"].value_counts()) > 1
    table["name"] = table["name"].where(~several, table["name"] + " " + rank.astype(str))
    return table


def genes_of_code(
    codes: Codes,
    which: int,
    decode: Callable[[np.ndarray], np.ndarray],
    genes: Sequence[str],
    *,
    category: int | None = None,
    top: int = 10,
    n: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """The genes that change most when a continuous code is turned from -1 to 1, all else held: ``gene``, ``log2 change``, ``low``
    and ``high`` (expected reading at the two ends), the largest change first.

    decode: states (..., d) to expected readings (..., genes), such as ``VirtualCell.decode``; category: cells of one category, by
    default of each in the shares of the prior.
    """
    shares = codes.prior / codes.prior.sum()
    cells = {category: n} if category is not None else {k: int(np.ceil(n * share)) for k, share in enumerate(shares)}
    ends = [codes.turn(k, which, steps=2, seed=seed, n=m) for k, m in cells.items()]
    low, high = (np.concatenate([decode(end[side]) for end in ends]).mean(0) for side in (0, 1))
    if low.shape != (len(genes),):
        raise DataError(
            f"{len(genes)} names were given for {len(low)} features.", next_step="give model.features().", field="genes"
        )
    change = np.log2((1 + np.maximum(high, 0)) / (1 + np.maximum(low, 0)))
    table = pd.DataFrame({"gene": list(genes), LOG2: change, "low": low, "high": high})
    return table.iloc[np.argsort(-np.abs(change), kind="stable")[:top]].reset_index(drop=True)

"""Which share of the same cells ends where, with and without a push."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

RESAMPLES = 1000

COLUMNS = ("fate", "without", "without_low", "without_high", "with", "with_low", "with_high", "change", "low", "high")


def fate_change(
    without: np.ndarray,
    pushed: np.ndarray,
    names: Sequence[str],
    start: np.ndarray,
    log_weights: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Shares of the descendants by where they end, without and with a push, and the difference; the commonest fate first.

    without, pushed: (n,) where futures of the same cells end, row by row the same future; names: all fates that can be; start:
    (n,) which cell each future is of; log_weights: log number of descendants of each future, without and with, 0 by default.
    Intervals: 95 %, by drawing cells again with all of their futures on both sides, so that what cells have in common cancels in
    the difference; the model's own error is not in them. ValueError where lengths differ or a fate has no name.
    """
    fates = np.unique(np.asarray(names, dtype=str))
    cells, cell_of = np.unique(start, return_inverse=True)
    ends = [np.asarray(side, dtype=str) for side in (without, pushed)]
    if any(len(side) != len(cell_of) for side in ends) or not np.isin(np.concatenate(ends), fates).all():
        raise ValueError(f"Both sides must have an end among the {len(fates)} names for each of the {len(cell_of)} futures.")
    weights = log_weights or (np.zeros(len(cell_of)), np.zeros(len(cell_of)))
    drawn = np.random.default_rng(seed).multinomial(len(cells), np.full(len(cells), 1 / len(cells)), size=RESAMPLES)
    shares, draws = [], []
    for side, log in zip(ends, weights, strict=True):
        mass = np.zeros((len(cells), len(fates)))
        np.add.at(mass, (cell_of, np.searchsorted(fates, side)), np.exp(log - log.max()))
        shares.append(mass.sum(0) / mass.sum())
        found = drawn @ mass
        draws.append(found / found.sum(1, keepdims=True))
    sides = [*zip(shares, draws, strict=True), (shares[1] - shares[0], draws[1] - draws[0])]
    columns: list[np.ndarray] = [fates]
    for share, draw in sides:
        columns += [share, *np.quantile(draw, [0.025, 0.975], axis=0)]
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    order = np.argsort(-np.maximum(shares[0], shares[1]), kind="stable")
    return table.iloc[order].reset_index(drop=True)

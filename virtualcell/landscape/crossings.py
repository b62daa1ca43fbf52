"""How many measured cells must have crossed from one valley to another, as the populations of the valleys changed."""

from __future__ import annotations

import numpy as np
import ot

SURE = 3.0
"""Standard errors that a change must exceed."""


def least_crossings(
    valley: np.ndarray,
    time: np.ndarray,
    lengths: np.ndarray,
    log_growth: np.ndarray | None = None,
    stands_for: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fewest cells that must have crossed directly from valley i to valley j, both (valleys, valleys), beyond sampling noise: as
    a share of the population of one time, 0 to 1, and as a number of measured cells of that time.

    valley: (cells, valleys) how far each measured cell belongs to each valley, rows that sum to 1, or to 0: none (left out);
    time: (cells,); lengths: (valleys, valleys) how far a direct crossing is, inf where the valleys do not touch; log_growth:
    (cells,) growth rate per unit of time where something is known of it; stands_for: (cells,) how many measured cells each stands
    for, where they are a sample. Between every two times the change of the valleys'
    shares is carried by the shortest flow (transport between the two, over valleys that touch) and counted where it lies beyond
    SURE standard errors of the shares; the largest over pairs of times. Cells that cross there and back change nothing and are
    not seen. Where nothing is known of growth, what divided in one valley looks as if it had come from another.

    A cell that is between valleys belongs to each as far as it is likely to come there first: then a share stays as it is while
    cells make up their minds, and changes only as they go from one valley to another. Who says how likely is a model: its error
    moves shares, too, and is not in the standard errors. Growth weighs a cell by the rate at its place; where cells that are
    still between two valleys come to divide in one of them more than in the other, that looks like crossing.
    """
    # Summed in single precision, the shares of thousands of cells no longer sum to 1, which transport insists on.
    valley = np.asarray(valley, dtype=np.float64)
    times = np.unique(time)
    hops, before = _shortest(lengths)
    share, number = np.zeros_like(hops), np.zeros_like(hops)
    somewhere = valley.sum(1) > 0
    for i, early in enumerate(times):
        # What divides after it has crossed counts for more than one: with growth only the next time is looked at.
        for late in times[i + 1 : i + 2] if log_growth is not None else times[i + 1 :]:
            a, b = (valley[(time == t) & somewhere] for t in (early, late))
            if not (len(a) and len(b)):
                continue
            weight = np.ones(len(a))
            if log_growth is not None:
                rate = log_growth[(time == early) & somewhere]
                weight = np.exp((rate - rate.max()) * (late - early))
            shares = [found / found.sum() for found in (weight @ a, b.sum(0))]
            sizes = weight.sum() ** 2 / (weight**2).sum(), len(b)
            # At most so much for cells that belong to several valleys, and just so much for those of one.
            noise = np.sqrt(sum(s * (1 - s) / n for s, n in zip(shares, sizes, strict=True)))
            plan = ot.emd(shares[0], shares[1], np.minimum(hops, 1e6))
            flow = np.zeros_like(hops)
            for start, end in zip(*np.nonzero(plan > 0), strict=True):
                at = end
                while at != start:
                    flow[before[start, at], at] += plan[start, end]
                    at = before[start, at]
            # Noise of either valley's share can make as much of a flow between them.
            sure = flow > SURE * np.maximum(noise[:, None], noise[None])
            share = np.maximum(share, np.where(sure, flow, 0.0))
            seen = len(b) if stands_for is None else stands_for[(time == late) & somewhere].sum()
            number = np.maximum(number, np.where(sure, flow, 0.0) * seen)
    return share, number


def _shortest(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of shortest ways and the valley before the last on each, both (n, n), by Floyd and Warshall."""
    n = len(lengths)
    hops = np.where(np.eye(n, dtype=bool), 0.0, lengths)
    before = np.tile(np.arange(n)[:, None], (1, n))
    for k in range(n):
        shorter = hops[:, k : k + 1] + hops[k : k + 1] < hops
        hops = np.where(shorter, hops[:, k : k + 1] + hops[k : k + 1], hops)
        before = np.where(shorter, before[k : k + 1], before)
    return hops, before

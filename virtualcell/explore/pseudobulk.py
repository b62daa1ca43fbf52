"""Samples, not cells, as the unit of a comparison: counts summed over each sample's cells, and a t-test between the sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.stats import ttest_ind, ttest_rel

from virtualcell.explore.amounts import Amounts
from virtualcell.schema import UNKNOWN, DataError

LEAST_CELLS = 10
"""Sums of fewer cells than this are mostly noise and are left out."""

LEAST_COUNTS = 10
"""On a side, counted or expected there if nothing differed, or a feature is not tested: the logarithms of fewer are those of zero
and one molecule, and where one side has them and the other has thousands, sums of the same cells differ."""

PRIOR = 2.0
"""Counts added to the shallowest sum before its logarithm, and to each other in proportion to its depth: the same share of all,
so that a feature that is equal on both sides stays equal. ``edgeR::cpm(log = TRUE)`` adds so many to the sum of mean depth, which
is the same where depths are, and leaves next to nothing for the sums of a few cells beside those of thousands."""


NO_NAME = (UNKNOWN, "", "nan", "None", "<NA>")
"""What cells of no known sample are called: they are of several samples, or of one of the others."""


@dataclass(frozen=True, eq=False)
class Pseudobulk:
    """change: (features,) difference of mean log2 sums, or of means where there is no ratio; score: t; p_value: NaN where not
    tested. paired: whether each replicate stands on both sides. first, second: replicates used; left_out: replicate and why."""

    change: np.ndarray
    score: np.ndarray
    p_value: np.ndarray
    paired: bool
    first: tuple[str, ...]
    second: tuple[str, ...]
    left_out: tuple[str, ...]


def pseudobulk(data: Amounts, first: np.ndarray, second: np.ndarray, replicates: np.ndarray) -> Pseudobulk:
    """A t-test between sums over cells: paired where replicates stand on both sides, else Welch's.

    first, second: rows of the two sides. replicates: (cells,) donor, batch or sample of every cell; cells of no known one are
    left out. Counts are summed per replicate and side and become log2 counts per million of the sum's depth; proteins become
    centred log ratios of the summed counts and a prior (1 in the sum of fewest cells, 2 in one of twice the cells); what is not
    counted is averaged. Where three replicates, or both of two, stand on both sides, those are paired and the others left out.
    Raises DataError where a side has fewer than two replicates.

    Source: pseudobulk as in Squair et al. 2021; log counts per million of Robinson et al. 2010 (edgeR).
    """
    labels = np.asarray(replicates).astype(str)
    known = ~np.isin(labels, NO_NAME)
    sums: list[dict[str, np.ndarray]] = []
    left_out = []
    for side, rows in (("first", first), ("second", second)):
        if nameless := int((~known[rows]).sum()):
            left_out.append(f"cells of no known sample ({side} side: {nameless} cells)")
        groups = {name: rows[labels[rows] == name] for name in sorted(set(labels[rows][known[rows]]))}
        left_out += [f"{k} ({side} side: {len(r)} cells)" for k, r in groups.items() if len(r) < LEAST_CELLS]
        sums.append({name: mine for name, mine in groups.items() if len(mine) >= LEAST_CELLS})
    both = [name for name in sums[0] if name in sums[1]]
    paired = len(both) >= 3 or (len(both) == 2 and len(sums[0]) == len(sums[1]) == 2)
    if paired:
        left_out += [f"{name} (one side only)" for name in sorted(set(sums[0]) ^ set(sums[1]))]
        sums = [{name: side[name] for name in both} for side in sums]
    fewest = min(len(side) for side in sums)
    if fewest < 2:
        raise DataError(
            f"The sides have {len(sums[0])} and {len(sums[1])} replicate(s) of at least {LEAST_CELLS} cells; two a side are "
            "needed, and three are better.",
            next_step="choose more cells, name another column as replicate, or compare cells (Wilcoxon), which says nothing "
            "about other donors.",
            field="replicates",
        )
    n = len(sums[0])
    logs, tested = _logs(data, [*sums[0].values(), *sums[1].values()], n)
    a, b = logs[:n], logs[n:]
    score, p_value = np.full(logs.shape[1], np.nan), np.full(logs.shape[1], np.nan)
    spread = np.ptp(a - b, axis=0) if paired else np.maximum(np.ptp(a, axis=0), np.ptp(b, axis=0))
    tested = np.flatnonzero(tested & (spread > 1e-9))
    if len(tested):
        found = ttest_rel(a[:, tested], b[:, tested]) if paired else ttest_ind(a[:, tested], b[:, tested], equal_var=False)
        score[tested], p_value[tested] = found.statistic, found.pvalue
    return Pseudobulk(a.mean(0) - b.mean(0), score, p_value, paired, tuple(sums[0]), tuple(sums[1]), tuple(left_out))


def _logs(data: Amounts, groups: list[np.ndarray], n_first: int) -> tuple[np.ndarray, np.ndarray]:
    """(groups, features) on the scale of the test, and which features have enough counts, (features,) bool. n_first: groups of
    the first side, which come first."""
    if not data.ratio:
        found = np.stack([data.mean(rows) for rows in groups])
        return found, np.ones(found.shape[1], bool)
    if data.counts is None or data.depth is None:
        raise DataError(
            "Sums over samples need raw counts, and there are none.",
            next_step='put them into layers["counts"], or compare cells (Wilcoxon).',
            field="layers",
        )
    rows = np.concatenate(groups)
    place = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    chosen = sp.csr_matrix((np.ones(len(rows)), (place, rows)), shape=(len(groups), data.counts.shape[0]))
    counts = np.asarray((chosen @ data.counts.astype(np.float64)).todense())
    protein = data.kind == "protein"
    # The depth of a small panel is that of its brightest protein: a sum there is as deep as it has cells.
    depth = np.array([len(group) for group in groups], float)[:, None] if protein else (chosen @ data.depth)[:, None]
    share = counts.sum(axis=0) / depth.sum()
    sides = slice(None, n_first), slice(n_first, None)
    enough = [np.maximum(counts[side].sum(axis=0), share * depth[side].sum()) >= LEAST_COUNTS for side in sides]
    if protein:
        logs = np.log(counts + depth / depth.min())
        return (logs - logs.mean(axis=1, keepdims=True)) / np.log(2), enough[0] & enough[1]
    prior = PRIOR * depth / depth.min()
    return np.log2(1e6 * (counts + prior) / (depth + 2 * prior)), enough[0] & enough[1]

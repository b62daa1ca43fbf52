"""Swapped samples: which cells' pairing is suspicious, and whether a whole sample was shuffled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from virtualcell.generative.adversary import PairScorer
from virtualcell.schema import DataError

RATE = 0.1
"""Share of false alarms among the cells that are called suspicious, by default."""
PERMUTATIONS, RESAMPLES = 999, 500
MIN_CELLS = 5


@dataclass(frozen=True)
class Suspects:
    """What is said of the pairing in one sample.

    cells: score (logit), p_true (share of true pairs that score as low: small where the pairing is doubtful; conformal, Vovk
    2005), p_swapped (share of swapped pairs that score as high: small where the pairing is confirmed), suspicious (false
    discoveries controlled at ``rate`` over the sample: Benjamini & Hochberg 1995; with conformal p-values Bates et al. 2023).
    power: share of swapped pairs whose p_true is at most ``rate``: what one cell, looked at alone, can say. p_shuffled: share of
    random pairings that fit as well as the given one; small: the sample is not shuffled. paired: share of cells that are paired
    rightly, as the mean score tells, with a 95 % interval over cells (low, high), which may leave 0 to 1; NaN where true pairs
    among the calibration cells score no higher than swapped ones by two standard errors. verdict: "as paired", "partly swapped",
    "shuffled" or "cannot be told".
    """

    cells: pd.DataFrame
    rate: float
    power: float
    p_shuffled: float
    paired: float
    low: float
    high: float
    verdict: str


def find_suspects(
    scorer: PairScorer,
    source: np.ndarray,
    target: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    rate: float = RATE,
    seed: int = 0,
) -> Suspects:
    """Asks of every cell of a sample, and of the sample, whether its two measurements belong together.

    source (cells, p), target (cells, q): as ``PairScorer.score`` takes them, paired as they are claimed to be. groups: (cells,)
    time or type; random pairings stay within them, so that what tells groups apart does not speak for the pairs. Raises DataError
    for fewer than 5 cells and a rate that is none.
    """
    if not 0 < rate < 1:
        raise DataError(f"The rate of false alarms is {rate}.", next_step="give one between 0 and 1.", field="rate")
    matrix = scorer.score_all(source, target)
    n = len(matrix)
    if n < MIN_CELLS or matrix.shape[0] != matrix.shape[1]:
        raise DataError(
            f"There are {matrix.shape[0]} and {matrix.shape[1]} cells.",
            next_step=f"give the same cells measured both ways, at least {MIN_CELLS}.",
            field=scorer.target,
        )
    own = matrix.diagonal()
    others = scorer.swapped if groups is None else scorer.swapped_within
    usable = np.isfinite(others).all(1)
    others = others[usable]
    matched, swapped = np.sort(scorer.matched), np.sort(others.ravel())
    p_true = _p_of(matched, own)
    p_swapped = (1 + len(swapped) - np.searchsorted(swapped, own, side="left")) / (1 + len(swapped))
    cells = pd.DataFrame(
        {"score": own, "p_true": p_true, "p_swapped": p_swapped, "suspicious": false_discovery_control(p_true) <= rate}
    )
    rng = np.random.default_rng(seed)
    kinds = np.zeros(n, dtype=int) if groups is None else np.unique(groups, return_inverse=True)[1]
    if len(kinds) != n:
        raise DataError(f"There are {len(kinds)} group names for {n} cells.", next_step="give one a cell.", field="groups")
    null = np.array([matrix[np.arange(n), _within(kinds, rng)].mean() for _ in range(PERMUTATIONS)])
    p_shuffled = float((1 + (null >= own.mean()).sum()) / (1 + PERMUTATIONS))
    # Against the partners within the groups, as the permutations are: 0 where shuffled, 1 where every cell has its own.
    fits = own - np.array([matrix[i, kinds == kinds[i]].mean() for i in range(n)])
    known = scorer.matched[usable] - others.mean(1)
    paired, low, high = _share_paired(fits, known, rng)
    power = float((_p_of(matched, swapped) <= rate).mean())
    return Suspects(cells, rate, power, p_shuffled, paired, low, high, _verdict(p_shuffled, low, high))


def _share_paired(fits: np.ndarray, known: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Share of cells that are paired rightly and its 95 % interval, from how much better than others' their partners fit (cells,)
    and how much better those of the calibration cells do; NaN where the latter's gain is no more than two standard errors."""
    gain, error = float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
    if gain <= 2 * error:
        return (float("nan"),) * 3
    n, m = len(fits), len(known)
    shares = [fits[rng.integers(0, n, n)].mean() / known[rng.integers(0, m, m)].mean() for _ in range(RESAMPLES)]
    low, high = (float(q) for q in np.quantile(shares, (0.025, 0.975)))
    return float(fits.mean() / gain), low, high


def _p_of(matched: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of true pairs (sorted scores) that score as low, conformal."""
    return (1 + np.searchsorted(matched, scores, side="right")) / (1 + len(matched))


def _within(kinds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random pairing that keeps groups together."""
    shuffled = rng.permutation(len(kinds))
    order = np.empty(len(kinds), dtype=int)
    order[np.argsort(kinds, kind="stable")] = shuffled[np.argsort(kinds[shuffled], kind="stable")]
    return order


def _verdict(p_shuffled: float, low: float, high: float) -> str:
    if np.isnan(high):
        return "cannot be told"
    if p_shuffled <= 0.05:
        return "as paired" if high >= 1 else "partly swapped"
    return "shuffled" if high < 0.5 else "cannot be told"

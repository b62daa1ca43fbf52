"""Swapped samples: which cells' pairing is suspicious, and whether a whole sample was shuffled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from virtualcell.generative.adversary import PairScorer
from virtualcell.generative.adversary_labels import STATE
from virtualcell.schema import DataError

RATE = 0.1
"""Share of false alarms among the cells that are called suspicious, by default."""
PERMUTATIONS, RESAMPLES = 999, 500
MIN_CELLS = 5
SURE = 0.9
"""Lower bound of the share paired rightly from which a sample is called paired as it should be."""
FEW_SWAPPED, SAMPLES = 0.1, 100
"""Share swapped in the samples that ``power`` is told of, and how many of them are drawn."""


@dataclass(frozen=True)
class Suspects:
    """What is said of the pairing in one sample.

    cells: score (logit), p_true (share of true pairs that score as low: small where the pairing is doubtful; conformal, Vovk
    2005), p_swapped (share of swapped pairs that score as high: small where the pairing is confirmed), suspicious (false
    discoveries controlled at ``rate`` over the sample: Benjamini & Hochberg 1995; with conformal p-values Bates et al. 2023).
    power: share of the swapped cells that would be called suspicious in a sample of as many cells, a tenth of them swapped;
    least_p: smallest p_true that so many calibration cells can tell. p_shuffled: share of random pairings that fit as well as the
    given one; small: the sample is not shuffled. paired: share of cells that are paired rightly, as the mean score tells, with a
    95 % interval over cells (low, high), which may leave 0 to 1; NaN where true pairs among the calibration cells score no higher
    than swapped ones by two standard errors, and where the sample fits too well.

    too_well: some of the cells taught the scorer, or the whole interval lies above 1. Measurements of cells that were learned
    from fit together better than those of new cells do, which hides swapped ones among them. verdict: "as paired" (low is at
    least 0.9), "not shuffled as a whole" (some may be swapped), "partly swapped" (high is below 1), "shuffled" or "cannot be
    told".
    """

    cells: pd.DataFrame
    rate: float
    power: float
    least_p: float
    p_shuffled: float
    paired: float
    low: float
    high: float
    too_well: bool
    verdict: str


def find_suspects(
    scorer: PairScorer,
    source: np.ndarray,
    target: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    kind: str = STATE,
    taught: bool = False,
    rate: float = RATE,
    seed: int = 0,
) -> Suspects:
    """Asks of every cell of a sample, and of the sample, whether its two measurements belong together.

    source (cells, p), target (cells, q): as ``PairScorer.score`` takes them, paired as they are claimed to be. groups: (cells,)
    time or type; random pairings stay within them, so that what tells groups apart does not speak for the pairs. kind: what the
    groups are, "time", "treatment" or "state". taught: whether the scorer learned from some of the cells. Raises DataError for
    fewer than 5 cells, a rate that is none and a kind of groups within which no swapped pairs were scored.
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
    if groups is not None and kind not in scorer.swapped_within:
        raise DataError(
            f"Swapped pairs were not scored within {kind!r}.",
            next_step=f"choose among {', '.join(scorer.swapped_within)}, or ask without groups.",
            field="kind",
        )
    others = scorer.swapped if groups is None else scorer.swapped_within[kind]
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
    too_well = taught or low > 1
    verdict = _verdict(p_shuffled, low, high, too_well)
    if too_well:
        paired = low = high = float("nan")
    power = _power(_p_of(matched, matched), _p_of(matched, swapped), n, rate, rng)
    return Suspects(cells, rate, power, 1 / (1 + len(matched)), p_shuffled, paired, low, high, too_well, verdict)


def _power(true: np.ndarray, swapped: np.ndarray, n: int, rate: float, rng: np.random.Generator) -> float:
    """Share of the swapped cells that are called, over samples of n cells with a tenth swapped, from p-values of true and of
    swapped pairs among the calibration cells; NaN where there are no swapped ones."""
    if not len(swapped):
        return float("nan")
    k = max(1, round(FEW_SWAPPED * n))
    found = []
    for _ in range(SAMPLES):
        p = np.r_[rng.choice(swapped, k), rng.choice(true, n - k)]
        found.append((false_discovery_control(p)[:k] <= rate).mean())
    return float(np.mean(found))


def _share_paired(fits: np.ndarray, known: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Share of cells that are paired rightly and its 95 % interval, from how much better than others' their partners fit (cells,)
    and how much better those of the calibration cells do; NaN where the latter's gain is no more than two standard errors."""
    if len(known) < MIN_CELLS:
        return (float("nan"),) * 3
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


def _verdict(p_shuffled: float, low: float, high: float, too_well: bool) -> str:
    if np.isnan(high):
        return "cannot be told"
    if p_shuffled > 0.05:
        return "shuffled" if high < 0.5 else "cannot be told"
    if high < 1:
        return "partly swapped"
    return "as paired" if low >= SURE and not too_well else "not shuffled as a whole"

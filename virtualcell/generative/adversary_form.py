"""How strongly the normal core of a pair score is smoothed, chosen on inner folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from virtualcell.generative.adversary_gaussian import GaussianPairs

RIDGES = (0.0, 0.1, 1.0)
RANKS = (1, 2, 4, 8, 16, 32)
FOLDS, SHIFTS = 3, 10


@dataclass(frozen=True)
class Form:
    """ridge and rank of ``GaussianPairs.fit``, and the AUROC of true against swapped pairs that they reach on inner folds."""

    ridge: float
    rank: int
    auroc: float


def choose_form(source: np.ndarray, target: np.ndarray, seed: int) -> Form:
    """The form with the highest AUROC over three folds of matched rows (cells, p), (cells, q)."""
    most = min(source.shape[1], target.shape[1])
    ranks = sorted({min(rank, most) for rank in (*RANKS, most)})
    found: dict[tuple[float, int], list[float]] = {}
    for inside, outside in KFold(FOLDS, shuffle=True, random_state=seed).split(source):
        for ridge in RIDGES:
            core = GaussianPairs.fit(source[inside], target[inside], ridge=ridge)
            for rank in ranks:
                found.setdefault((ridge, rank), []).append(auroc_of_pairs(core.take(rank), source[outside], target[outside]))
    best = max(found, key=lambda key: float(np.mean(found[key])))
    return Form(*best, float(np.mean(found[best])))


def auroc_of_pairs(core: GaussianPairs, source: np.ndarray, target: np.ndarray) -> float:
    """Of true pairs against pairs with the partners of ten other rows."""
    swapped = [core.score(source, np.roll(target, shift, axis=0)) for shift in range(1, SHIFTS + 1)]
    scores = np.concatenate([core.score(source, target), *swapped])
    return float(roc_auc_score(np.arange(len(scores)) < len(source), scores))

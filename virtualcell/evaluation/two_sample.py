"""Can a classifier tell drawn cells from measured ones?"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from virtualcell.evaluation.populations import as_pair

TREES = 200
MIN_LEAF = 5


def classifier_auroc(
    measured: np.ndarray, drawn: np.ndarray, groups: tuple[np.ndarray, np.ndarray] | None = None, folds: int = 5, seed: int = 0
) -> float:
    """AUROC with which a forest that learned on other cells tells drawn cells (m, d) from measured ones (n, d).

    0.5: it cannot; 1: always. Below 0.5 by chance only. groups: (n,) and (m,) ids; rows of one id are never on both sides of a
    fold, as a measured cell and what was drawn for that very cell must not be (they share the condition). Source: classifier
    two-sample test, Lopez-Paz & Oquab 2017, with the AUROC in place of the accuracy, which needs no equal sizes.
    """
    measured, drawn = as_pair(measured, drawn, ("measured", "drawn"))
    if min(len(measured), len(drawn)) < 2 * folds:
        raise ValueError(f"{len(measured)} measured and {len(drawn)} drawn cells are too few for {folds} folds.")
    x, y = np.vstack([measured, drawn]), np.repeat([0, 1], [len(measured), len(drawn)])
    ids = np.concatenate(groups) if groups is not None else np.arange(len(x))
    if len(ids) != len(x):
        raise ValueError(f"groups name {len(ids)} cells, not {len(x)}.")
    score = np.empty(len(x))
    for train, test in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(x, y, ids):
        forest = ExtraTreesClassifier(
            TREES, min_samples_leaf=MIN_LEAF, class_weight="balanced", bootstrap=False, random_state=seed, n_jobs=1
        )
        score[test] = forest.fit(x[train], y[train]).predict_proba(x[test])[:, 1]
    return float(roc_auc_score(y, score))

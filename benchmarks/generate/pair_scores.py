"""Scores of every held-out cell's source with every held-out cell's target: ours, and what it stands beside."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.linear_model import RidgeCV

from benchmarks.multiomics.splits import Split
from virtualcell.generative.adversary import PairScorer
from virtualcell.generative.adversary_form import choose_form
from virtualcell.generative.adversary_gaussian import GaussianPairs
from virtualcell.generative.material import Material

OURS = "VirtualCell"
CORE, CCA = "normal likelihood ratio, embeddings", "normal likelihood ratio, components"
COSINE, RIDGE = "cosine in the shared embedding", "distance to the ridge prediction"
METHODS = (OURS, CORE, CCA, RIDGE, COSINE)
COMPONENTS = 50
ALPHAS = np.logspace(-2, 4, 13)


def pair_matrices(scorer: PairScorer, split: Split, known: Material, test: Material) -> dict[str, np.ndarray]:
    """By method, (test cells, test cells): row of the source, column of the target; higher where they fit."""
    source, target = scorer.source, scorer.target
    a, b = (test.embeddings[m].astype(np.float64) for m in (source, target))
    train = ~known.held_out
    x, y = (known.embeddings[m].astype(np.float64)[train] for m in (source, target))
    predicted = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y).predict(a)
    spread = y.std(0) + 1e-9
    # The components of all training cells as they are: no encoder has seen which belong together.
    (p, p_test), (q, q_test) = (_leading(split, m) for m in (source, target))
    form = choose_form(p, q, split.seed)
    components = GaussianPairs.fit(p, q, ridge=form.ridge, rank=form.rank)
    return {
        OURS: scorer.score_all(a, b),
        CORE: scorer.core.score_all(a, b),
        CCA: components.score_all(p_test, q_test),
        RIDGE: -cdist(predicted / spread, b / spread),
        COSINE: -cdist(a, b, "cosine"),
    }


def _leading(split: Split, modality: str) -> tuple[np.ndarray, np.ndarray]:
    """Up to 50 components and the depth, of training and test cells."""
    train, test = split.scores(modality)
    k = min(COMPONENTS, train.shape[1] - 1)
    return np.c_[train[:, :k], train[:, -1:]], np.c_[test[:, :k], test[:, -1:]]

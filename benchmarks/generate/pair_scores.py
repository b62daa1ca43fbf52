"""Scores of every held-out cell's source with every held-out cell's target: ours, and what it stands beside."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.linear_model import RidgeCV

from benchmarks.multiomics.splits import Split
from virtualcell.generative.adversary import PairScorer
from virtualcell.generative.adversary_form import choose_form
from virtualcell.generative.adversary_gaussian import GaussianPairs
from virtualcell.generative.cross_fit import components_as_new
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
    # No encoder has seen which belong together; the scores are as new as the embeddings that ours learns from.
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
    """Up to 50 components and the depth, of training cells, each read as new as ours are, and of test cells."""
    train, test = split.tables
    most = min(COMPONENTS, len(split.features[modality]) - 2, train.n_cells - 2)
    kind = split.fitted(modality, most)
    known, asked = (split.read(table, modality, kind.scores).astype(np.float64) for table in (train, test))
    rng = np.random.default_rng(split.seed)
    for outside, scores in components_as_new(kind, train, modality, np.arange(train.n_cells), rng, split.seed):
        known[outside, :-1] = scores.numpy()
    return known, asked

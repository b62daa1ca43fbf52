"""Labels that do not belong to a cell: ours beside logistic regression on the same states."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.generate.pair_scores import OURS
from virtualcell.generative.adversary_labels import fit_labels, labels_by_column
from virtualcell.generative.material import Material

LOGISTIC, CORE = "logistic regression", "linear discriminant alone"


def label_rows(known: Material, test: Material, annotated: bool, seed: int) -> dict[str, dict[str, float]]:
    """By method and kind of label: AUROC of a cell's own label against wrong ones, accuracy, and log loss of the probability."""
    columns = {"state": "state" if annotated else None}
    given, asked = (labels_by_column(cells, columns) for cells in (known, test))
    found: dict[str, dict[str, float]] = {OURS: {}, CORE: {}, LOGISTIC: {}}
    for column, labels in given.items():
        ours = fit_labels(known.states, labels, known.held_out, column, seed=seed)
        names = np.array(ours.labels)
        some = np.isin(labels, names) & ~known.held_out
        rows = np.isin(asked[column], names)
        truth = np.searchsorted(names, asked[column][rows])
        logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(known.states[some], labels[some])
        logits = np.asarray(test.states[rows], dtype=np.float64) @ ours.weight + ours.bias
        core = np.exp(logits - logits.max(1, keepdims=True))
        said = {
            OURS: ours.probability(test.states[rows]),
            CORE: core / core.sum(1, keepdims=True),
            LOGISTIC: logistic.predict_proba(test.states[rows]),
        }
        for method, probability in said.items():
            own = np.zeros(probability.shape, dtype=bool)
            own[np.arange(len(truth)), truth] = True
            score = np.log(np.maximum(probability, 1e-12)) - np.log(ours.share)
            found[method][f"AUROC, own {column} against others"] = float(roc_auc_score(own.ravel(), score.ravel()))
            found[method][f"accuracy, {column}"] = float((probability.argmax(1) == truth).mean())
            found[method][f"log loss, {column}, nats"] = float(-np.log(np.maximum(probability[own], 1e-12)).mean())
    return found

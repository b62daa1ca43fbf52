"""Choose a peer's settings on training cells alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.peers.run import run_peer
from benchmarks.peers.scores import translation_scores

TUNING: dict[str, tuple[dict[str, Any], ...]] = {
    "multivi": ({}, {"lr": 1e-3}, {"lr": 5e-4, "n_hidden": 128, "n_latent": 20, "dropout_rate": 0.2}),
    "univi": ({}, {"latent_dim": 10, "beta": 4.0}, {"latent_dim": 10, "beta": 10.0, "gamma": 10.0}),
    "totalvi": ({}, {"rna_only": True}, {"rna_only": True, "n_latent": 10, "lr": 1e-3}),
}
"""The settings between which the choice is made, the makers' own first."""

DECIDES = {"multivi": "rna_to_atac_gain", "univi": "rna_to_atac_gain", "totalvi": "rna_to_protein_pearson"}
"""The score by which they are compared."""

INNER_SHARE = 0.2


def tune(
    method: str,
    train: Mapping[str, sp.csr_matrix],
    batch_train: np.ndarray,
    seed: int,
    *,
    cache: Path | None = None,
    log: Path | None = None,
) -> tuple[dict[str, Any], list[float]]:
    """The settings of TUNING that translate best, and the score of each, from a fifth of the training cells kept from training.

    Score: log-likelihood gain of RNA to ATAC (nats per cell), or Pearson of RNA to protein; higher is better. cache: a folder.
    """
    n_cells = len(batch_train)
    order = np.random.default_rng(2000 + seed).permutation(n_cells)
    n_inner = int(INNER_SHARE * n_cells)
    fit, inner = np.sort(order[n_inner:]), np.sort(order[:n_inner])
    parts = [{name: counts.tocsr()[rows] for name, counts in train.items()} for rows in (fit, inner)]
    scores = []
    for i, settings in enumerate(TUNING[method]):
        place = None if cache is None else cache / f"{method}_{seed}_{i}.npz"
        found = run_peer(method, *parts, batch_train[fit], batch_train[inner], seed, settings, cache=place, log=log)
        reached = translation_scores(*parts, p_atac=found.p_atac, protein=found.protein)
        scores.append(reached[DECIDES[method]])
    return TUNING[method][int(np.argmax(scores))], scores

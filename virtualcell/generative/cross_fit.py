"""Training cells read as if they were new: component scores from components that were found without them.

Components follow the noise of the cells that they were found in, so that the scores of those cells are too large: on A549 the
chromatin embedding of new cells has a third to two thirds of the spread of the training cells'. A generator that learned from
the latter would draw cells that no new cell looks like.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from virtualcell.modalities import Modality
from virtualcell.training.described import score_table
from virtualcell.training.fitted import Fitted
from virtualcell.training.table import CellTable

FOLDS = 5


def scores_as_new(fitted: Fitted, table: CellTable, learned: np.ndarray, seed: int = 0) -> dict[str, Tensor]:
    """What the encoders would read of each cell, had its components been found without it: (cells, inputs) by modality.

    learned: (cells,) bool, the cells that the components were found in; the others are read as they are. Every fifth of the
    learned cells is read by components of the other four fifths, which are then turned (not stretched) onto the model's own:
    orthogonal Procrustes, Schonemann 1966. The depth is read by the model's own scale. On the bias that this removes: Lee, Zou &
    Wright 2010, Convergence and prediction of principal component scores in high-dimensional settings.
    """
    core = fitted.autoencoder
    found = {name: scores.clone() for name, scores in score_table(core, table, fitted.device).items()}
    rng = np.random.default_rng(seed)
    for place, name in enumerate(core.names):
        rows = np.flatnonzero(learned & table.mask[:, place])
        if len(rows) < 2 * FOLDS:
            continue
        own = core.modalities[name]
        here = copy.deepcopy(own).cpu()  # where the values are
        for outside, turned in components_as_new(here, table, name, rows, rng, seed):
            values, _, batch = table.rows(outside, torch.device("cpu"))
            with torch.no_grad():
                read = torch.cat([turned, here.scores(values[name])[:, -1:]], 1).to(fitted.device)
                found[name][torch.from_numpy(outside).to(fitted.device)] = core.batch_means[name](read, batch.to(fitted.device))
    return found


def components_as_new(
    own: Modality, table: CellTable, name: str, rows: np.ndarray, rng: np.random.Generator, seed: int
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Fold by fold, rows of the learned ones (n,) and their scores (n, components) along components found in the other folds,
    turned onto those of ``own`` (on the CPU), which reads the modality ``name`` of the table."""
    fold = rng.permutation(len(rows)) % FOLDS
    for k in range(FOLDS):
        inside, outside = rows[fold != k], rows[fold == k]
        kind = type(own)(own.n_features, min(own.n_components, len(inside) - 1))
        kind.fit(table.values[name][inside], seed)
        values, _, _ = table.rows(outside, torch.device("cpu"))
        with torch.no_grad():
            turned = _turned(kind.scores(values[name])[:, :-1], kind, own)
        yield outside, turned


def _turned(scores: Tensor, other: Modality, own: Modality) -> Tensor:
    """Scores (cells, k) along other components, in the places and units of a model's own."""
    left, _, right = torch.linalg.svd(other.projection.double().T @ own.projection.double(), full_matrices=False)
    # From centred scores in the data's units: the two means are of almost the same cells.
    return ((scores * other.score_scale).double() @ (left @ right)).float() / own.score_scale

"""What scorers have seen of each kind of measurement: cells that are unlike all of it are not judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from virtualcell.generative.plausible import Plausible
from virtualcell.generative.reach import NEIGHBOURS, Domain

MOST = 2000
"""Cells of which the embedding is kept."""
SAME = 1e-3
"""Two embeddings nearer than this, in units of how far training cells lie from their tenth neighbour, are of one cell."""


@dataclass(frozen=True)
class Seen:
    """embeddings (n, d): of cells from which was learned, by one measurement alone, as the model reads them; plausible: how well
    the decoder tells such a measurement from its embedding."""

    embeddings: np.ndarray
    plausible: Plausible

    @classmethod
    def of(cls, embeddings: np.ndarray, nats: np.ndarray, depth: np.ndarray, seed: int) -> Seen | None:
        """From all cells (cells, d) from which was learned, as they are read; nats and depth (cells,) as ``Plausible.fit`` takes
        them; None where too few cells have the measurement to say what is like them."""
        if len(embeddings) < NEIGHBOURS + 2:
            return None
        rows = np.sort(np.random.default_rng(seed).permutation(len(embeddings))[:MOST])
        return cls(embeddings[rows].astype(np.float32), Plausible.fit(nats, depth))

    def why(self, embeddings: np.ndarray, nats: np.ndarray, depth: np.ndarray, name: str) -> np.ndarray:
        """Why cells (cells, d) are not judged by a measurement called ``name``, (cells,) str, "" where they are."""
        far = f"Nothing like its {name} was measured: it lies further from training cells than 99 of 100 of them do."
        inside = Domain(self.embeddings).contains(embeddings)
        return np.where(inside, self.plausible.why(nats, depth, name), far).astype(object)

    def taught(self, embeddings: np.ndarray) -> np.ndarray:
        """Boolean (cells,): which of the embeddings (cells, d) are of the kept cells themselves."""
        near = cKDTree(self.embeddings).query(embeddings)[0]
        return np.asarray(near <= SAME * Domain(self.embeddings).limit)

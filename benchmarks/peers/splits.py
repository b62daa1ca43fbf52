"""The cells on which we and the peers are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.peers.cells import Cells
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.preprocess import preprocess
from virtualcell.schema import COUNTS_LAYER, PreprocessSettings

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Training and test cells of a demo: sorted row numbers of the file, and what a peer gets of them."""

    train: np.ndarray
    test: np.ndarray
    cells: Cells
    features: dict[str, list[str]]


def split(key: str, seed: int) -> Split:
    """A fifth of the cells drawn for testing; features are chosen on the training cells alone.

    Genes and peaks seen in at least 3 training cells, at most 2,000 variable genes, all proteins; peaks are open or not.
    """
    measured = load_demo(key)
    train, test = rows(measured.n_obs, seed)
    prepared = preprocess(measured, PreprocessSettings(), fit_on=train)
    if prepared.n_obs != measured.n_obs:
        raise ValueError(f"{key}: {measured.n_obs - prepared.n_obs} cells were dropped, so row numbers no longer fit.")
    column = DEMOS[key].columns.batch
    batch = pd.factorize(measured.obs[column], sort=True)[0] if column else np.zeros(measured.n_obs, dtype=np.int64)
    counts = {name: prepared[name].layers[COUNTS_LAYER].tocsr() for name in prepared.mod}
    cells = Cells(
        {name: matrix[train] for name, matrix in counts.items()},
        {name: matrix[test] for name, matrix in counts.items()},
        batch[train],
        batch[test],
    )
    return Split(train, test, cells, {name: list(prepared[name].var_names) for name in prepared.mod})


def rows(n_cells: int, seed: int, share: float = TEST_SHARE) -> tuple[np.ndarray, np.ndarray]:
    """Sorted row numbers of the training and of the test cells."""
    order = np.random.default_rng(1000 + seed).permutation(n_cells)
    n_test = int(share * n_cells)
    return np.sort(order[n_test:]), np.sort(order[:n_test])

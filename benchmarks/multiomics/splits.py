"""Training and test cells, the same for every method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from mudata import MuData
from torch import Tensor

from benchmarks.peers.splits import TEST_SHARE, rows
from virtualcell.data.preprocess import preprocess
from virtualcell.modalities import MODALITIES, Modality, Values
from virtualcell.schema import PreprocessSettings
from virtualcell.training.given import kinds_of
from virtualcell.training.table import CellTable, make_table

MANY = 200
"""Components that the baselines may choose from."""


@dataclass(frozen=True)
class Split:
    """Cells of one seed: features are chosen on the training cells alone.

    components, baselines' scores: up to 200 components and log depth, fitted to training cells.
    """

    train: MuData
    test: MuData
    seed: int
    batch: str | None = None

    @classmethod
    def of(cls, cells: MuData, seed: int, share: float = TEST_SHARE, batch: str | None = None) -> Split:
        """batch: column of obs that ours and the peers are told; the simple rules do without."""
        training, test = rows(cells.n_obs, seed, share)
        return cls(cells[training].copy(), cells[test].copy(), seed, batch)

    @cached_property
    def batches(self) -> list[str]:
        return sorted(self.train.obs[self.batch].astype(str).unique()) if self.batch else []

    @cached_property
    def kinds(self) -> dict[str, str]:
        return kinds_of(self.train, {})

    @cached_property
    def features(self) -> dict[str, list[str]]:
        prepared = preprocess(self.train, PreprocessSettings(), kinds=self.kinds)
        return {m: [str(name) for name in prepared.mod[m].var_names] for m in prepared.mod}

    @cached_property
    def tables(self) -> tuple[CellTable, CellTable]:
        """Training and test cells in the same features."""
        train, test = (
            make_table(cells, self.features, self.batch, self.batches, kinds=self.kinds) for cells in (self.train, self.test)
        )
        return train, test

    def scores(self, modality: str) -> tuple[np.ndarray, np.ndarray]:
        """Component scores with log depth as the last column, float64 (cells, k + 1), of training and test cells."""
        kind = self.fitted(modality, min(MANY, len(self.features[modality]) - 1, self.tables[0].n_cells - 1))
        train, test = (self.read(table, modality, kind.scores) for table in self.tables)
        return train.astype(np.float64), test.astype(np.float64)

    def readings(self, modality: str) -> tuple[np.ndarray, np.ndarray]:
        """Measured values (cells, features) in the unit in which translation predicts: log-normalised RNA, open or not, CLR."""
        kind = self.fitted(modality, 2)
        train, test = (self.read(table, modality, kind.reading) for table in self.tables)
        return train, test

    def fitted(self, modality: str, components: int) -> Modality:
        """One kind of measurement with components of the training cells."""
        kind = MODALITIES[self.kinds[modality]](len(self.features[modality]), components)
        kind.fit(self.tables[0].values[modality], self.seed)
        return kind

    @staticmethod
    @torch.no_grad()
    def read(table: CellTable, modality: str, how: Callable[[Values], Tensor]) -> np.ndarray:
        """What ``how`` makes of the values of every cell of a table, (cells, any)."""
        pieces = np.array_split(np.arange(table.n_cells), max(1, table.n_cells // 1024))
        return np.concatenate([how(table.rows(piece, torch.device("cpu"))[0][modality]).numpy() for piece in pieces])

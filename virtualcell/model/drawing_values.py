"""Drawn states as measured values, and what drawing stands on."""

from __future__ import annotations

from functools import partial
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import torch
from mudata import MuData

from virtualcell.generative.missing import MissingSampler
from virtualcell.generative.missing_saved import NAME as SAMPLERS
from virtualcell.modalities import Modality
from virtualcell.modalities.values import Counts, Values
from virtualcell.model.scoring import Scoring
from virtualcell.schema import DataError
from virtualcell.training.described import encode_table
from virtualcell.training.given import as_mudata
from virtualcell.training.table import CellTable, batch_labels


class DrawingValues(Scoring):
    """What drawn states would read."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._samplers: MissingSampler | None = None

    def draw_counts(
        self,
        states: np.ndarray,
        modality: str,
        *,
        depth: float | np.ndarray | None = None,
        batch: np.ndarray | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Raw values drawn from the decoder's likelihood, (cells, width * features) float32, for states (cells, d).

        depth: counts of each cell, a number or (cells,); by default as measured in cells of such states. batch: code of the batch
        of each cell (cells,), by default what a typical one of them would read.
        """
        core = self._fitted.autoencoder
        self.features(modality)
        states = self._checked(states, ndim=2)
        generator = np.random.default_rng(seed)
        codes = torch.full((len(states),), -1) if batch is None else torch.from_numpy(np.asarray(batch, dtype=np.int64))
        kind, left = core.modalities[modality], self._drawing.residuals.get(modality)
        if depth is not None and (np.shape(depth) not in ((), (len(states),)) or not (np.asarray(depth, dtype=float) > 0).all()):
            raise DataError("This is no depth.", next_step="give one number above 0, or one for each cell.", field="depth")
        if not (codes.shape == (len(states),) and bool((codes < max(1, len(self._fitted.batches))).all())):
            raise DataError("These are no batches.", next_step="give one code for each cell, -1 where none.", field="batch")
        if depth is None:
            depths = self._drawing.depth.get(modality)
            counted = np.ones(len(states)) if depths is None else depths.draw(states, generator)
        else:
            counted = np.broadcast_to(np.asarray(depth, dtype=float), (len(states),))
        parts = []
        with torch.no_grad():
            for first in range(0, len(states), 4096):
                z = torch.from_numpy(states[first : first + 4096]).to(self.device) / core.latent_scale
                much = torch.from_numpy(counted[first : first + 4096, None].astype(np.float32))
                output = core.decoders[modality](z, codes[first : first + 4096].to(self.device))
                draw = partial(self._sampled, kind, output, much.to(self.device))
                parts.append(draw(generator) if left is None else left.draw(draw, generator))
        return np.concatenate(parts) if parts else np.zeros((0, kind.width * kind.n_features), dtype=np.float32)

    @staticmethod
    def _sampled(kind: Modality, output: torch.Tensor, depth: torch.Tensor, generator: np.random.Generator) -> np.ndarray:
        return kind.sample(output, depth, generator).cpu().numpy()

    def draw_readings(
        self,
        states: np.ndarray,
        modality: str,
        *,
        depth: float | np.ndarray | None = None,
        like: MuData | ad.AnnData | None = None,
        batch: np.ndarray | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Measurements drawn for states (..., cells, d): (..., cells, features) float32, in the unit of ``translate`` and
        ``reading``. like: the cells that they were drawn for, whose batches are then read; batch: codes of these (cells,), as a
        draw has them; with neither, a typical batch is read."""
        states = np.asarray(states, dtype=np.float32)
        batch = batch if like is None else self._batch_of(like)
        batch = None if batch is None else np.tile(batch, int(np.prod(states.shape[:-2])))
        counts = self.draw_counts(states.reshape(-1, states.shape[-1]), modality, depth=depth, batch=batch, seed=seed)
        kind = self._fitted.autoencoder.modalities[modality]
        found = []
        with torch.no_grad():
            for part in torch.from_numpy(counts).split(1024):
                here = part.to(self.device)
                values: Values = Counts.of_dense(here) if kind.sparse else here
                found.append(kind.reading(values).cpu().numpy())
        read = np.concatenate(found) if found else np.zeros((0, kind.n_features), dtype=np.float32)
        return np.asarray(read.reshape(*states.shape[:-1], kind.n_features), dtype=np.float32)

    def implausible(self, cells: MuData | ad.AnnData, modality: str) -> np.ndarray:
        """What is wrong with the cells' own values of a modality, (cells,) str, "" where nothing is: more or less was counted
        than in any training cell, or they fit what the decoder makes of them worse than 99 % of training cells do.

        The embedding of nonsense (genes shuffled, counts of one gene alone) often lies among those of cells; its likelihood gives
        it away. Cells without the modality are "". Raises DataError for a model without samplers.
        """
        given = as_mudata(cells)
        table = self._table(given, [modality], None)
        return self._implausible(self._drawing, table, modality, self.embedding_of(given, modality))

    def _implausible(self, samplers: MissingSampler, table: CellTable, modality: str, embedding: np.ndarray) -> np.ndarray:
        found = np.full(len(embedding), "", dtype=object)
        rows = np.flatnonzero(np.isfinite(embedding).all(1))
        if modality in samplers.plausible and len(rows):
            found[rows] = samplers.plausible[modality].why(*self._nats_each(table, modality, embedding, rows), modality)
        return found

    @property
    def states_as_new(self) -> np.ndarray | None:
        """States (n, d) of up to 10,000 cells that the model learned from, each read as if it were new; None without samplers.

        The model's own states of these cells follow their noise and lie further apart than those of new cells do.
        """
        return None if self._samplers is None else self._samplers.known.states

    # -- parts -------------------------------------------------------------------------------------------------------------------
    @property
    def _drawing(self) -> MissingSampler:
        if self._samplers is None:
            self._raise_fault(SAMPLERS)
            raise DataError(
                "This model has no generators yet.",
                next_step="train them with fit_generators(cells) or `virtualcell generators MODEL CELLS`.",
                field="generators",
            )
        return self._samplers

    def embedding_of(self, cells: MuData | ad.AnnData, modality: str) -> np.ndarray:
        """State (cells, d) that one measurement alone gives, in the units of ``embed``; NaN where it was not measured."""
        self.features(modality)
        fitted = self._fitted
        table = self._table(as_mudata(cells), [modality], None)
        place = fitted.autoencoder.names.index(modality)
        part = np.zeros_like(table.mask)
        part[:, place] = True
        found = encode_table(fitted.autoencoder, table, fitted.device, part) * fitted.autoencoder.latent_scale.cpu().numpy()
        return np.where(table.mask[:, [place]], found, np.nan).astype(np.float32)

    def _batch_of(self, cells: MuData | ad.AnnData) -> np.ndarray:
        """Code of each cell's batch, (cells,), -1 where it is not known."""
        given, columns = as_mudata(cells), self.settings.columns.covariates
        if not self._fitted.batches or any(column not in given.obs for column in columns):
            return np.full(given.n_obs, -1)
        return pd.Index(self._fitted.batches).get_indexer(batch_labels(given.obs, columns))

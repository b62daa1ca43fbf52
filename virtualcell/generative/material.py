"""What generators learn from: cells as a fitted autoencoder sees them, whole and by one measurement alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
import torch
from mudata import MuData
from torch import Tensor

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.generative.cross_fit import scores_as_new
from virtualcell.schema import DataError
from virtualcell.training.described import score_table
from virtualcell.training.fitted import Fitted
from virtualcell.training.given import as_mudata, labels_of
from virtualcell.training.table import make_table


@dataclass(frozen=True)
class Material:
    """Cells of one fitted model.

    states: (cells, d) float32, from all that was measured, in the units of ``VirtualCell.embed``; embeddings[m]: the same from
    modality m alone; measured: (cells, modalities in the order of ``embeddings``) bool, and where it is False the embedding says
    nothing; labels: (cells,) str, the annotation of the cells, else their time, else their treatment; time: (cells,) in the unit
    of the time column, treatment: (cells,) str, None where there is none; batch: (cells,) code, -1 where it is not known; names:
    (cells,) of ``obs``; held_out: (cells,) bool, cells from which the autoencoder did not learn: they calibrate, and codes and
    scorers do not learn from them either. Samplers, which have too few cells as it is, learn from all, and choose by quarters of
    their own, by which they are calibrated, too.
    """

    states: np.ndarray
    embeddings: dict[str, np.ndarray]
    measured: np.ndarray
    labels: np.ndarray
    time: np.ndarray | None
    treatment: np.ndarray | None
    batch: np.ndarray
    names: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, fitted: Fitted, cells: MuData | ad.AnnData, *, as_new: bool = False) -> Material:
        """Cells, raw or preprocessed, with the columns that the model was fitted with. Raises DataError where one is missing.

        as_new: the cells are those that the model was fitted to, and each is read as if it were a new cell (see ``cross_fit``):
        what a generator must learn from, if what it draws is to look like new cells.
        """
        cells, columns, core = as_mudata(cells), fitted.settings.columns, fitted.autoencoder
        needed = (columns.state, columns.time, columns.perturbation, *columns.covariates)
        for column in dict.fromkeys(needed):
            if column is not None and column not in cells.obs:
                raise DataError(
                    f"There is no column {column!r} in obs, which the model was fitted with.",
                    next_step="give the cells that the model was fitted to, or name their columns alike.",
                    field=column,
                )
        table = make_table(cells, fitted.features, columns.covariates, fitted.batches, kinds=fitted.kinds)
        held_out = np.asarray(cells.obs_names.isin(fitted.record.get("held_out", [])))
        scores = scores_as_new(fitted, table, ~held_out) if as_new else score_table(core, table, fitted.device)
        return cls(
            states=_encoded(core, scores, table.mask),
            embeddings={name: _encoded(core, scores, _only(table.mask, place)) for place, name in enumerate(core.names)},
            measured=table.mask,
            labels=labels_of(cells, columns),
            time=cells.obs[columns.time].to_numpy(dtype=float) if columns.time is not None else None,
            treatment=cells.obs[columns.perturbation].astype(str).to_numpy() if columns.perturbation is not None else None,
            batch=table.batch,
            names=np.asarray(cells.obs_names, dtype=object),
            held_out=held_out,
        )

    @property
    def n_cells(self) -> int:
        return len(self.states)

    def both(self, *modalities: str) -> np.ndarray:
        """Boolean (cells,): those in which all the named were measured."""
        order = list(self.embeddings)
        return np.all(self.measured[:, [order.index(name) for name in modalities]], axis=1)

    def take(self, rows: np.ndarray) -> Material:
        """Some cells: numbers or (cells,) bool."""
        return replace(
            self,
            states=self.states[rows],
            embeddings={name: values[rows] for name, values in self.embeddings.items()},
            measured=self.measured[rows],
            labels=self.labels[rows],
            time=None if self.time is None else self.time[rows],
            treatment=None if self.treatment is None else self.treatment[rows],
            batch=self.batch[rows],
            names=self.names[rows],
            held_out=self.held_out[rows],
        )


def _only(mask: np.ndarray, place: int) -> np.ndarray:
    """As if one modality had been measured in every cell, and no other."""
    part = np.zeros_like(mask)
    part[:, place] = True
    return part


@torch.no_grad()
def _encoded(core: Autoencoder, scores: dict[str, Tensor], mask: np.ndarray) -> np.ndarray:
    """States (cells, d) in the units of ``VirtualCell.embed``."""
    seen = torch.from_numpy(mask).to(core.latent_scale.device)
    return (core.fusion(scores, seen)[0] * core.latent_scale).float().cpu().numpy()

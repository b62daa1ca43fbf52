"""What generators learn from: cells as a fitted autoencoder sees them, whole and by one measurement alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
from mudata import MuData

from virtualcell.schema import DataError
from virtualcell.training.described import encode_table
from virtualcell.training.fitted import Fitted
from virtualcell.training.given import as_mudata, labels_of
from virtualcell.training.table import make_table


@dataclass(frozen=True)
class Material:
    """Cells of one fitted model.

    states: (cells, d) float32, from all that was measured, in the units of ``VirtualCell.embed``; embeddings[m]: the same from
    modality m alone; measured: (cells, modalities in the order of ``embeddings``) bool, and where it is False the embedding says
    nothing; labels: (cells,) str, the annotation of the cells, else their time, else their treatment; time: (cells,) in the unit
    of the time column, treatment: (cells,) str, None where there is none; names: (cells,) of ``obs``; held_out: (cells,) bool,
    cells from which the autoencoder did not learn and no generator may learn either.
    """

    states: np.ndarray
    embeddings: dict[str, np.ndarray]
    measured: np.ndarray
    labels: np.ndarray
    time: np.ndarray | None
    treatment: np.ndarray | None
    names: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, fitted: Fitted, cells: MuData | ad.AnnData) -> Material:
        """Cells, raw or preprocessed, with the columns that the model was fitted with. Raises DataError where one is missing."""
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
        scale = core.latent_scale.cpu().numpy()
        embeddings = {}
        for place, name in enumerate(core.names):
            part = np.zeros_like(table.mask)
            part[:, place] = True
            embeddings[name] = (encode_table(core, table, fitted.device, part) * scale).astype(np.float32)
        return cls(
            states=(encode_table(core, table, fitted.device) * scale).astype(np.float32),
            embeddings=embeddings,
            measured=table.mask,
            labels=labels_of(cells, columns),
            time=cells.obs[columns.time].to_numpy(dtype=float) if columns.time is not None else None,
            treatment=cells.obs[columns.perturbation].astype(str).to_numpy() if columns.perturbation is not None else None,
            names=np.asarray(cells.obs_names, dtype=object),
            held_out=np.asarray(cells.obs_names.isin(fitted.record.get("held_out", []))),
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
            names=self.names[rows],
            held_out=self.held_out[rows],
        )

"""A fitted model, what is known of it, and its states."""

from __future__ import annotations

import json
import warnings
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import torch
from mudata import MuData

from virtualcell.perturbation.response import Response
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import (
    DataError,
    Settings,
)
from virtualcell.training.fitted import Fitted, states_of
from virtualcell.training.given import RNA, as_mudata
from virtualcell.training.table import CellTable, make_table
from virtualcell.trust.domain import Domain

CHUNK = 4096


class Held:
    """What every question to a fitted model goes through: its parts, its record, and checks of what it is given."""

    def __init__(self, settings: Settings | None = None):
        self._settings = settings or Settings()
        self._model: Fitted | None = None
        self._domain: Domain | None = None
        self.response: Response | None = None

    @property
    def _fitted(self) -> Fitted:
        if self._model is None:
            raise RuntimeError("This model has not been fitted: call fit(cells, ...) or VirtualCell.load(folder).")
        return self._model

    @property
    def settings(self) -> Settings:
        """Those of the fit, with its columns; before it, those that were given."""
        return self._settings if self._model is None else self._model.settings

    @property
    def record(self) -> dict[str, Any]:
        """What is said of the fit, as it is saved; empty before it."""
        return {} if self._model is None else self._model.record

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return torch.device("cpu") if self._model is None else self._model.device

    @property
    def span(self) -> float:
        """Time between the first and the last measurement, in the unit of the time column; 1 where there was no time."""
        span = self._fitted.record["span"]
        return span[1] - span[0] if span else 1.0

    @property
    def states(self) -> np.ndarray:
        """States of the training cells, (cells, d)."""
        return self._fitted.arrays["states"]

    @property
    def times(self) -> np.ndarray | None:
        """Time of each training cell, (cells,), in the unit of the time column; None where there were no two times."""
        return self._fitted.arrays.get("time")

    @property
    def moves(self) -> bool:
        """Whether a predictor was fitted."""
        return self._model is not None and self._model.dynamics is not None

    @property
    def dynamics(self) -> Dynamics:
        """What moves cells: landscape, forces, noise and growth, in spans. Raises DataError where nothing says how they move."""
        dynamics = self._fitted.dynamics
        if dynamics is None:
            raise DataError(
                "This model has no predictor: its cells had one time point and no treatment beside a control.",
                next_step="fit it to cells measured at two or more times, or treated and untreated.",
                field="time",
            )
        return dynamics

    def features(self, modality: str = RNA) -> list[str]:
        """Names of the features that the model reads and predicts."""
        if modality not in self._fitted.features:
            known = ", ".join(self._fitted.features)
            raise DataError(f"The model has no modality {modality!r}.", next_step=f"choose one of {known}.", field="modality")
        return list(self._fitted.features[modality])

    def decode(self, states: np.ndarray, *, modality: str = RNA, features: list[str] | None = None) -> np.ndarray:
        """Expected measurement of states (..., d): (..., features) float32.

        RNA: mean counts per 10,000; ATAC: probability that a peak is seen open at the median depth; protein: mean tag counts.
        """
        core, names = self._fitted.autoencoder, self.features(modality)
        place = np.arange(len(names))
        if features is not None:
            place = pd.Index(names).get_indexer(features)
            if (place < 0).any():
                missing = [f for f, p in zip(features, place, strict=True) if p < 0]
                raise DataError(
                    f"The model does not know {', '.join(missing)}.", next_step="choose among model.features().", field=modality
                )
        states = self._checked(states)
        flat = states.reshape(-1, states.shape[-1])
        found = np.empty((len(flat), len(place)), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(flat), CHUNK):
                z = torch.from_numpy(flat[start : start + CHUNK]).to(self.device) / core.latent_scale
                output = core.decoders[modality](z)
                found[start : start + CHUNK] = core.modalities[modality].expectation(output)[:, place].cpu().numpy()
        return found.reshape(*states.shape[:-1], len(place))

    def in_domain(self, states: np.ndarray) -> np.ndarray:
        """Whether states (..., d) lie where the model was trained, boolean (...)."""
        if self._domain is None:
            self._domain = Domain(self.states)
        return self._domain.contains(self._checked(states))

    def provenance(self) -> dict[str, Any]:
        """What a result should carry: version, data digest, seed and settings."""
        keys = ("version", "digest", "file", "seed", "n_cells")
        return {k: self._fitted.record[k] for k in keys} | {"settings": json.dumps(self.settings.to_dict(), sort_keys=True)}

    def _checked(self, states: np.ndarray, field: str = "states", ndim: int | None = None) -> np.ndarray:
        """States (..., d) as float32, of ndim axes where it is given. Raises DataError naming the field where they are none."""
        given, d = np.asarray(states, dtype=np.float32, order="C"), self._fitted.record["latent_dim"]
        if given.ndim < 1 or given.shape[-1] != d or (ndim is not None and given.ndim != ndim):
            wanted = {None: f"(..., {d})", 1: f"({d},)", 2: f"(cells, {d})"}[ndim]
            raise DataError(f"It has shape {given.shape}, not {wanted}.", next_step=f"give {d} coordinates a cell.", field=field)
        if not np.isfinite(given).all():
            raise DataError("It holds values that are not numbers.", next_step="leave those cells out.", field=field)
        return given

    def _spans(self, duration: float) -> float:
        """A duration in the unit of the time column, in spans. Raises DataError where it is none."""
        if not (np.isfinite(duration) and duration > 0):
            raise DataError(f"The time to simulate is {duration}.", next_step="give a time above 0.", field="duration")
        return duration / self.span

    def _treatment(self, name: str | None) -> str | None:
        """A treatment as the dynamics know it; the control is no push. Raises DataError for what was never measured."""
        if name is None or name == self.settings.columns.control:
            return None
        try:
            self.dynamics.force(name)
        except KeyError as error:
            raise DataError(str(error.args[0]), next_step="choose among the measured treatments.", field="treatment") from None
        return name

    def _table(
        self, cells: MuData | ad.AnnData, modalities: list[str] | None, batch: str | None, *, empty: bool = False
    ) -> CellTable:
        """empty: whether cells may have nothing that the model reads."""
        fitted, cells = self._fitted, as_mudata(cells)
        columns = (batch,) if batch else self.settings.columns.covariates
        missing = [column for column in columns if column not in cells.obs]
        if batch is None and missing:
            warnings.warn(
                f"There is no column {', '.join(missing)} in obs: the batch is unknown and the average is taken.", stacklevel=3
            )
            columns = ()
        return make_table(cells, fitted.features, columns, fitted.batches, modalities, fitted.kinds, empty=empty)

    def _states(self, table: CellTable) -> np.ndarray:
        return states_of(self._fitted.autoencoder, table, self.device)

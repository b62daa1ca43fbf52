"""VirtualCell, the one public class: cells in, states, translations, trajectories, pushes and the landscape out."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import torch
from mudata import MuData

from virtualcell.generative.watermark import refuse_synthetic
from virtualcell.landscape.barriers import any_crossed
from virtualcell.model.completing import complete
from virtualcell.model.generating import Generating
from virtualcell.model.pushing import Pushing
from virtualcell.perturbation.from_counts import response_of
from virtualcell.perturbation.saved import load_response, save_response
from virtualcell.schema import (
    LATENT_KEY,
    UNS_KEY,
    Columns,
    DataError,
)
from virtualcell.training.checkpoint import WEIGHTS
from virtualcell.training.described import nats_of_average, nats_of_cells
from virtualcell.training.device import choose_device
from virtualcell.training.epochs import Progress
from virtualcell.training.given import RNA, as_mudata
from virtualcell.training.saved import load_fitted, save_fitted
from virtualcell.training.whole import fit_whole


class VirtualCell(Pushing, Generating):
    """A multi-omic autoencoder with a JEPA-style predictor on a learned potential.

    Fit it to measured cells or load a saved one; every method then takes cells as MuData or AnnData, raw or preprocessed.

    >>> cells = virtualcell.read("cells.h5mu")                                # doctest: +SKIP
    >>> model = virtualcell.VirtualCell().fit(cells, time="time_h")           # doctest: +SKIP
    >>> model.embed(cells)                                                    # doctest: +SKIP
    """

    def fit(
        self,
        cells: MuData | ad.AnnData,
        *,
        time: str | None = None,
        time_unit: str = "h",
        perturbation: str | None = None,
        control: str = "control",
        batch: str | None = None,
        state: str | None = None,
        clones: str | None = None,
        donor: str | None = None,
        growth: str | None = None,
        population_size: str | None = None,
        device: str = "auto",
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> VirtualCell:
        """Learns states from the counts and, where there are several times or treatments, the dynamics that lead from one to the
        next.

        time, perturbation, batch, donor, state: columns of ``obs``; clones: slot of ``obsm``; control: name of the untreated
        cells; growth or population_size: what is known of division (see ``Columns``). ``cells`` is not changed. Raises DataError
        where the cells cannot be used (see ``virtualcell.data.check``).

        progress: called as progress(stage, done, total, figures); what it raises stops the fit. checkpoint: folder into which the
        fit is written as it goes, about every quarter of a minute and after every stage. Called again with the same cells and
        settings after it was stopped, it goes on from there and comes to the model that it would have come to, to the last
        digit where it runs on one thread; what other cells or settings have left in the folder is not used.
        """
        columns = Columns(time, time_unit, perturbation, control, batch, state, clones, growth, population_size, donor)
        settings = dataclasses.replace(self.settings, columns=columns)
        refuse_synthetic(as_mudata(cells))
        # Only what was fitted to its end takes the place of what was there.
        folder = None if checkpoint is None else Path(checkpoint)
        fitted = fit_whole(cells, settings, choose_device(device), progress, any_crossed, folder)
        response = response_of(fitted, as_mudata(cells))
        self._model, self._domain, self.response, self.pairs = fitted, None, response, None
        self._samplers, self._codes, self._faults = None, None, {}
        return self

    def embed(self, cells: MuData | ad.AnnData, *, modalities: list[str] | None = None, batch: str | None = None) -> np.ndarray:
        """States of cells, float32 (cells, d), from all or some of their measured modalities.

        Writes ``obsm["X_vc"]`` and ``uns["virtualcell"]`` of ``cells``. batch: ``obs`` column, by default the one of the fit.
        """
        states = self._states(self._table(cells, modalities, batch))
        cells.obsm[LATENT_KEY] = states
        cells.uns[UNS_KEY] = self.provenance()
        return states

    def translate(self, cells: MuData | ad.AnnData, *, source: str, target: str) -> ad.AnnData:
        """What the target modality is expected to read in cells of which only the source modality is looked at.

        Returns AnnData (cells, target features): X is the expected reading, in the unit named in ``uns["virtualcell"]["unit"]``
        (RNA: log(1 + counts per 10,000); protein: centred log ratio; ATAC: probability that a peak is seen open in a cell of
        these experiments; others: the unit of the data). ``layers["low"]`` and ``layers["high"]``: bounds between which a
        measurement lies in 90 % of new cells, feature by feature (conformal, from cells kept out of the fit); absent for open
        peaks, whose probability says it all, and where the two were never measured together and a third modality is the bridge
        (``uns["virtualcell"]["route"]``). Raises DataError where there is no way from source to target.
        """
        core = self._fitted.autoencoder
        for role, name in (("source", source), ("target", target)):
            if name not in core.names:
                raise DataError(
                    f"The model has no {role} modality {name!r}.", next_step=f"choose one of {', '.join(core.names)}.", field=name
                )
        translator = self._fitted.translator
        route = translator.route(source, target)
        if not route:
            raise DataError(
                f"{source} and {target} were measured together in too few of the training cells, and no third measurement joins "
                "them.",
                next_step="train on cells that have both, or one that has each together with a third.",
                field=target,
            )
        table = self._table(cells, [source], None)
        parts: list[list[np.ndarray]] = []
        with torch.no_grad():
            for start in range(0, table.n_cells, 1024):
                values, _, batch = table.rows(np.arange(start, min(start + 1024, table.n_cells)), self.device)
                scores = core.batch_means[source](core.modalities[source].scores(values[source]), batch)
                found = translator(core, scores, source, target)
                parts.append([part.float().cpu().numpy() for part in found if part is not None])
        read, *bounds = (np.concatenate(part) for part in zip(*parts, strict=True))
        translated = ad.AnnData(read, obs=cells.obs.copy(), var=pd.DataFrame(index=self._fitted.features[target]))
        for name, bound in zip(("low", "high"), bounds, strict=False):
            translated.layers[name] = bound
        translated.uns[UNS_KEY] = self.provenance() | {"unit": core.modalities[target].reading_unit, "route": list(route)}
        return translated

    def complete(self, cells: MuData | ad.AnnData, *, primary: str = RNA) -> dict[str, ad.AnnData]:
        """What every other modality is expected to read in each cell, from the primary one, which all cells have.

        By target, where there is a way to it: as ``translate`` gives it, with ``obs["measured"]`` that says in which cells the
        target was measured, and ``obs["why"]``: why nothing is said of a cell (NaN; see ``refusals``), "" where something is.
        Raises DataError for a primary modality that the model does not have or that some cells lack.
        """
        return complete(self, cells, primary)

    def reading(self, cells: MuData | ad.AnnData, modality: str) -> np.ndarray:
        """What was measured, (cells, features) float32, in the unit in which ``translate`` predicts."""
        table, kind = self._table(cells, [modality], None), self._fitted.autoencoder.modalities[modality]
        with torch.no_grad():
            pieces = np.array_split(np.arange(table.n_cells), max(1, table.n_cells // 1024))
            return np.concatenate([kind.reading(table.rows(rows, self.device)[0][modality]).cpu().numpy() for rows in pieces])

    def log_likelihood(self, cells: MuData | ad.AnnData) -> pd.DataFrame:
        """How well the model describes each cell from its own state: log-likelihood in nats, cells x modalities; NaN where not
        measured."""
        return self._nats(cells, nats_of_cells)

    def baseline_log_likelihood(self, cells: MuData | ad.AnnData) -> pd.DataFrame:
        """The same with the average training cell in place of each cell's state: what there is to be gained upon."""
        return self._nats(cells, nats_of_average)

    def save(self, folder: str | Path) -> None:
        """Writes ``model.safetensors``, ``cells.safetensors`` (states of the training cells), ``model.json`` and, of treatments
        beside their control, ``response.safetensors``, and of each generator that was trained its two files."""
        weights = Path(folder) / WEIGHTS
        before = weights.read_bytes() if weights.is_file() else b""
        save_fitted(self._fitted, Path(folder))
        if before and weights.read_bytes() != before:
            self.drop_generators(folder)
        save_response(self.response, Path(folder), self.record["digest"])
        self.save_generators(folder)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu", generators: bool = True) -> VirtualCell:
        """Reads a saved model; generators: with those beside it, where there are any. A generator whose files are broken or of
        another version takes nothing else away: it says so when it is asked. Raises DataError naming the file of the model that
        is missing, broken or of another shape."""
        model = cls()
        fitted = model._model = load_fitted(Path(folder), choose_device(device))
        model.response = load_response(Path(folder), fitted.record["digest"], len(fitted.features.get(RNA, [])))
        if generators:
            with contextlib.suppress(DataError):  # kept in the model
                model.load_generators(folder)
        return model

    def _nats(self, cells: MuData | ad.AnnData, describe: Callable[..., np.ndarray]) -> pd.DataFrame:
        table = self._table(cells, None, None)
        nats = describe(self._fitted.autoencoder, table, np.arange(table.n_cells), self.device)
        return pd.DataFrame(np.where(table.mask, nats, np.nan), index=cells.obs_names, columns=list(self._fitted.features))

"""Drawing what was not measured: a missing measurement, whole new cells, and their counts."""

from __future__ import annotations

from functools import partial
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from mudata import MuData

from virtualcell import __version__
from virtualcell.generative.draws import CellDraw, MissingDraw
from virtualcell.generative.intervals import summary
from virtualcell.generative.missing import NAME as SAMPLERS
from virtualcell.generative.missing import MissingSampler
from virtualcell.generative.watermark import NAMES, mark
from virtualcell.modalities import Modality
from virtualcell.modalities.methylation import COVERAGE, METHYLATED
from virtualcell.modalities.values import Counts, Values
from virtualcell.model.scoring import Scoring
from virtualcell.schema import MEASURED_KEY, UNS_KEY, DataError
from virtualcell.training.described import encode_table
from virtualcell.training.given import as_mudata
from virtualcell.training.table import batch_labels

CELLS_AT_ONCE = 64


class Drawing(Scoring):
    """What a model with samplers draws; they are trained by ``Generating.fit_generators``."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._samplers: MissingSampler | None = None

    @property
    def states_as_new(self) -> np.ndarray | None:
        """States (cells, d) of training cells read as if new; None where the files do not hold them."""
        return None

    # -- drawing -----------------------------------------------------------------------------------------------------------------
    def draw_missing(
        self,
        cells: MuData | ad.AnnData,
        *,
        source: str,
        target: str,
        n_draws: int = 20,
        noise: float = 1.0,
        seed: int = 0,
        time: float | None = None,
        treatment: str | None = None,
    ) -> MissingDraw:
        """What the target measurement could have been in cells of which only the source is looked at, drawn ``n_draws`` times.

        time, treatment: by default the cells' own, where they have the columns; a number or a name holds it at that value in all
        cells ("what if"). noise: 0 to 2, the one knob of the noise schedule: 1 as learned, 0 the one most typical answer. A cell
        unlike those measured is refused (NaN, with words that say why). Raises DataError for a held condition or a direction that
        was never measured, and for a model without samplers.
        """
        samplers = self._drawing
        prior = samplers.prior(source, target)
        samplers.vocabulary.check(time, treatment)
        if n_draws < 1:
            raise DataError(f"{n_draws} draws were asked for.", next_step="ask for 1 or more.", field="n_draws")
        given = as_mudata(cells)
        embedding = self.embedding_of(given, source)
        times, treatments = self._conditions(given, time, treatment)
        why = samplers.refused(source, embedding, times, treatments)
        why[~np.isfinite(embedding).all(1)] = f"Its {source} was not measured."
        keep = why == ""
        shape = (n_draws, len(why), embedding.shape[1])
        found = {name: np.full(shape, np.nan, dtype=np.float32) for name in ("embeddings", "states")}
        if keep.any():
            picked = [None if part is None else part[keep] for part in (times, treatments)]
            known = samplers.conditions(int(keep.sum()), *picked)
            x = embedding[keep]
            drawn = prior.draw(np.concatenate([x, known], 1), n_draws, noise=noise, seed=seed)
            both = {source: np.tile(x, (n_draws, 1)), target: drawn.reshape(-1, shape[2])}
            states = samplers.whole(both, np.tile(known, (n_draws, 1)), noise=noise, seed=seed + 1)
            found["embeddings"][:, keep], found["states"][:, keep] = drawn, states.reshape(drawn.shape)
        held = {"source": source, "target": target, "time": time, "treatment": treatment}
        names = np.asarray(given.obs_names, dtype=object)
        return MissingDraw(
            source, target, **found, refused=~keep, why=why, names=names, time=times, treatment=treatments, noise=noise,
            conditions=held, seed=seed,
        )  # fmt: skip

    def draw_cells(
        self,
        n: int,
        *,
        label: str | None = None,
        time: float | None = None,
        treatment: str | None = None,
        balanced: bool = False,
        noise: float = 1.0,
        seed: int = 0,
    ) -> CellDraw:
        """n new cells: conditions that are not held are drawn as often as they were measured (balanced: each label as often as
        any other), then states given them. Raises DataError for a condition that was never measured."""
        return self._drawing.draw_cells(n, label=label, time=time, treatment=treatment, balanced=balanced, noise=noise, seed=seed)

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
        seed: int = 0,
    ) -> np.ndarray:
        """Measurements drawn for states (..., cells, d): (..., cells, features) float32, in the unit of ``translate`` and
        ``reading``. like: the cells that they were drawn for, whose batches are then read; else a typical batch is."""
        states = np.asarray(states, dtype=np.float32)
        batch = None if like is None else np.tile(self._batch_of(like), int(np.prod(states.shape[:-2])))
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

    def interval(
        self,
        cells: MuData | ad.AnnData,
        *,
        source: str,
        target: str,
        coverage: float = 0.9,
        n_draws: int = 200,
        seed: int = 0,
    ) -> ad.AnnData:
        """What the target is drawn to read: X the mean over draws, ``layers["low"]`` and ``["high"]`` the bounds that hold
        ``coverage`` of measurements, all features together (levels recalibrated on held-out cells, which the samplers saw);
        absent for open or closed peaks. Refused cells are NaN, with ``obs["why"]``. Units as in ``translate``."""
        if not 0 < coverage < 1:
            raise DataError(f"The coverage is {coverage:g}.", next_step="give a share between 0 and 1.", field="coverage")
        given = as_mudata(cells)
        draw = self.draw_missing(given, source=source, target=target, n_draws=n_draws, seed=seed)
        level = self._drawing.reliability[f"{source}->{target}"].level(coverage)
        n, features = len(draw.why), self.features(target)
        read = {name: np.full((n, len(features)), np.nan, dtype=np.float32) for name in ("mean", "low", "high")}
        keep = np.flatnonzero(~draw.refused)
        for part in np.array_split(keep, max(1, len(keep) // CELLS_AT_ONCE)):
            if len(part):
                drawn = self.draw_readings(draw.states[:, part], target, like=given[part], seed=seed + int(part[0]))
                for name, values in zip(read, summary(drawn, level), strict=True):
                    read[name][part] = values
        kind = self._fitted.autoencoder.modalities[target]
        found = ad.AnnData(read["mean"], obs=given.obs.copy(), var=pd.DataFrame(index=features))
        found.obs["why"] = draw.why.astype(str)
        if not kind.yes_or_no:
            found.layers["low"], found.layers["high"] = read["low"], read["high"]
        found.uns[UNS_KEY] = self.provenance() | {"unit": kind.reading_unit, "route": [source, target], "coverage": coverage}
        return found

    def synthetic(self, draw: MissingDraw | CellDraw, *, seed: int = 0) -> MuData:
        """Drawn cells with counts of every measurement, marked as synthetic in ``obs`` and ``uns`` of all tables.

        Of a ``MissingDraw`` every draw of every cell that was not refused is one cell, ``obs["drawn_for"]`` names the cell.
        """
        columns = self.settings.columns
        obs: dict[str, Any] = {}
        if isinstance(draw, MissingDraw):
            keep = np.flatnonzero(~draw.refused)
            states = draw.states[:, keep].reshape(-1, draw.states.shape[2])
            times = len(draw.states)
            obs["drawn_for"] = np.tile(draw.names[keep].astype(str), times)
            time, treatment = (None if part is None else np.tile(part[keep], times) for part in (draw.time, draw.treatment))
            generator = f"{draw.target} given {draw.source}"
        else:
            states, time, treatment, generator = draw.states, draw.time, draw.treatment, "new cells"
            if columns.state is not None:
                obs[columns.state] = draw.labels
        if columns.time is not None and time is not None:
            obs[columns.time] = time
        if columns.perturbation is not None and treatment is not None:
            obs[columns.perturbation] = treatment.astype(str)
        names = [f"{NAMES}{i}" for i in range(len(states))]
        tables = {m: self._drawn_table(states, m, names, seed + place) for place, m in enumerate(self._fitted.features)}
        cells = MuData(tables)
        cells.obs = pd.DataFrame(obs, index=names)
        cells.obsm[MEASURED_KEY] = np.ones((len(names), len(tables)), dtype=bool)
        cells.obsm["X_vc"] = states
        facts = {
            "generator": generator,
            "model": self.record["digest"],
            "version": __version__,
            "seed": seed,
            "draw_seed": draw.seed,
            "noise": float(draw.noise),
            "conditions": draw.conditions,
        }
        return mark(cells, facts)

    def _drawn_table(self, states: np.ndarray, modality: str, names: list[str], seed: int) -> ad.AnnData:
        """Drawn values of one measurement, as a file of it would hold them."""
        kind, features = self._fitted.autoencoder.modalities[modality], self.features(modality)
        values = self.draw_counts(states, modality, seed=seed)
        obs, var = pd.DataFrame(index=names), pd.DataFrame(index=features)
        if kind.width == 1:
            return ad.AnnData(sp.csr_matrix(values) if kind.sparse else values, obs=obs, var=var)
        methylated, coverage = np.split(values, 2, axis=1)
        share = methylated / np.maximum(coverage, 1)
        return ad.AnnData(share, obs=obs, var=var, layers={METHYLATED: methylated, COVERAGE: coverage})

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

    def _conditions(
        self, cells: MuData, time: float | None, treatment: str | None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Time and treatment of each cell, (cells,): held, or its own where there is the column."""
        columns, n = self.settings.columns, cells.n_obs
        times: np.ndarray | None = None
        names: np.ndarray | None = None
        if time is not None:
            times = np.full(n, float(time))
        elif columns.time is not None and columns.time in cells.obs:
            times = cells.obs[columns.time].to_numpy(dtype=float)
        if treatment is not None:
            names = np.full(n, treatment, dtype=object)
        elif columns.perturbation is not None and columns.perturbation in cells.obs:
            own = cells.obs[columns.perturbation]
            names = own.astype(object).where(own.notna(), "").astype(str).to_numpy(dtype=object)  # "": not known
        return times, names

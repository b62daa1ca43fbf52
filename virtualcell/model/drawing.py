"""Drawing what was not measured: a missing measurement and whole new cells."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData

from virtualcell.generative.draws import CellDraw, MissingDraw
from virtualcell.generative.intervals import summary
from virtualcell.generative.missing import MissingSampler, whole_number
from virtualcell.generative.sampler import check_noise
from virtualcell.model.drawing_values import DrawingValues
from virtualcell.model.synthetic import synthetic_cells
from virtualcell.schema import UNS_KEY, DataError
from virtualcell.training.given import as_mudata

CELLS_AT_ONCE, VALUES_AT_ONCE = 512, 20_000_000
"""Cells that are drawn for, and drawn values that are looked at, at one time."""


class Drawing(DrawingValues):
    """What a model with samplers draws; they are trained by ``Generating.fit_generators``."""

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
        cells ("what if"). noise: 0 to 2, the one knob of the noise schedule: 1 as learned, 0 the expected value. A cell unlike
        those measured, or unlike those measured under what is held, or whose values are ``implausible``, is refused (NaN, with
        words that say why). Raises DataError
        for a held condition or a direction that was never measured, and for a model without samplers.
        """
        whole_number(n_draws, "n_draws")
        check_noise(noise)
        return self._drawn_missing(
            self._drawing, cells, source, target, n_draws, noise=noise, seed=seed, time=time, treatment=treatment
        )

    def _drawn_missing(
        self,
        samplers: MissingSampler,
        cells: MuData | ad.AnnData,
        source: str,
        target: str,
        n_draws: int,
        *,
        seed: int,
        noise: float = 1.0,
        time: float | None = None,
        treatment: str | None = None,
    ) -> MissingDraw:
        """See ``draw_missing``; by these samplers."""
        prior = samplers.prior(source, target)
        samplers.known.check(time, treatment)
        given = as_mudata(cells)
        if not given.n_obs:
            raise DataError("There are no cells.", next_step="give one cell or more.", field="cells")
        embedding = self.embedding_of(given, source)
        times, treatments = self._conditions(given, time, treatment)
        held = time is not None or treatment is not None
        why = samplers.known.refused(source, embedding, times, treatments, held=held)
        odd = self._implausible(samplers, self._table(given, [source], None, empty=True), source, embedding)
        why = np.where(why == "", odd, why)
        why[~np.isfinite(embedding).all(1)] = f"Its {source} was not measured."
        keep = why == ""
        shape = (n_draws, len(why), embedding.shape[1])
        found = {name: np.full(shape, np.nan, dtype=np.float32) for name in ("embeddings", "states")}
        if keep.any():
            picked = [None if part is None else part[keep] for part in (times, treatments)]
            conditions = samplers.conditions(int(keep.sum()), *picked)
            x = embedding[keep]
            drawn = prior.draw(np.concatenate([x, conditions], 1), n_draws, noise=noise, seed=seed)
            both = {source: np.tile(x, (n_draws, 1)), target: drawn.reshape(-1, shape[2])}
            states = samplers.whole(both, np.tile(conditions, (n_draws, 1)), noise=noise, seed=seed + 1)
            found["embeddings"][:, keep], found["states"][:, keep] = drawn, states.reshape(drawn.shape)
        asked = {"source": source, "target": target, "time": time, "treatment": treatment}
        return MissingDraw(
            source,
            target,
            **found,
            refused=~keep,
            why=why,
            names=np.asarray(given.obs_names, dtype=object),
            time=times,
            treatment=treatments,
            batch=self._batch_of(given),
            noise=noise,
            conditions=asked,
            seed=seed,
        )

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
        ``coverage`` of measurements, all features together (levels recalibrated on cells from which nothing had learned); absent
        for open or closed peaks. Refused cells are NaN, with ``obs["why"]``. Units as in ``translate``."""
        if not 0 < coverage < 1:
            raise DataError(f"The coverage is {coverage:g}.", next_step="give a share between 0 and 1.", field="coverage")
        given, features = as_mudata(cells), self.features(target)
        whole_number(n_draws, "n_draws")
        self._drawing.prior(source, target)
        level = self._drawing.reliability[f"{source}->{target}"].level(coverage)
        kind = self._fitted.autoencoder.modalities[target]
        read = {name: np.full((given.n_obs, len(features)), np.nan, dtype=np.float32) for name in ("mean", "low", "high")}
        why = np.full(given.n_obs, "", dtype=object)
        at_once = int(np.clip(VALUES_AT_ONCE // (n_draws * len(features)), 1, CELLS_AT_ONCE))
        for first in range(0, given.n_obs, CELLS_AT_ONCE):
            some = given[first : first + CELLS_AT_ONCE].copy()
            draw = self.draw_missing(some, source=source, target=target, n_draws=n_draws, seed=seed + first)
            why[first : first + CELLS_AT_ONCE] = draw.why
            keep = np.flatnonzero(~draw.refused)
            for part in np.split(keep, range(at_once, len(keep), at_once)) if len(keep) else ():
                drawn = self.draw_readings(draw.states[:, part], target, batch=draw.batch[part], seed=seed + first + int(part[0]))
                read["mean"][first + part] = drawn.mean(0)
                if not kind.yes_or_no:  # a peak is open or closed: its probability says all
                    _, read["low"][first + part], read["high"][first + part] = summary(drawn, level)
        found = ad.AnnData(read["mean"], obs=given.obs.copy(), var=pd.DataFrame(index=features))
        found.obs["why"] = why.astype(str)
        if not kind.yes_or_no:
            found.layers["low"], found.layers["high"] = read["low"], read["high"]
        found.uns[UNS_KEY] = self.provenance() | {"unit": kind.reading_unit, "route": [source, target], "coverage": coverage}
        return found

    def synthetic(self, draw: MissingDraw | CellDraw, *, seed: int = 0) -> MuData:
        """Drawn cells with counts of every measurement, read in their batches, and marked as synthetic in ``obs`` and ``uns``.

        Of a ``MissingDraw`` every draw of every cell that was not refused is one cell, ``obs["drawn_for"]`` names the cell.
        """
        return synthetic_cells(self, draw, seed)

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

"""Training the generators of a model, and keeping them beside it."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import anndata as ad
import numpy as np
import torch
from mudata import MuData

from virtualcell.generative.adversary_saved import NAME as PAIRS
from virtualcell.generative.depths import Depths
from virtualcell.generative.fit_missing import FittedMissing, fit_missing
from virtualcell.generative.fit_sampler import SamplerSettings
from virtualcell.generative.infogan import Codes, enough_for_codes, fit_model_codes
from virtualcell.generative.infogan_saved import NAME as CODES
from virtualcell.generative.infogan_saved import load_codes, save_codes
from virtualcell.generative.intervals import Reliability
from virtualcell.generative.known import Known
from virtualcell.generative.material import Material
from virtualcell.generative.missing_saved import NAME, of_state, state_of
from virtualcell.generative.plausible import Plausible
from virtualcell.generative.reach import QUANTILE, Domain
from virtualcell.generative.residuals import MOST_FEATURES, Residuals
from virtualcell.generative.saved import read_part, write_part
from virtualcell.generative.watermark import refuse_synthetic
from virtualcell.modalities import Modality
from virtualcell.modalities.values import Counts
from virtualcell.model.drawing import Drawing
from virtualcell.schema import DataError
from virtualcell.training.epochs import Progress
from virtualcell.training.given import as_mudata, data_digest, kinds_of
from virtualcell.training.table import CellTable, make_table

STAGE = "generators"
PARTS = (NAME, PAIRS, CODES)
CELLS_AT_ONCE = 64
RELIABILITY_CELLS, RELIABILITY_DRAWS = 200, 100
RESIDUAL_CELLS = 1000


class Generating(Drawing):
    """The generators of a model, trained by ``fit_generators`` and kept beside it."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._codes: Codes | None = None

    # -- training and keeping ----------------------------------------------------------------------------------------------------
    def fit_generators(
        self,
        cells: MuData | ad.AnnData,
        *,
        seed: int | None = None,
        progress: Progress | None = None,
        settings: SamplerSettings | None = None,
        parts: Sequence[str] = PARTS,
    ) -> Self:
        """Trains every generator that applies, on the cells that the model was fitted to; the model itself stays as it is.

        Cells are read as if they were new (``cross_fit``), so that what is drawn looks like new cells. seed: by default that of
        the model. progress: as in ``fit``, stage "generators". parts: "samplers", "pairs" and "codes", or some of them. Raises
        DataError for synthetic cells, and for others than those that the model was fitted to.
        """
        cells = as_mudata(cells)
        refuse_synthetic(cells)
        if isinstance(parts, str) or set(parts) - set(PARTS):
            raise DataError(
                f"{parts!r} are no generators.", next_step=f"give a list of some of {', '.join(PARTS)}.", field="parts"
            )
        if data_digest(cells, kinds_of(cells, self.settings.kinds)) != self.record["digest"]:
            raise DataError(
                "These are not the cells that the model was trained on.",
                next_step="give the same cells as to `fit` or `virtualcell train`.",
                field="cells",
            )
        seed = self.settings.seed if seed is None else seed
        # Each part is one line here, one in ``save_generators`` and one in ``load_generators``.
        material = Material.of(self._fitted, cells, as_new=True)
        tell = {name: _share(progress, place, len(parts)) for place, name in enumerate(n for n in PARTS if n in parts)}
        if NAME in parts:
            self._fit_samplers(material, cells, seed, settings, tell[NAME])
        if PAIRS in parts:
            self._fit_scorers(material, cells, seed, tell[PAIRS])
        if CODES in parts:
            self._fit_codes(material, seed, tell[CODES])
        self._faults = {name: fault for name, fault in self._faults.items() if name not in parts}
        return self

    @property
    def generators(self) -> dict[str, dict[str, Any]]:
        """What each generator that is there says of itself; {} where none was trained."""
        found: dict[str, dict[str, Any]] = {} if self._samplers is None else {NAME: self._samplers.record()}
        found |= self._scorers_record()
        return found if self._codes is None else found | {CODES: self._codes.record}

    @property
    def codes(self) -> Codes | None:
        """Interpretable codes of the cells' states, in the units of ``embed``; None where none were learned."""
        return self._codes

    def save_generators(self, folder: str | Path) -> None:
        """Writes those that were trained beside the model's files."""
        if self._samplers is not None:
            write_part(Path(folder), NAME, *state_of(self._samplers), self.record["digest"])
        self._save_scorers(Path(folder))
        if self._codes is not None:
            save_codes(self._codes, folder, self.record["digest"])

    def drop_generators(self, folder: str | Path) -> None:
        """Takes away what was left beside another model of the same cells: its states are not this model's."""
        for name in PARTS:
            if name not in self.generators:
                for end in ("json", "safetensors"):
                    (Path(folder) / f"{name}.{end}").unlink(missing_ok=True)

    def load_generators(self, folder: str | Path) -> None:
        """Reads those that are beside the model's files. Raises DataError naming a file that is broken or of another model, after
        it has read the others; each that is broken says so again when it is asked."""
        self._faults = {}
        self._samplers = self._codes = self.pairs = None
        for name, read in ((PAIRS, self._load_scorers), (CODES, self._load_codes), (NAME, self._load_samplers)):
            try:
                read(Path(folder))
            except DataError as error:
                self._faults[name] = error
        for fault in self._faults.values():
            raise fault

    def _load_codes(self, folder: Path) -> None:
        self._codes = load_codes(folder, self.record["digest"])

    def _load_samplers(self, folder: Path) -> None:
        found = read_part(folder, NAME, self.record["digest"])
        if found is not None:
            try:
                self._samplers = of_state(*found)
            except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
                raise DataError(
                    f"The samplers come from another version ({type(error).__name__}: {error}).",
                    next_step="train them again with `virtualcell generators`.",
                    file=str(folder / f"{NAME}.json"),
                ) from error

    def _fit_samplers(
        self, material: Material, cells: MuData, seed: int, settings: SamplerSettings | None, progress: Progress | None
    ) -> None:
        began = clock.process_time()

        def tell(done: int, total: int) -> None:
            if progress is not None:
                progress(STAGE, done, total, {})

        fitted, found = self._fitted, fit_missing(material, seed=seed, settings=settings, progress=tell)
        samplers = found.samplers
        table = make_table(cells, fitted.features, self.settings.columns.covariates, fitted.batches, kinds=fitted.kinds)
        for m, kind in fitted.autoencoder.modalities.items():
            # Without the cells that are to say how far intervals can be trusted.
            here = np.flatnonzero(material.both(m) & ~material.held_out)
            if kind.counted and len(here) > 1:
                pieces = np.array_split(here, max(1, len(here) // 1024))
                with torch.no_grad():
                    depth = [kind.depth(table.rows(rows, fitted.device)[0][m])[:, 0].cpu().numpy() for rows in pieces]
                samplers.depth[m] = Depths.fit(material.states[here], np.concatenate(depth).clip(min=1.0))
            if len(here) > 1:
                nats, counted = self._nats_each(table, m, material.embeddings[m], here)
                samplers.plausible[m] = Plausible.fit(nats[counted > 0], counted[counted > 0])
            left = self._left_out(m, kind, table, material.states, here, seed)
            if left is not None:
                samplers.residuals[m] = left
        self._samplers = samplers
        samplers.known = replace(samplers.known, limits=self._limits(samplers.known, cells))
        for judges in (each for of_way in found.judges.values() for each in of_way):
            judges.samplers.known = samplers.known
        samplers.reliability = {key: self._reliability(found, key, cells, seed) for key in samplers.priors}
        samplers.seconds = clock.process_time() - began

    def _fit_codes(self, material: Material, seed: int, progress: Progress | None) -> None:
        began = clock.process_time()

        def tell(_: str, done: int, total: int, figures: dict[str, float]) -> None:
            if progress is not None:
                progress(STAGE, done, total, figures)

        self._codes = None
        if enough_for_codes(material):
            self._codes = fit_model_codes(material, seed=seed, progress=tell)
            self._codes.record["seconds"] = clock.process_time() - began

    def _left_out(
        self, modality: str, kind: Modality, table: CellTable, states: np.ndarray, rows: np.ndarray, seed: int
    ) -> Residuals | None:
        """What the likelihood of a modality says wrongly of measured cells, at their own depth."""
        if kind.width != 1 or kind.n_features > MOST_FEATURES:
            return None
        rows = rows[np.random.default_rng(seed).permutation(len(rows))[:RESIDUAL_CELLS]]
        core = self._fitted.autoencoder
        with torch.no_grad():
            every, _, batch = table.rows(rows, self.device)
            values = every[modality]
            z = torch.from_numpy(states[rows]).to(self.device) / core.latent_scale
            draw = partial(self._sampled, kind, core.decoders[modality](z, batch), kind.depth(values))
            dense = values.dense() if isinstance(values, Counts) else values
            return Residuals.fit(draw, dense.cpu().numpy(), seed)

    def _limits(self, known: Known, cells: MuData) -> dict[str, float]:
        """How far from the reference, read as new, an embedding may lie: as far as 99 % of it do, or as 99 % of the same cells do
        as they are read when something is drawn for them, which is further out (``cross_fit``)."""
        found = {}
        for m, reference in known.reference.items():
            measured = np.isfinite(reference).all(1)
            if measured.sum() > 1:
                domain = Domain(reference[measured])
                own = self.embedding_of(cells, m)[known.sample][measured]
                found[m] = max(domain.limit, float(np.quantile(domain.distance(own), QUANTILE)))
        return found

    def _reliability(self, fitted: FittedMissing, key: str, cells: MuData, seed: int) -> Reliability:
        """How far intervals of readings of one direction can be trusted, by cells from which neither the autoencoder learned nor
        the samplers that are asked here (``FittedMissing.judges``)."""
        source, target = key.split("->")
        kind, found = self._fitted.autoencoder.modalities[target], []
        for judges in fitted.judges[key]:
            # Files are often sorted by time or type: the first cells would not be like all.
            rows = np.sort(np.random.default_rng(seed).permutation(judges.rows)[:RELIABILITY_CELLS])
            if not len(rows):
                continue
            some = cells[rows].copy()
            table = self._table(some, [target], None)
            draw = self._drawn_missing(judges.samplers, some, source, target, RELIABILITY_DRAWS, seed=seed)
            keep = np.flatnonzero(~draw.refused)
            for part in np.array_split(keep, -(-len(keep) // CELLS_AT_ONCE)) if len(keep) else ():
                if len(part):
                    with torch.no_grad():
                        read = kind.reading(table.rows(part, self.device)[0][target]).cpu().numpy()
                    found.append((self.draw_readings(draw.states[:, part], target, like=some[part], seed=seed), read))
        return Reliability.of(found, seed) if found else Reliability.trusted()


def _share(progress: Progress | None, place: int, parts: int) -> Progress | None:
    """Progress of one part as a share of all: a hundred steps each."""
    if progress is None:
        return None

    def tell(_: str, done: int, total: int, figures: dict[str, float]) -> None:
        progress(STAGE, 100 * place + 100 * done // max(1, total), 100 * parts, figures)

    return tell

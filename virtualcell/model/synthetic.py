"""Drawn states as cells with counts, marked for what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from mudata import MuData

from virtualcell import __version__
from virtualcell.generative.draws import CellDraw, MissingDraw
from virtualcell.generative.watermark import NAMES, mark
from virtualcell.modalities.methylation import COVERAGE, METHYLATED
from virtualcell.schema import MEASURED_KEY
from virtualcell.training.table import batches_apart

if TYPE_CHECKING:
    from virtualcell.model.drawing import Drawing


def synthetic_cells(model: Drawing, draw: MissingDraw | CellDraw, seed: int) -> MuData:
    """See ``Drawing.synthetic``."""
    columns = model.settings.columns
    obs: dict[str, Any] = {}
    if isinstance(draw, MissingDraw):
        keep, times = np.flatnonzero(~draw.refused), len(draw.states)
        states = draw.states[:, keep].reshape(-1, draw.states.shape[2])
        obs["drawn_for"] = np.tile(draw.names[keep].astype(str), times)
        parts = (draw.time, draw.treatment, draw.batch)
        time, treatment, batch = (None if part is None else np.tile(part[keep], times) for part in parts)
        generator = f"{draw.target} given {draw.source}"
    else:
        states, time, treatment, batch, generator = draw.states, draw.time, draw.treatment, draw.batch, "new cells"
        if columns.state is not None:
            obs[columns.state] = draw.labels
    if columns.time is not None and time is not None:
        obs[columns.time] = time
    if columns.perturbation is not None and treatment is not None:
        obs[columns.perturbation] = treatment.astype(str)
    if batch is not None:
        obs |= batches_apart(model._fitted.batches, batch, columns.covariates)
    names = [f"{NAMES}{i}" for i in range(len(states))]
    places = enumerate(model._fitted.features)
    tables = {m: _table(model, m, model.draw_counts(states, m, batch=batch, seed=seed + i), names) for i, m in places}
    cells = MuData(tables)
    cells.obs = pd.DataFrame(obs, index=names)
    cells.obsm[MEASURED_KEY] = np.ones((len(names), len(tables)), dtype=bool)
    cells.obsm["X_vc"] = states
    facts = {
        "generator": generator,
        "model": model.record["digest"],
        "version": __version__,
        "seed": seed,
        "draw_seed": draw.seed,
        "noise": float(draw.noise),
        "conditions": draw.conditions,
    }
    return mark(cells, facts)


def _table(model: Drawing, modality: str, values: np.ndarray, names: list[str]) -> ad.AnnData:
    """Drawn values (cells, width * features) of one measurement, as a file of it would hold them."""
    kind = model._fitted.autoencoder.modalities[modality]
    obs, var = pd.DataFrame(index=names), pd.DataFrame(index=model.features(modality))
    if kind.width == 1:
        return ad.AnnData(sp.csr_matrix(values) if kind.sparse else values, obs=obs, var=var)
    methylated, coverage = np.split(values, 2, axis=1)
    share = methylated / np.maximum(coverage, 1)
    return ad.AnnData(share, obs=obs, var=var, layers={METHYLATED: methylated, COVERAGE: coverage})

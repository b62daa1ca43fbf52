"""Primary and secondary assays: what the expensive ones would read in cells of which only the cheap one was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData

from virtualcell.schema import MEASURED_KEY, DataError
from virtualcell.training.given import as_mudata

if TYPE_CHECKING:
    from virtualcell.model.virtual_cell import VirtualCell

MEASURED = "measured"
"""Column of ``obs`` of a completed modality."""
WHY = "why"
"""Column of ``obs``: why nothing is said of a cell, "" where something is."""


def complete(model: VirtualCell, cells: MuData | ad.AnnData, primary: str) -> dict[str, ad.AnnData]:
    """See ``VirtualCell.complete``; the reading that is measured already is never used."""
    model.features(primary)
    given = as_mudata(cells)
    table = model._table(given, None, None, empty=True)
    order = list(model._fitted.features)
    claimed = given.obs_names.isin(given[primary].obs_names) if primary in given.mod else np.zeros(given.n_obs, dtype=bool)
    if MEASURED_KEY in given.obsm and claimed.any():
        claimed &= np.asarray(given.obsm[MEASURED_KEY], dtype=bool)[:, list(given.mod).index(primary)]
    if not claimed.all():
        raise DataError(
            f"{(~claimed).sum():,} cells lack {primary}, from which the others are told.",
            next_step="leave those cells out, or choose a modality that every cell has.",
            field=primary,
        )
    why = model.refusals(given, primary)
    keep = np.flatnonzero(why == "")
    found = {}
    for target in order:
        if target != primary and model._fitted.translator.route(primary, target):
            found[target] = _spread(model, given, keep, primary, target)
            found[target].obs[MEASURED] = np.array(table.mask[:, order.index(target)])
            found[target].obs[WHY] = why.astype(str)
    return found


def _spread(model: VirtualCell, cells: MuData, keep: np.ndarray, primary: str, target: str) -> ad.AnnData:
    """What ``translate`` says of some rows, among all cells: NaN in the others."""
    if len(keep) == cells.n_obs:
        return model.translate(cells, source=primary, target=target)
    if not len(keep):
        names = model.features(target)
        return ad.AnnData(
            np.full((cells.n_obs, len(names)), np.nan, dtype=np.float32), cells.obs.copy(), pd.DataFrame(index=names)
        )
    told = model.translate(cells[keep].copy(), source=primary, target=target)
    values = {name: np.full((cells.n_obs, told.n_vars), np.nan, dtype=np.float32) for name in ("X", *told.layers)}
    for name, whole in values.items():
        whole[keep] = told.X if name == "X" else told.layers[name]
    found = ad.AnnData(values.pop("X"), obs=cells.obs.copy(), var=told.var, uns=dict(told.uns))
    for name, whole in values.items():
        found.layers[name] = whole
    return found

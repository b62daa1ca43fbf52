"""The mark that drawn cells carry wherever they go: in ``obs`` of every cell and in ``uns`` of every table."""

from __future__ import annotations

import json
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData

from virtualcell.schema import DataError

KEY = "synthetic"
NAMES = "synthetic-"
"""Drawn cells are called so, with a number: names outlive a join of tables that drops ``uns`` and columns that are not in all."""
WARNING = "These cells were drawn by a model and were never measured. Do not count them as data."


def mark(cells: MuData, facts: dict[str, Any]) -> MuData:
    """Writes obs["synthetic"] = True and uns["synthetic"] into the cells and each of their tables, in place; returns them.

    facts: generator, digest of the model, version, seed, noise, conditions: plain values, or dictionaries, which are written as
    JSON so that every file format keeps them.
    """
    plain = {k: json.dumps(v, sort_keys=True) if isinstance(v, dict | list | tuple) else v for k, v in facts.items()}
    plain = {k: v for k, v in plain.items() if v is not None} | {"warning": WARNING}
    for table in (cells, *cells.mod.values()):
        table.obs[KEY] = np.ones(table.n_obs, dtype=bool)
        table.uns[KEY] = dict(plain)
    return cells


def is_synthetic(cells: MuData | ad.AnnData) -> bool:
    """Whether any of the cells carries the mark, also after a join with measured cells and in whatever type a file keeps it."""
    tables = [cells, *(cells.mod.values() if isinstance(cells, MuData) else ())]
    return any(
        KEY in table.uns
        or (KEY in table.obs and any(str(value).lower() in ("true", "1", "1.0") for value in pd.unique(table.obs[KEY])))
        or bool(pd.Index(table.obs_names).astype(str).str.startswith(NAMES).any())
        for table in tables
    )


def refuse_synthetic(cells: MuData | ad.AnnData) -> None:
    """Raises DataError for drawn cells: a model that learns from its own inventions believes them."""
    if is_synthetic(cells):
        raise DataError(
            "These cells, or some of them, are synthetic: a model drew them.",
            next_step="train on measured cells only.",
            field=KEY,
        )

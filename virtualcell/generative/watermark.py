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


def signs(cells: MuData | ad.AnnData) -> dict[str, str]:
    """Where cells, or some of them, are told to be drawn -> what is said there; nothing for measured cells. Holds also after a
    join with measured cells, and in whatever type a file keeps the mark."""
    found = {}
    for table in (cells, *(cells.mod.values() if isinstance(cells, MuData) else ())):
        if KEY in table.uns:
            found[f"uns[{KEY!r}]"] = "the file carries the mark of drawn cells"
        if KEY in table.obs:
            marked = table.obs[KEY].astype(str).str.lower().isin(("true", "1", "1.0"))
            if marked.any():
                found[f"obs[{KEY!r}]"] = f"{marked.sum():,} of {len(marked):,} cells are marked as drawn"
        names = pd.Index(table.obs_names).astype(str)
        called = names[names.str.startswith(NAMES)]
        if len(called):
            found["obs_names"] = f"{len(called):,} of {len(names):,} cells are called as drawn ones are, such as {called[0]}"
    return found


def is_synthetic(cells: MuData | ad.AnnData) -> bool:
    """Whether any of the cells was drawn by a model, as far as ``signs`` tell."""
    return bool(signs(cells))


def refuse_synthetic(cells: MuData | ad.AnnData) -> None:
    """Raises DataError, which says what told, for drawn cells: a model that learns from its own inventions believes them."""
    found = signs(cells)
    if not found:
        return
    by_name = list(found) == ["obs_names"]
    rename = f' If these cells were measured, give them names that do not begin with "{NAMES}".' if by_name else ""
    raise DataError(
        f"These cells, or some of them, are synthetic: a model drew them. What tells: {'; '.join(found.values())}.",
        next_step=f"train on measured cells only.{rename}",
        field=", ".join(found),
    )

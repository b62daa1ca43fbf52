"""Changes to measured cells that a reader asked for: each on a copy, each told in one sentence that stays with the cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.data.counts import why_not_counts
from virtualcell.data.preprocess import COVERAGE
from virtualcell.data.read import CHANGES, SOURCE_KEY
from virtualcell.data.times import TimesRead
from virtualcell.schema import COUNTS_LAYER, MEASURED_KEY


def told(cells: MuData) -> list[str]:
    """What was done to the cells after they were read, one sentence each."""
    return [str(said) for said in cells.uns.get(SOURCE_KEY, {}).get(CHANGES, [])]


def unique_names(cells: MuData) -> MuData:
    """Copies of a cell's name get a number: "AAAC", "AAAC-1". ``read`` refuses them where there are several modalities."""
    copied = {name: adata.copy() for name, adata in cells.mod.items()}
    n = int(cells.obs_names.duplicated().sum())
    for adata in copied.values():
        adata.obs_names_make_unique()
    return _tell(_rebuilt(cells, copied), f"{n:,} cell(s) with the name of another cell got a number after their name.")


def leave_out(cells: MuData, rows: np.ndarray, why: str) -> MuData:
    """Cells without those marked in ``rows``, (cells,) bool. why: ends the sentence "12 cells were left out: ..."."""
    kept = cells[~np.asarray(rows, bool)].copy()
    left = {name: adata for name, adata in kept.mod.items() if adata.n_obs}
    if len(left) < len(kept.mod):
        kept = _rebuilt(kept, left)
    return _tell(kept, f"{int(np.sum(rows)):,} of {cells.n_obs:,} cells were left out: {why}.")


def times_as_numbers(cells: MuData, column: str, name: str, found: TimesRead) -> MuData:
    """A new column ``name`` with the times as numbers; the column of text stays. Texts that are no time become missing."""
    new = cells.copy()
    numbers = cells.obs[column].astype(object).map(lambda text: found.number.get(str(text), np.nan))
    new.obs[name] = pd.to_numeric(numbers).to_numpy(dtype=float)
    middle = " Of a range, the middle was taken." if found.ranges else ""
    return _tell(new, f"The times in '{column}' were read as numbers into '{name}' ({found.unit}): {found.shown()}.{middle}")


def count_places(adata: AnnData) -> list[str]:
    """Where else whole numbers from 0 up stand: names of layers, "X", "raw"."""
    found = [str(name) for name in adata.layers if why_not_counts(adata.layers[name]) is None]
    if COUNTS_LAYER in adata.layers and adata.X is not None and why_not_counts(adata.X) is None:
        found.append("X")
    if adata.raw is not None and why_not_counts(adata.raw.X) is None:
        found.append("raw")
    return found


def place_name(place: str) -> str:
    """A place of ``count_places`` as a sentence calls it."""
    return place if place in ("X", "raw") else f"the layer '{place}'"


def counts_from(cells: MuData, modality: str, place: str) -> MuData:
    """Takes the counts of a modality from a layer, from "X" or from "raw" (with all its features, where it has more)."""
    adata = cells.mod[modality]
    if place == "raw":
        raw = adata.raw
        same = adata.var_names.isin(raw.var_names).all()
        source = adata.raw[:, adata.var_names].X if same else raw.X
        new = adata.copy() if same else AnnData(source.copy(), obs=adata.obs.copy(), var=raw.var.copy(), obsm=dict(adata.obsm))
    else:
        source, new = (adata.X if place == "X" else adata.layers[place]), adata.copy()
    new.layers[COUNTS_LAYER] = source.copy()
    return _tell(
        _rebuilt(cells, dict(cells.mod) | {modality: new}), f"The counts of {modality} were taken from {place_name(place)}."
    )


def numbered_features(cells: MuData, modality: str) -> MuData:
    """Features with the name of another feature get a number: "MATR3", "MATR3-1"."""
    adata = cells.mod[modality].copy()
    n = int(adata.var_names.duplicated().sum())
    adata.var_names_make_unique()
    return _tell(
        _rebuilt(cells, dict(cells.mod) | {modality: adata}), f"{n:,} feature(s) of {modality} with a repeated name got a number."
    )


def without_missing_features(cells: MuData, modality: str) -> MuData:
    """A modality without the features of which some cell lacks a value."""
    adata = cells.mod[modality]
    whole = complete_features(adata)
    kept = adata[:, whole].copy()
    return _tell(
        _rebuilt(cells, dict(cells.mod) | {modality: kept}),
        f"{int((~whole).sum()):,} of {len(whole):,} features of {modality} were left out: some cell lacks their value.",
    )


def without_modality(cells: MuData, modality: str) -> MuData:
    """The cells without one kind of measurement; cells that only it measured go with it."""
    rest = {name: adata.copy() for name, adata in cells.mod.items() if name != modality}
    return _tell(_rebuilt(cells, rest), f"The measurement '{modality}' was left out.")


def complete_features(adata: AnnData) -> np.ndarray:
    """(features,) bool: whether every cell has a finite value, or no read stands behind the one that is missing."""
    values = adata.X
    if COVERAGE in adata.layers:
        covered = np.asarray(adata.layers[COVERAGE].todense() if sp.issparse(adata.layers[COVERAGE]) else adata.layers[COVERAGE])
        values = np.where(covered != 0, np.asarray(values.todense() if sp.issparse(values) else values), 0.0)
    if sp.issparse(values):
        coo = values.tocoo()
        return np.bincount(coo.col, weights=~np.isfinite(coo.data), minlength=adata.n_vars) == 0
    return np.isfinite(np.asarray(values)).all(axis=0)


def _rebuilt(cells: MuData, modalities: dict[str, AnnData]) -> MuData:
    """The same cells with other modalities: annotations, slots and the mask go with the cells' names or, where names were
    repeated, with their order."""
    new = MuData(modalities)
    same_order = new.n_obs == cells.n_obs and (not cells.obs_names.is_unique or new.obs_names.equals(cells.obs_names))
    rows = np.arange(cells.n_obs) if same_order else cells.obs_names.get_indexer(new.obs_names)
    obs = cells.obs.iloc[rows].copy()
    obs.index = new.obs_names
    new.obs = obs
    mask = np.asarray(cells.obsm[MEASURED_KEY], bool)[rows]
    new.obsm[MEASURED_KEY] = mask[:, [list(cells.mod).index(name) for name in modalities]]
    for key, values in cells.obsm.items():
        if key not in cells.mod and key != MEASURED_KEY:
            new.obsm[key] = values.iloc[rows].set_axis(new.obs_names) if isinstance(values, pd.DataFrame) else values[rows]
    new.uns.update(cells.uns)
    return new


def _tell(cells: MuData, sentence: str) -> MuData:
    source = dict(cells.uns.get(SOURCE_KEY, {}))
    cells.uns[SOURCE_KEY] = source | {CHANGES: [*told(cells), sentence]}
    return cells

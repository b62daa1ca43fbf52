"""Say in a biologist's words what is wrong with measured cells and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

from virtualcell.data.counts import counts_of
from virtualcell.data.guess import control_names, guess_columns, time_candidates
from virtualcell.data.preprocess import KINDS, is_counted, why_not_values
from virtualcell.data.read import SOURCE_KEY
from virtualcell.schema import DEFAULT_KINDS, Columns, DataError

__all__ = ["Finding", "check", "guess_columns", "require"]

FEW_CELLS = 50
"""Below so many cells, a population at a time is too small to tell a shift from chance."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before using the cells: an error stops the work, a warning limits its conclusions, a note informs."""

    severity: Literal["error", "warning", "note"]
    field: str
    problem: str
    next_step: str
    cause: str = ""
    """Short name of what is wrong, where ``virtualcell.data.fixes`` knows a remedy."""


def check(mdata: MuData, columns: Columns, kinds: Mapping[str, str] | None = None) -> list[Finding]:
    """All findings, errors first; empty where nothing is wrong. Never raises for what it finds, never changes ``mdata``.

    kinds[key]: kind of measurement of a modality, as in ``preprocess``.
    """
    kinds = KINDS if kinds is None else kinds
    findings = [
        *_names(mdata),
        *_nothing_known(mdata, kinds),
        *(finding for name, adata in mdata.mod.items() for finding in _modality(name, adata, kinds)),
        *_time(mdata.obs, columns),
        *_perturbation(mdata.obs, columns),
        *_batch_and_state(mdata, columns),
        *_confounding(mdata.obs, columns),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def require(findings: Sequence[Finding], *, file: str | None = None) -> None:
    """Raise DataError with every error among the findings; warnings and notes pass."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return
    if len(errors) == 1:
        raise DataError(errors[0].problem, next_step=errors[0].next_step, file=file, field=errors[0].field)
    problem = " ".join(f"({i}) {error.field}: {error.problem}" for i, error in enumerate(errors, start=1))
    next_step = " ".join(f"({i}) {error.next_step}" for i, error in enumerate(errors, start=1))
    raise DataError(problem, next_step=next_step, file=file)


def file_of(mdata: MuData) -> str | None:
    """Name of the file that ``read`` took the cells from."""
    return mdata.uns.get(SOURCE_KEY, {}).get("file")


def _names(mdata: MuData) -> Iterator[Finding]:
    if not mdata.obs_names.is_unique:
        n = int(mdata.obs_names.duplicated().sum())
        yield Finding(
            "error",
            "obs_names",
            f"{n} cell(s) have the name of another cell.",
            "Give every cell its own name, for example sample and barcode, or call obs_names_make_unique().",
            "names repeat",
        )


def _nothing_known(mdata: MuData, kinds: Mapping[str, str]) -> Iterator[Finding]:
    if not any(name in kinds for name in mdata.mod):
        yield Finding(
            "error",
            "modalities",
            f"None of its kinds of measurement ({_some(list(mdata.mod), 12)}) is known.",
            f"Name them {_some(list(kinds or DEFAULT_KINDS), 12)}, or say of which kind they are (--kind NAME=KIND).",
        )


def _modality(name: str, adata: AnnData, kinds: Mapping[str, str]) -> Iterator[Finding]:
    if name not in kinds:
        advice = f"Name it {_some(list(kinds or DEFAULT_KINDS), 12)} if it is one of them."
        yield Finding("note", name, "This kind of measurement is not used.", advice, "kind unknown")
        return
    if not adata.var_names.is_unique:
        twice = list(pd.unique(adata.var_names[adata.var_names.duplicated()]))
        yield Finding(
            "warning",
            f"{name}: var_names",
            f"{len(twice)} feature name(s) occur more than once ({_some(twice)}).",
            "They will be numbered. Use gene identifiers as names if the copies are to be told apart.",
            "features repeat",
        )
    if not is_counted(kinds[name]):
        problem = why_not_values(adata)
        if problem:
            advice = "Leave out the features or cells that lack values, or fill them in and say how."
            yield Finding("error", f"{name}: X", problem, advice, "values missing")
        return
    try:
        counts = counts_of(adata, modality=name)
    except DataError as error:
        yield Finding("error", error.field or name, error.problem, error.next_step, "no counts")
        return
    per_cell = np.asarray(counts.sum(axis=1)).ravel()
    per_feature = np.asarray(counts.sum(axis=0)).ravel()
    if not per_cell.any():
        yield Finding("error", name, "Every count is zero.", "Check that the right matrix was written to the file.")
        return
    if (per_cell == 0).any():
        yield Finding(
            "warning",
            name,
            f"{int((per_cell == 0).sum())} of {len(per_cell)} cells have no counts.",
            "They will be treated as not measured there. Leave them out if they are empty droplets.",
            "cells empty",
        )
    if (per_feature == 0).any():
        yield Finding(
            "note",
            name,
            f"{int((per_feature == 0).sum())} of {len(per_feature)} features are zero in every cell.",
            "Nothing: they will be left out.",
        )


def _time(obs: pd.DataFrame, columns: Columns) -> Iterator[Finding]:
    likely = time_candidates(obs)
    advice = f"Likely: {_some(likely)}." if likely else "Add a column of numbers (hours or days) to obs."
    if columns.time is None:
        yield Finding("warning", "time", "No time column was chosen, so movement in time cannot be learned.", advice)
        return
    if columns.time not in obs:
        yield Finding("error", "time", f"There is no column '{columns.time}' in obs.", advice)
        return
    field, values = columns.time, obs[columns.time]
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    kind = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
        example = _some([str(value) for value in pd.unique(values.dropna())])
        advice = f"Write them as numbers, in one unit. {advice}"
        yield Finding("error", field, f"Times are not numbers but text ({example}).", advice, "times are text")
        return
    unknown = int((~np.isfinite(numbers.to_numpy(dtype=float))).sum())
    if unknown:
        advice = "Fill in their time or leave these cells out."
        yield Finding("error", field, f"{unknown} cell(s) have no time.", advice, "time missing")
    sizes = numbers.value_counts().sort_index()
    if len(sizes) == 1:
        yield Finding(
            "warning",
            field,
            f"All cells have one time ({sizes.index[0]:g} {columns.time_unit}), so movement in time cannot be learned.",
            "Add cells of other times, or use the views that need none.",
        )
    few = sizes[sizes < FEW_CELLS]
    if len(few):
        listed = ", ".join(f"{time:g} {columns.time_unit}: {n}" for time, n in few.items())
        yield Finding(
            "warning",
            field,
            f"Few cells at some times ({listed}).",
            f"Take what is said of these times with care, or add cells: at least {FEW_CELLS} a time.",
        )


def _perturbation(obs: pd.DataFrame, columns: Columns) -> Iterator[Finding]:
    if columns.perturbation is None:
        return
    if columns.perturbation not in obs:
        yield _no_column("perturbation", columns.perturbation, obs)
        return
    values = obs[columns.perturbation]
    names = sorted(str(value) for value in pd.unique(values.dropna()))
    if columns.control not in names:
        likely = control_names(values)
        yield Finding(
            "error",
            columns.perturbation,
            f"No cell is named '{columns.control}', the untreated cells. There are: {_some(names, 12)}.",
            f"Choose the name of the untreated cells{f', probably {_some(likely)}' if likely else ''}.",
            "control unknown",
        )
    if values.isna().any():
        n = int(values.isna().sum())
        advice = "Fill it in or leave these cells out."
        yield Finding("error", columns.perturbation, f"{n} cell(s) have no treatment.", advice, "treatment missing")


def _batch_and_state(mdata: MuData, columns: Columns) -> Iterator[Finding]:
    for field, column in (("batch", columns.batch), ("donor", columns.donor), ("state", columns.state)):
        if column is not None and column not in mdata.obs:
            yield _no_column(field, column, mdata.obs)
    if columns.clones is not None and columns.clones not in mdata.obsm:
        own = [key for key in mdata.obsm if key not in mdata.mod]
        yield Finding(
            "error",
            "clones",
            f"There is no obsm slot '{columns.clones}'.",
            f"Choose one of {_some(own)}, or none." if own else "Choose none.",
        )


def _confounding(obs: pd.DataFrame, columns: Columns) -> Iterator[Finding]:
    if columns.time is None or columns.time not in obs or obs[columns.time].nunique() < 2:
        return
    time = obs[columns.time]
    if (
        columns.batch is not None
        and columns.batch in obs
        and obs[columns.batch].nunique() > 1
        and (time.groupby(obs[columns.batch], observed=True).nunique() == 1).all()
    ):
        yield Finding(
            "warning",
            columns.batch,
            "Every batch was measured at one time only, so differences between batches cannot be told from changes in time.",
            "Do not correct for this batch, and repeat the key finding in an experiment whose batches span several times.",
            "batch is time",
        )
    if (
        columns.perturbation is not None
        and columns.perturbation in obs
        and columns.control in set(obs[columns.perturbation].astype(str))
    ):
        control = obs[columns.perturbation].astype(str) == columns.control
        if not control.all() and (control.groupby(time, observed=True).nunique() == 1).all():
            yield Finding(
                "warning",
                columns.perturbation,
                "Treatment and time are the same variable: at no time are there both treated and untreated cells.",
                "Do not read a change as an effect of the treatment alone; measure untreated cells at the same times.",
            )


def _no_column(field: str, column: str, obs: pd.DataFrame) -> Finding:
    return Finding(
        "error", field, f"There is no column '{column}' in obs.", f"Choose one of {_some(list(obs.columns), 12)}, or none."
    )


def _some(values: Sequence[object], most: int = 5) -> str:
    shown = ", ".join(str(value) for value in values[:most])
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown

"""Remedies for what the check finds, offered before anything is done; what they do is in ``virtualcell.data.changes``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from mudata import MuData

from virtualcell.data import changes
from virtualcell.data.check import Finding
from virtualcell.data.counts import counts_of
from virtualcell.data.guess import control_names
from virtualcell.data.times import read_times
from virtualcell.schema import Columns

KIND_WORDS = {
    "rna": "RNA counts",
    "atac": "counts of open chromatin",
    "protein": "counts of surface proteins",
    "methylation": "methylated reads with their coverage",
    "continuous": "measured numbers that are no counts",
}
"""Kind of measurement -> what it is called in a choice."""


@dataclass(frozen=True)
class Draft:
    """Cells and what is said of them before a model is trained. kinds[key]: kind that was chosen for a modality."""

    cells: MuData
    columns: Columns
    kinds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fix:
    """One remedy. ``label`` stands on its button, ``detail`` beside it; ``make`` returns a new draft and leaves the old one as it
    is."""

    name: str
    """The same for the same remedy of the same cells."""
    label: str
    make: Callable[[Draft], Draft]
    detail: str = ""


def fixes(finding: Finding, draft: Draft) -> tuple[Fix, ...]:
    """What can be done about a finding, the likeliest first; empty where only the reader's own program can help."""
    offer = _OFFERS.get(finding.cause)
    return tuple(offer(finding, draft)) if offer is not None else ()


def _names(finding: Finding, draft: Draft) -> list[Fix]:
    return [Fix("unique names", "Number the copies", lambda d: replace(d, cells=changes.unique_names(d.cells)))]


def _text_times(finding: Finding, draft: Draft) -> list[Fix]:
    texts = [str(text) for text in pd.unique(draft.cells.obs[finding.field].dropna())]
    found = read_times(texts, draft.columns.time_unit)
    if len(set(found.number.values())) < 2:
        return []
    lost = f" No time stands in: {', '.join(found.unread[:5])}." if found.unread else ""
    return [Fix("read times", "Read them as numbers", _read_times, f"As numbers ({found.unit}): {found.shown()}.{lost}")]


def _read_times(draft: Draft) -> Draft:
    column = draft.columns.time
    if column is None:
        return draft
    found = read_times([str(text) for text in pd.unique(draft.cells.obs[column].dropna())], draft.columns.time_unit)
    name = f"{column}_{found.unit}"
    while name in draft.cells.obs:
        name += "_number"
    cells = changes.times_as_numbers(draft.cells, column, name, found)
    return replace(draft, cells=cells, columns=replace(draft.columns, time=name, time_unit=found.unit))


def _no_time(finding: Finding, draft: Draft) -> list[Fix]:
    times = pd.to_numeric(draft.cells.obs[finding.field].astype(object), errors="coerce").to_numpy(dtype=float)
    return _leave(~np.isfinite(times), "they have no time")


def _no_treatment(finding: Finding, draft: Draft) -> list[Fix]:
    return _leave(draft.cells.obs[finding.field].isna().to_numpy(), "they have no treatment")


def _empty(finding: Finding, draft: Draft) -> list[Fix]:
    if len(draft.cells.mod) > 1:
        return []  # another measurement of these cells may be sound
    counts = counts_of(draft.cells.mod[finding.field], modality=finding.field)
    return _leave(np.asarray(counts.sum(axis=1)).ravel() == 0, f"{finding.field} counted nothing in them")


def _leave(rows: np.ndarray, why: str) -> list[Fix]:
    if rows.all():
        return []
    return [
        Fix(
            "leave out",
            f"Leave these {int(rows.sum()):,} cells out",
            lambda d: replace(d, cells=changes.leave_out(d.cells, rows, why)),
        )
    ]


def _control(finding: Finding, draft: Draft) -> list[Fix]:
    values = draft.cells.obs[finding.field]
    names = [str(name) for name in values.dropna().astype(str).value_counts().index]
    likely = control_names(values)
    return [_untreated(name) for name in [*likely, *(name for name in names if name not in likely)][:6]]


def _untreated(name: str) -> Fix:
    label = f"Untreated: {name}"
    return Fix(f"control {name}", label, lambda d: replace(d, columns=replace(d.columns, control=name)))


def _counts(finding: Finding, draft: Draft) -> list[Fix]:
    modality = finding.field.split(":")[0]
    adata = draft.cells.mod[modality]
    found = [_taken(modality, place) for place in changes.count_places(adata)]
    values = adata.X.data if sp.issparse(adata.X) else np.asarray(adata.X if adata.X is not None else [])
    if not found and values.dtype.kind in "iuf" and np.isfinite(values).all():
        # Better than nothing where the counts are lost: no likelihood of counts, no noise of counting.
        found.append(_of_kind(modality, "continuous", "Use the values as they are"))
    return found


def _taken(modality: str, place: str) -> Fix:
    label = f"Take {changes.place_name(place)}"
    return Fix(f"counts from {place}", label, lambda d: replace(d, cells=changes.counts_from(d.cells, modality, place)))


def _features(finding: Finding, draft: Draft) -> list[Fix]:
    modality = finding.field.split(":")[0]
    return [
        Fix("number features", "Number the copies now", lambda d: replace(d, cells=changes.numbered_features(d.cells, modality)))
    ]


def _values(finding: Finding, draft: Draft) -> list[Fix]:
    modality = finding.field.split(":")[0]
    whole = changes.complete_features(draft.cells.mod[modality])
    if not whole.any():
        return []
    label = f"Leave {int((~whole).sum()):,} of {len(whole):,} features out"
    return [Fix("leave out features", label, lambda d: replace(d, cells=changes.without_missing_features(d.cells, modality)))]


def _kind(finding: Finding, draft: Draft) -> list[Fix]:
    found = [_of_kind(finding.field, kind, words) for kind, words in KIND_WORDS.items()]
    if len(draft.cells.mod) > 1:
        remove = Fix("leave out", "Leave it out", lambda d: replace(d, cells=changes.without_modality(d.cells, finding.field)))
        return [*found, remove]
    return found


def _of_kind(modality: str, kind: str, label: str) -> Fix:
    return Fix(f"{modality} is {kind}", label, lambda d: replace(d, kinds=d.kinds | {modality: kind}))


def _batch(finding: Finding, draft: Draft) -> list[Fix]:
    return [Fix("no batch", "Do not correct for it", lambda d: replace(d, columns=replace(d.columns, batch=None)))]


_OFFERS: dict[str, Callable[[Finding, Draft], list[Fix]]] = {
    "names repeat": _names,
    "times are text": _text_times,
    "time missing": _no_time,
    "treatment missing": _no_treatment,
    "cells empty": _empty,
    "control unknown": _control,
    "no counts": _counts,
    "features repeat": _features,
    "values missing": _values,
    "kind unknown": _kind,
    "batch is time": _batch,
}

"""Guess which columns hold the time, the treatment, the batch and the cell states."""

from __future__ import annotations

import re

import pandas as pd
from mudata import MuData

from virtualcell.schema import Columns

WORDS = {
    "time": ("time", "day", "hour", "timepoint", "age", "minute", "week", "stage"),
    "perturbation": ("perturbation", "treatment", "condition", "stim", "stimulation", "drug", "guide", "compound"),
    "batch": ("batch", "donor", "replicate", "patient", "plate", "sample", "lane", "library"),
    "state": ("state", "celltype", "annotation", "cluster", "leiden", "louvain", "fate"),
}
"""Words in the name of a column that tell of each kind of fact, likeliest first."""

CONTROL = re.compile(
    r"^(control|ctrl|ctl|vehicle|dmso|untreated|unstimulated|unstim|mock|pbs|none|wt|nt|non.?targeting)(?![a-z0-9])",
    re.IGNORECASE,
)

UNITS = {"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "hpf": "h", "d": "d", "day": "d", "days": "d", "min": "min",
         "minute": "min", "minutes": "min", "week": "weeks", "weeks": "weeks"}  # fmt: skip

MOST_TIMES = 50


def guess_columns(mdata: MuData) -> Columns:
    """The likeliest columns by their names and values; ``None`` where nothing fits. A guess to confirm, not a finding."""
    times = time_candidates(mdata.obs)
    perturbation, control = _perturbation(mdata.obs)
    guessed = Columns(perturbation=perturbation, control=control)
    return Columns(
        time=times[0] if times else None,
        time_unit=next((UNITS[word] for word in _words(times[0]) if word in UNITS), guessed.time_unit) if times else "h",
        perturbation=perturbation,
        control=control,
        batch=_first(mdata.obs, "batch"),
        state=_first(mdata.obs, "state"),
        clones=next((key for key in mdata.obsm if "clone" in key.lower()), None),
    )


def time_candidates(obs: pd.DataFrame) -> list[str]:
    """Columns with 2 to 50 different numbers whose name tells of time, likeliest first."""
    return [column for column in _ranked(obs, "time") if _is_number(obs[column]) and 2 <= obs[column].nunique() <= MOST_TIMES]


def time_words(obs: pd.DataFrame) -> list[str]:
    """Columns of any values whose name tells of time, likeliest first."""
    return _ranked(obs, "time")


def control_names(values: pd.Series) -> list[str]:
    """Values that read like the name of untreated cells."""
    return [str(value) for value in pd.unique(values.dropna()) if CONTROL.match(str(value))]


def _perturbation(obs: pd.DataFrame) -> tuple[str | None, str]:
    for column in _ranked(obs, "perturbation"):
        controls = control_names(obs[column]) if not _is_number(obs[column]) else []
        if obs[column].nunique() > 1 and controls:
            return column, controls[0]
    return None, Columns().control


def _first(obs: pd.DataFrame, kind: str) -> str | None:
    return next((column for column in _ranked(obs, kind) if 2 <= obs[column].nunique() <= max(2, len(obs) // 5)), None)


def _ranked(obs: pd.DataFrame, kind: str) -> list[str]:
    ranked = [(_rank(column, WORDS[kind]), place, column) for place, column in enumerate(map(str, obs.columns))]
    return [column for _, _, column in sorted(part for part in ranked if part[0] < len(WORDS[kind]))]


def _rank(column: str, words: tuple[str, ...]) -> int:
    """Place in the list of the word that the name contains; the length of the list when there is none."""
    parts = _words(column)
    joined = "".join(parts)
    return next((rank for rank, word in enumerate(words) if word in parts or word + "s" in parts or word == joined), len(words))


def _words(column: str) -> list[str]:
    return [word for word in re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()) if word]


def _is_number(values: pd.Series) -> bool:
    kind = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)

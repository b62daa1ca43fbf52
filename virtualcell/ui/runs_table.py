"""All trainings side by side: what was set, and what they reached on cells kept aside."""

from __future__ import annotations

from typing import Any

import pandas as pd

from virtualcell import jobs
from virtualcell.demo import REPORT
from virtualcell.jobs.files import read_json
from virtualcell.ui.runs_words import duration, state_words
from virtualcell.ui.words import OURS, is_limit, is_ours

GAIN, SPREAD, RANK, HIDDEN = "Gain over the average cell", "± (95 %)", "Effective rank", "Hidden time"
"""Columns of figures on cells kept aside."""

MEASURE = "energy distance"
"""By which a hidden time is told here; the page Trajectories has all measures."""


def overview(found: list[jobs.Run]) -> pd.DataFrame:
    """One row a run, in the order given: what a reader chooses between at a glance."""
    rows = []
    for run in found:
        reached, status = jobs.figures(run), run.status()
        ours = run.settings
        rows.append(
            {
                "Model": run.name,
                "State": state_words(status),
                "Cells": run.n_cells,
                "State numbers": ours.autoencoder.latent_dim,
                "Passes": ours.autoencoder.epochs,
                "Steps": ours.predictor.steps,
                "Seed": ours.seed,
                GAIN: reached.get("nats_over_average"),
                SPREAD: None if (error := reached.get("nats_over_average_error")) is None else 1.96 * error,
                RANK: reached.get("effective_rank"),
                HIDDEN: hidden_words(run),
                "Trained in": duration(reached["seconds"]) if "seconds" in reached else "",
                "Started": pd.Timestamp(run.created, unit="s", tz="UTC").strftime("%Y-%m-%d %H:%M UTC"),
            }
        )
    return pd.DataFrame(rows)


def hidden_rows(run: jobs.Run) -> list[dict[str, Any]]:
    """What was measured at the hidden time, by energy distance: a row a method; empty where none was hidden."""
    path = run.model_folder / REPORT
    return [row for row in read_json(path)["rows"] if row["metric"] == MEASURE] if path.is_file() else []


def hidden_words(run: jobs.Run) -> str:
    """In a cell of the table: "1.05 (best simple rule 1.10)"."""
    rows = hidden_rows(run)
    ours = next((row["value"] for row in rows if row["method"] == OURS), None)
    others = [row["value"] for row in rows if not is_ours(row["method"]) and not is_limit(row["method"])]
    if ours is None or not others:
        return ""
    return f"{ours:.2f} (best simple rule {min(others):.2f})"


def comparison(found: list[jobs.Run]) -> pd.DataFrame:
    """What is known of each run, one column a run under "name (id)", one row a fact; all as text."""
    return pd.DataFrame({f"{run.name} ({run.id})": _facts(run) for run in found}).fillna("")


def differing(table: pd.DataFrame) -> pd.Series:
    """(facts,) bool: whether the runs differ in it."""
    return table.nunique(axis=1) > 1


def _facts(run: jobs.Run) -> dict[str, str]:
    ours = run.settings.to_dict()
    facts = {
        "file": run.file,
        "cells": f"{run.n_cells:,}",
        "measured": ", ".join(f"{name} {n:,}" for name, n in run.modalities.items()),
    }
    facts |= {f"column: {name}": str(value) for name, value in ours["columns"].items() if value is not None}
    for part in ("autoencoder", "predictor", "preprocess"):
        facts |= {f"{part}: {name}": _plain(value) for name, value in ours[part].items()}
    facts["seed"] = str(run.settings.seed)
    facts["tested on a hidden time"] = "yes" if run.measure else "no"
    facts |= {f"hidden time, {MEASURE}: {row['method']}": _plain(row["value"]) for row in hidden_rows(run)}
    return facts | {f"result: {name}": _plain(value) for name, value in _flat(jobs.figures(run)).items()}


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested figures as one level: {"of": {"rna": 1}} -> {"of, rna": 1}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        said = f"{before}{name.replace('_', ' ')}"
        found |= _flat(value, f"{said}, ") if isinstance(value, dict) else {said: value}
    return found


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    return str(value)

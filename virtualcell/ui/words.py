"""Sentences on screen that more than one page says, or that are computed from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SIMULATED = (
    "Simulated cells: computed, not measured. They show whether the method finds what was put in, and say nothing about biology."
)
ONE_TIME = (
    "These cells were measured at one time only, so nothing about how they move in time can be learned from them. "
    "No trajectory is shown, because it would be made up."
)
NO_ENERGY = "No landscape can be learned from these cells: they have neither several times nor treated beside untreated cells."
MAP = "Each point is a cell; cells that the model reads alike lie close together. Distances between far groups mean little."
SENSITIVITY = (
    "Model sensitivity, not causal evidence: the gene is taken out of what the model reads, which shows what the "
    "prediction depends on. "
    "It does not show what would happen to a living cell."
)
DRUG_IS_TIME = (
    "Drug and time are the same variable here: no untreated cells were measured later, so the two cannot be told apart."
)


def verdict(rows: Sequence[dict[str, Any]], ours: str, not_baselines: Sequence[str] = ()) -> str:
    """One sentence: is ours better than the best baseline in rows of one measure where smaller is better? Intervals decide."""
    mine = next((row for row in rows if row["method"] == ours), None)
    others = [row for row in rows if row["method"] != ours and row["method"] not in not_baselines]
    if mine is None or not others:
        return "No comparison with simpler predictions has been made here."
    best = min(others, key=lambda row: row["value"])
    said = f"{best['method']} ({best['value']:.3g})"
    if mine["value"] >= best["value"]:
        return f"Not better than the best baseline here: {said} does as well or better than this model ({mine['value']:.3g})."
    apart = mine.get("high") is not None and best.get("low") is not None and mine["high"] < best["low"]
    if apart:
        return f"Better than the best baseline here, {said}: this model {mine['value']:.3g}, and the intervals do not overlap."
    return f"Not clearly better than the best baseline here, {said}: this model {mine['value']:.3g}, but the intervals overlap."


def is_ours(method: str) -> bool:
    """Whether a row of a report is the model's own."""
    return method.lower().startswith(("virtualcell", "this model", "ours"))


def is_floor(method: str) -> bool:
    """Whether a row of a report is the noise floor, which is no prediction."""
    return "floor" in method.lower()

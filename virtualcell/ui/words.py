"""Sentences on screen that more than one page says, or that are computed from numbers."""

from __future__ import annotations

import re
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
    "Model sensitivity, not causal evidence: an edit shows which genes are read together, not which one drives the others. In "
    "blood cells with interferon, the one place where this was tested, raising genes made at the end of the response looks more "
    "like it than raising those that carry its signal, and plain co-expression comes nearer still."
)
"""Of ``benchmarks.perturbation --parts edits``."""
DRUG_IS_TIME = (
    "Drug and time are the same variable here: no untreated cells were measured later, so the two cannot be told apart."
)


MEASURED = {"rna": "genes", "atac": "chromatin regions", "prot": "surface proteins"}
"""What a feature of each kind of measurement is called."""

OURS = "VirtualCell"
"""Name of the model's own row in a report."""

FLOWS = "VirtualCell flows"
"""Our flows between measured times: not what pages draw, and no baseline either."""

NOISE_LEARNED = (
    ":orange[**The noise D was learned.**] Heights are in units of it. In simulated cells whose passes are known, a learned D "
    "made them about 45 % too low, outside their intervals, while valleys and fates were right: take heights as an order, not as "
    "amounts."
)
"""Of ``benchmarks.landscape``, three wells with the noise learned."""


_SIGNS = re.compile(r"[\\`*\[\]<>$~]|:(?=[a-z])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What Markdown takes for a command: emphasis, code, links and pictures, tags, formulas, colours and emoji."""


def literal(text: str) -> str:
    """Markdown that shows a text as it is written. For what readers, links and files name: a name must not become a picture that
    is fetched from another host, nor a formula."""
    return _SIGNS.sub(lambda sign: f"\\{sign[0]}", text)


def measured(simulated: bool) -> str:
    """What the cells of a data set are: simulated ones are never called measured."""
    return "simulated" if simulated else "measured"


def of_kind(text: str, simulated: bool) -> str:
    """A sentence about measured cells, said of simulated ones where they are."""
    return text.replace("measured", "simulated").replace("Measured", "Simulated") if simulated else text


def is_limit(method: str) -> bool:
    """Whether a row is what noise in the measured cells alone gives, which is no prediction."""
    return method.startswith(("floor", "ceiling"))


def is_ablation(method: str) -> bool:
    """Whether a row is our own model with a part taken out, which is no baseline."""
    return method.startswith(f"{OURS} without")


def listed(parts: Sequence[str]) -> str:
    """One after the other: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def is_ours(method: str) -> bool:
    """Whether a row is one of our own methods, which is no baseline for another of ours."""
    return method == OURS or method.startswith(FLOWS) or is_ablation(method)


def larger_is_better(measure: str) -> bool:
    """Correlations and shares that are right grow with the quality of a prediction, distances and errors shrink."""
    grows = ("Pearson", "overlap", "direction", "discrimination", "AUROC, ", "accuracy, ", "adjusted Rand", "ARI ", "|rho| ")
    return measure.startswith((*grows, "purity"))


def verdict(rows: Sequence[dict[str, Any]], ours: str = OURS) -> str:
    """One sentence on rows of one measure: is ours better than the best baseline? Intervals decide."""
    mine = next((row for row in rows if row["method"] == ours), None)
    others = [row for row in rows if row is not mine and not is_limit(row["method"]) and not is_ours(row["method"])]
    if mine is None or not others:
        return "No comparison with simpler predictions has been made here."
    # Where larger is better, all is compared with the sign turned.
    sign = -1 if larger_is_better(rows[0]["metric"]) else 1
    best = min(others, key=lambda row: sign * row["value"])
    said, ours = f"{best['method']} ({best['value']:.3g})", f"{mine['value']:.3g}"
    if len(mine.get("seeds", ())) == 1 and mine["low"] is None:
        return f"Measured once: this model {ours}, the best baseline here {said}. One run has no interval, so no verdict."
    if sign * mine["value"] >= sign * best["value"]:
        gap = best["high"] is not None and mine["low"] is not None
        if gap and (best["high"] < mine["low"] if sign > 0 else best["low"] > mine["high"]):
            return f"**Worse** than the best baseline here, {said}: this model reaches {ours}, and the intervals do not overlap."
        return f"**Not better** than the best baseline here: {said} does as well as this model ({ours}) or better."
    if mine["high"] is not None and best["low"] is not None:
        worst_ours, best_theirs = (mine["high"], best["low"]) if sign > 0 else (mine["low"], best["high"])
        if sign * worst_ours < sign * best_theirs:
            return (
                f"**Better** than the best baseline here, {said}: this model reaches {ours}, and the intervals over reruns do "
                "not overlap. With other cells both could come out differently."
            )
    if mine["high"] is None or best["low"] is None:
        return f"**Not clearly better** than the best baseline here, {said}: this model reaches {ours}; no interval was computed."
    return f"**Not clearly better** than the best baseline here, {said}: this model reaches {ours}, but the intervals overlap."

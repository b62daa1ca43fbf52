"""Rows, claims and the leaderboard from the figures of every seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.multiomics.translation import AUROC, GAIN, NATS, NULL, OURS, PEARSON, PROTEIN, RANK, RMSE, SECONDS, TIME, Found
from virtualcell.evaluation.intervals import seed_interval
from virtualcell.evaluation.report import Claim, Row

RIDGE, KNN = "ridge, tuned", "kNN, tuned"
PEERS = ("MULTIVI", "TOTALVI", "UniVI")
COLUMNS = {AUROC: True, GAIN: True, PEARSON: True, PROTEIN: True, RMSE: False, NATS: True, TIME: True, SECONDS: False}
"""Columns of the leaderboard and whether more is better."""


def rows_of(key: str, tables: Sequence[Found], seeds: Sequence[int]) -> list[Row]:
    """A line for each method and metric, over the seeds that have it."""
    where = f"{key}, held-out cells"
    rows = []
    for method in dict.fromkeys(name for t in tables for name in t):
        for metric in dict.fromkeys(name for t in tables for name in t.get(method, {})):
            found = {s: t[method][metric] for s, t in zip(seeds, tables, strict=True) if metric in t.get(method, {})}
            rows.append(Row.over_seeds(method, metric, list(found.values()), where=where, seeds=tuple(found)))
    return rows


def leaderboard(tables: Sequence[Found]) -> dict[str, Any]:
    """Figures with intervals over seeds by method, for the page; null where a method says nothing of a metric."""
    columns = [c for c in COLUMNS if any(c in figures for figures in tables[0].values())]
    rows = []
    for method in dict.fromkeys(name for t in tables for name in t):
        group = "ours" if method == OURS or method.startswith("fusion") else "peer" if method.startswith(PEERS) else "baseline"
        values: list[list[float] | None] = []
        for column in columns:
            found = [t[method][column] for t in tables if column in t.get(method, {})]
            if not found:
                values.append(None)
            elif len(found) == 1:
                values.append([found[0]] * 3)
            else:
                interval = seed_interval(found)
                values.append([interval.value, interval.low, interval.high])
        rows.append({"method": method, "group": group, "values": values})
    return {"columns": columns, "higher_is_better": [COLUMNS[c] for c in columns], "rows": rows}


def claims_of(key: str, tables: Sequence[Found]) -> list[Claim]:
    """What we say of ourselves, by the worst seed where a claim is made for every seed."""

    def worst(metric: str, other: str, sign: float = 1.0) -> float:
        return float(min(sign * (t[OURS][metric] - t[other][metric]) for t in tables))

    if OURS not in tables[0]:
        return []
    claims = []
    if key == "a549":
        claims += [
            Claim("A549, RNA to ATAC: AUROC over tuned ridge, worst seed", worst(AUROC, RIDGE), ">=", 0.004),
            Claim("A549, RNA to ATAC: gain in nats a cell, mean of seeds", _mean(tables, OURS, GAIN), ">=", 3.4),
            Claim("A549, ATAC to RNA: Pearson over tuned ridge, worst seed", worst(PEARSON, RIDGE), ">=", -0.002),
            Claim("A549: time read from the joint latent, mean of seeds", _mean(tables, OURS, TIME), ">=", 0.9),
        ]
        for peer in ("MULTIVI", "UniVI"):
            if all(peer in t for t in tables):
                claims += [
                    Claim(f"A549, RNA to ATAC: AUROC over {peer}, worst seed", worst(AUROC, peer), ">", 0.0),
                    Claim(f"A549, ATAC to RNA: Pearson over {peer}, worst seed", worst(PEARSON, peer), ">", 0.0),
                ]
        best = "MULTIVI, its best checkpoint on the test cells"
        if all(best in t for t in tables):
            claims.append(
                Claim("A549, RNA to ATAC: AUROC over MULTIVI's best checkpoint, worst seed", worst(AUROC, best), ">", 0.0)
            )
    else:
        better = [max(t[RIDGE][PROTEIN], t[KNN][PROTEIN]) for t in tables]
        error = [min(t[RIDGE][RMSE], t[KNN][RMSE]) for t in tables]
        claims += [
            Claim(
                "PBMC, RNA to protein: Pearson over the better of ridge and kNN, mean of seeds",
                float(np.mean([t[OURS][PROTEIN] - b for t, b in zip(tables, better, strict=True)])),
                ">=",
                -0.01,
            ),
            Claim(
                "PBMC, RNA to protein: RMSE over the better of ridge and kNN, mean ratio",
                float(np.mean([t[OURS][RMSE] / e for t, e in zip(tables, error, strict=True)])),
                "<=",
                1.03,
            ),
        ]
        if all("TOTALVI" in t for t in tables):
            claims.append(Claim("PBMC, RNA to protein: Pearson over TOTALVI, worst seed", worst(PROTEIN, "TOTALVI"), ">", 0.0))
    return claims


def _mean(tables: Sequence[Found], method: str, metric: str) -> float:
    return float(np.mean([t[method][metric] for t in tables]))


__all__ = ["NULL", "RANK", "claims_of", "leaderboard", "rows_of"]

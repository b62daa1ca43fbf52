"""Which features differ between two groups of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.stats import false_discovery_control

from virtualcell.explore.amounts import PSEUDOCOUNT, amounts
from virtualcell.explore.pseudobulk import LEAST_CELLS, LEAST_COUNTS, pseudobulk
from virtualcell.explore.rank_sum import rank_sum
from virtualcell.schema import DataError

TESTS = {"wilcoxon": "cell by cell (Wilcoxon)", "pseudobulk": "sample by sample (t-test on sums)"}
"""Name of a test -> what a reader chooses."""

LEAST = 3
"""Cells a side."""

DEEPER = 1.25
"""Ratio of counts a cell between the sides from which the ranks of cells are said to follow it."""


def compare(
    adata: AnnData,
    first: np.ndarray,
    second: np.ndarray | None = None,
    *,
    test: str = "wilcoxon",
    replicates: Any = None,
) -> pd.DataFrame:
    """Every feature of one modality, cells ``first`` against cells ``second`` (``None``: against all others).

    adata: a prepared modality (RNA, ATAC, protein or any other kind); it is not changed. first, second: rows (integers) or
    boolean (cells,). test: ``"wilcoxon"``, cells as units, or ``"pseudobulk"``, samples as units, with ``replicates`` the
    sample (donor, batch) of every cell, (cells,) labels.

    Returns one row a feature, highest score first:
    ``gene`` (RNA) or ``feature``; ``log2_fold_change`` (``difference`` where values are no counts); ``adjusted_p``
    (Benjamini-Hochberg over the tested features; NaN where not tested); ``p_value``; ``score`` (z, or t of samples), above 0
    where the first side is higher; ``percent_first``, ``percent_second`` (cells in which it was seen, %; NaN for what is not
    counted); ``mean_first``, ``mean_second`` (in ``attrs["unit"]``). Wilcoxon: the fold change is the ratio of mean counts per
    10,000, both plus ``PSEUDOCOUNT``. Pseudobulk: the difference of mean log2 counts per million, of which the test is made.

    Cells on both sides count for the first alone, and cells in which the modality was not measured for neither; ``attrs`` says
    how many, and ``describe`` puts all of it into words. Raises DataError where a side is left with fewer than three cells,
    where both are the same cells, or where there are too few replicates.

    Cells of one sample are not independent: Wilcoxon p-values hold for these samples only and are far too small as a statement
    about others (Squair et al. 2021). With two or more samples a side, test samples.
    """
    if test not in TESTS:
        raise DataError(f"There is no test {test!r}.", next_step=f"choose one of {', '.join(TESTS)}.", field="test")
    data = amounts(adata)
    a, b, facts = _sides(first, second, data.measured)
    p_value: np.ndarray
    means = data.mean(a), data.mean(b)
    facts |= {"test": test, "kind": data.kind, "unit": data.unit, "n_first": len(a), "n_second": len(b)}
    if test == "wilcoxon":
        both = np.concatenate([a, b])
        score, p_value = rank_sum(data.values[both], np.arange(len(both)) < len(a))
        change = data.change(*means)
        if data.depth is not None and data.kind in ("rna", "atac"):
            facts["depths"] = float(np.median(data.depth[a])), float(np.median(data.depth[b]))
    else:
        if replicates is None or len(replicates) != adata.n_obs:
            raise DataError(
                "Nothing says which sample (donor, batch) each cell is from.",
                next_step="name the column that does, or compare cells (Wilcoxon).",
                field="replicates",
            )
        found = pseudobulk(data, a, b, np.asarray(replicates))
        score, p_value, change = found.score, found.p_value, found.change
        facts |= {
            "paired": found.paired,
            "replicates_first": list(found.first),
            "replicates_second": list(found.second),
            "left_out": list(found.left_out),
        }
    adjusted = np.full(len(p_value), np.nan)
    tested = np.isfinite(p_value)
    if tested.any():
        adjusted[tested] = false_discovery_control(p_value[tested], method="bh")
    facts |= {"tested": int(tested.sum()), "change": "log2_fold_change" if data.ratio else "difference"}
    table = pd.DataFrame(
        {
            "gene" if data.kind == "rna" else "feature": adata.var_names.to_numpy(),
            facts["change"]: change,
            "adjusted_p": adjusted,
            "p_value": p_value,
            "score": score,
            "percent_first": data.percent(a),
            "percent_second": data.percent(b),
            "mean_first": means[0],
            "mean_second": means[1],
        }
    )
    table = table.sort_values("score", ascending=False, kind="stable", na_position="last", ignore_index=True)
    table.attrs = facts
    return table


def describe(table: pd.DataFrame, first: str = "the selection", second: str = "the others", *, drawn: bool = False) -> str:
    """What a table of ``compare`` is, in sentences for a caption or a methods section.

    first, second: what the sides are called. drawn: whether cells were chosen on a map of the same data.
    """
    facts = table.attrs
    said = [f"{facts['n_first']:,} cells of {first} against {facts['n_second']:,} of {second}."]
    if facts["test"] == "wilcoxon":
        said.append("Wilcoxon rank-sum test, two-sided, normal approximation with ties corrected.")
        if facts["kind"] in ("rna", "atac"):
            said.append(f"Fold changes are ratios of mean {facts['unit']}, {PSEUDOCOUNT:g} added to both.")
        elif facts["kind"] == "protein":
            said.append("Fold changes are differences of mean centred log ratios, in log2.")
        if min(facts["n_first"], facts["n_second"]) < 10:
            said.append("Below ten cells a side the p-values are rough.")
        first_depth, second_depth = facts.get("depths", (1.0, 1.0))
        said.append(_deeper(first_depth, second_depth, first, second))
        said.append("Cells of one sample are not independent: read p-values as an order, not as proof.")
    else:
        n = len(facts["replicates_first"]), len(facts["replicates_second"])
        kind = f"Paired t-test over {n[0]} samples" if facts["paired"] else f"Welch t-test, {n[0]} against {n[1]} samples"
        scale = {"protein": "centred log ratios of summed counts", "rna": "log2 counts per million of summed counts"}
        scale["atac"] = "log2 open peaks per million of summed cells"
        said.append(f"{kind}, on {scale.get(facts['kind'], 'means')}.")
        if min(n) < 3:
            said.append("With two samples a side next to nothing can be found, and what is not found may still differ.")
        if facts["kind"] in ("rna", "atac", "protein"):
            said.append(f"Features with fewer than {LEAST_COUNTS} counts on a side, found or to be expected, were not tested.")
        if facts["left_out"]:
            said.append(f"Left out: {', '.join(facts['left_out'])}; sums need {LEAST_CELLS} cells.")
    if drawn:
        said.append("The cells were chosen on a map of the same measurements, which alone makes p-values too small.")
    said.append(f"p-values are adjusted over {facts['tested']:,} features (Benjamini-Hochberg).")
    if facts["shared"]:
        said.append(f"{facts['shared']:,} cells on both sides were counted on the first alone.")
    if facts["unmeasured"]:
        said.append(f"{facts['unmeasured']:,} cells were left out because nothing of this kind was measured in them.")
    return " ".join(part for part in said if part)


def _deeper(first_depth: float, second_depth: float, first: str, second: str) -> str:
    """What must be said where the cells of one side hold more counts than those of the other."""
    more = max(first_depth, second_depth) / max(min(first_depth, second_depth), 1.0)
    if more < DEEPER:
        return ""
    which, other = (first, second) if first_depth > second_depth else (second, first)
    return (
        f"A cell of {which} holds {more:.1f} times the counts of one of {other} (medians): ranks follow that as well, so genes "
        "differ by it alone; look at the fold change."
    )


def _sides(first: Any, second: Any, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Sorted rows of the two sides without overlap and without unmeasured cells, and how many were left out."""
    n = len(measured)
    a = _as_rows(first, n, "first")
    b = np.setdiff1d(np.arange(n), a) if second is None else _as_rows(second, n, "second")
    if len(a) and np.array_equal(a, b):
        raise DataError("Both sides are the same cells.", next_step="choose other cells for one of them.", field="second")
    shared = np.intersect1d(a, b)
    b = np.setdiff1d(b, shared)
    unmeasured = int((~measured[a]).sum() + (~measured[b]).sum())
    a, b = a[measured[a]], b[measured[b]]
    if min(len(a), len(b)) < LEAST:
        raise DataError(
            f"A comparison needs at least {LEAST} cells on each side; there are {len(a)} and {len(b)}"
            + (f" ({len(shared)} cells are on both sides)" if len(shared) else "")
            + (f" ({unmeasured} cells were not measured)" if unmeasured else "")
            + ".",
            next_step="choose more cells.",
            field="first" if len(a) < LEAST else "second",
        )
    return a, b, {"shared": len(shared), "unmeasured": unmeasured}


def _as_rows(rows: Any, n: int, field: str) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        return np.flatnonzero(rows)
    if rows.size == 0:
        return np.empty(0, dtype=np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n:
        raise DataError(f"These are no rows of {n} cells.", next_step=f"give numbers from 0 to {n - 1}.", field=field)
    return np.unique(rows.astype(np.int64))

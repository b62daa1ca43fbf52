"""How well predictions did on cells that no part of the training saw, beside simpler predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.gene_curves import gene_curves
from virtualcell.figures.heldout import heldout
from virtualcell.ui import measured, words
from virtualcell.ui.parts import chart, heldout_panels
from virtualcell.ui.theme import look


def honesty(b: Bundle) -> None:
    """A panel for each measure in the demo's report, and its claims; without a report, says that nothing was tested."""
    st.markdown("##### How far can this be trusted?")
    panels = {
        place: rows
        for place, rows in heldout_panels(b.report["rows"]).items()
        if len(rows) > 1 and any(row["method"] == words.OURS for row in rows)
    }
    if not panels:
        said = "No held-out test was made for these cells, so nothing here says how close the predictions come to the truth."
        st.info(said, icon=None)
        return
    for where in dict.fromkeys(where for where, _ in panels):
        st.markdown(
            f"The whole model was trained again without some cells, which it then had to predict: {where}. "
            "Intervals are over reruns with other seeds."
        )
        mine = [(metric, rows) for (place, metric), rows in panels.items() if place == where]
        for start in range(0, len(mine), 2):
            for column, (metric, rows) in zip(st.columns(2, gap="large"), mine[start : start + 2], strict=False):
                with column:
                    _panel(b, where, metric, rows)
    _curves(b)
    _small_print(b)


def _panel(b: Bundle, where: str, metric: str, rows: list[dict[str, Any]]) -> None:
    names = [row["method"] for row in rows]
    value = np.array([row["value"] for row in rows])
    low = np.array([row["value"] if row["low"] is None else row["low"] for row in rows])
    high = np.array([row["value"] if row["high"] is None else row["high"] for row in rows])
    limit = next((name for name in names if words.is_limit(name)), None)
    larger = words.larger_is_better(metric)
    st.markdown(f"**{metric}** :gray[({'larger' if larger else 'smaller'} is better)]")
    fig = heldout(names, value, low, high, ours=words.OURS, limit=limit, larger_is_better=larger, measure=metric, look=look())
    chart(fig, f"heldout-{where}-{metric}", alt=f"{metric} of each method, {where}", file=f"{b.demo.key}-heldout")
    st.markdown(words.verdict(rows))


def _curves(b: Bundle) -> None:
    # Predicted by the model that never saw the held-out time; the measured points show all times.
    curves = b.report.get("curves", {})
    genes = list(curves.get("genes", {}))
    if not genes:
        return
    unit = b.demo.columns.time_unit
    points = measured.points(b, genes)
    held = points.times == b.report["held"]
    st.markdown(f"Genes, predicted by the model that never saw the cells of {b.report['held']:g} {unit}:")
    fig = gene_curves(
        np.array(curves["times"]),
        np.stack([curves["genes"][gene] for gene in genes], axis=1),
        None,
        None,
        genes,
        measured_times=points.times,
        measured_mean=np.log1p(points.mean),
        # The slope of log1p turns an error of the mean into one of its logarithm.
        measured_error=points.error / (1 + points.mean),
        unit=unit,
        amount="log1p counts per 10,000",
        unseen=held,
        look=look(),
    )
    chart(fig, "heldout-curves", alt=f"Held-out prediction of {', '.join(genes)}", file=f"{b.demo.key}-heldout-genes")


def _rounded(target: str) -> str:
    sign, number = target.split(" ", 1)
    return f"{sign} {float(number):.3g}"


def _small_print(b: Bundle) -> None:
    for claim in b.report["claims"]:
        sign = ":green[holds]" if claim["holds"] else ":red[does not hold]"
        st.markdown(f"{sign}: {claim['name']} ({claim['value']:.3g}, target {_rounded(claim['target'])})")
    rows = b.report["rows"]
    kinds = sorted({row["interval"] for row in rows if row["interval"]})
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    if any("seed noise" in claim["name"] for claim in b.report["claims"]):
        st.caption("By more than seed noise: the worse end of our interval against the better end of theirs.")
    said = ["W1 and energy distance: how far the predicted cells as a whole lie from the measured ones."]
    if any(words.is_limit(row["method"]) for row in rows):
        said.append(
            "Dotted line: two halves of the measured cells against each other, what noise alone gives (for W1 at half the cells)."
        )
    said += [f"Intervals: {'; '.join(kinds)}."] if kinds else []
    said += [f"Random seeds: {', '.join(map(str, seeds))}."] if seeds else []
    st.caption(" ".join(said))

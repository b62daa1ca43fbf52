"""How near drawn cells came to cells that nothing had learned from: what ``python -m benchmarks.generate`` found for a demo."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.heldout import heldout
from virtualcell.ui import state, words
from virtualcell.ui.modalities import called
from virtualcell.ui.parts import chart, heldout_panels, table_download
from virtualcell.ui.theme import look

GENERATE = "generate.json"
"""What the benchmark writes beside the model."""


@st.cache_data(max_entries=8, show_spinner="Reading what was measured on held-out cells …")
def _report(folder: Path, stamp: int) -> dict[str, Any] | None:
    path = folder / GENERATE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def report(folder: Path) -> dict[str, Any] | None:
    """Rows and claims of the benchmark beside a model; None where it was not run for it."""
    return _report(folder, state.changed(folder))


HEADING = "How near it came on cells that nothing had learned from"


def judged(
    b: Bundle, where: str, heading: str = HEADING, *, ours: str = words.OURS, about: str = "", folder: Path | None = None,
    note: str = "", covered: bool = True,
) -> None:  # fmt: skip
    """The figures of the benchmark whose place begins with ``where``, beside simpler ways: two at once, the others in a table.
    Says so where nothing was measured. ours: name of our own rows; about: word that the names of the measures must have, all of
    them without; folder: of the model, the demo's without; note: how the test differs from what is shown; covered: whether single
    readings have intervals, of which it is said how often they hold."""
    st.markdown(f"##### {heading}")
    found = report(folder or b.folder) or {}
    rows = [row for row in found.get("rows", []) if row["where"].startswith(where) and _names(row["metric"], about)]
    panels = {metric: mine for (_, metric), mine in heldout_panels(rows).items() if _drawable(mine, ours)}
    if not rows:
        st.markdown("No held-out test of this is kept with the model, so nothing here says how close it comes to the truth.")
        return
    if note:
        st.markdown(note)
    if panels:
        first = sorted(panels, key=_order)[:2]
        for column, metric in zip(st.columns(2, gap="large"), first, strict=False):
            with column:
                _panel(b, metric, panels[metric], ours, where)
    mine = {row["metric"]: row["value"] for row in rows if row["method"] == ours}
    held = mine.get(f"{INTERVAL}share inside", mine.get(COVERED))
    if held is not None and covered:
        said = f"Its 90 % intervals held {100 * held:.0f} % of what was then measured; 90 % would be right."
        st.markdown(words.of_kind(said, b.demo.simulated))
    claims = [claim for claim in found.get("claims", []) if where in claim["name"] and _names(claim["name"], about)]
    with st.expander("Every number and claim of this test"):
        for claim in claims:
            sign = ":green[holds]" if claim["holds"] else ":red[does not hold]"
            st.markdown(f"{sign}: {claim['name']} ({claim['value']:.3g}, target {claim['target']})")
        table = pd.DataFrame(
            [
                {
                    "method": r["method"],
                    "measure": _measure(r["metric"], ours),
                    "value": r["value"],
                    "low": r["low"],
                    "high": r["high"],
                }
                for r in rows
            ]
        )
        st.dataframe(table, hide_index=True)
        table_download(b, pd.DataFrame(rows).drop(columns="seeds"), f"generate-{about}" if about else "generate")


COVERED, INTERVAL = "share inside the 90 % interval", "90 % intervals of all features: "
PAIRED = " minus another"
"""Ends the name of a measure whose rows are differences on the same splits, ours minus the row's method."""
SCORE, BLIND = "energy score a cell", "training cells at random"
LITTLE = 0.1
"""Share by which draws must come nearer to a cell's measurement than cells at random do; of less, the source tells a little."""
# Best at a value between: neither the largest nor the smallest is the winner, so they are told and not ranked.
UNRANKED = (
    COVERED, f"in the measurement: {COVERED}", INTERVAL, "distance to training over held-out", "share nearer to training cells",
    "width of", "share of the rarest", "share of cells",
)  # fmt: skip
# Cells taken at random have the right mixture by themselves: whether a draw fits its cell is told before the mixture.
FIRST = ("energy distance, source", "energy score", "energy distance", "AUROC", "accuracy", "adjusted Rand", "ARI", "purity")
"""Begin the names of the measures that are drawn at once, the most telling first."""

IN_WORDS = {
    "energy distance, source and target": "Do measured and drawn go together as in measured cells? 0: alike.",
    "energy distance, target": "Are drawn cells as a whole like measured ones? 0: alike.",
    "energy score a cell": "How far the draws for a cell lie from what was measured in it.",
    "AUROC of drawn": "How often is a drawn picture told from a real one? 0.5: as by chance, 1: always.",
    "AUROC, own": "How often what belongs to a cell scores higher than what does not. 1: always, 0.5: as by chance.",
    "accuracy": "Share of the cells whose own label is the most plausible one.",
    "ARI": "Do the kinds that the model found agree with the known ones? 1: entirely, 0: as by chance (adjusted Rand index).",
    "|rho|": "Does the best knob follow the time (rank correlation)? 1: entirely, 0: not at all.",
}
"""What measures ask, by how their names begin, the longer name first."""


def _names(said: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", said) is not None if word else True


def _order(metric: str) -> int:
    return next((i for i, name in enumerate(FIRST) if metric.startswith(name)), len(FIRST))


def _drawable(rows: list[dict[str, Any]], ours: str) -> bool:
    if rows[0]["metric"].startswith(UNRANKED) or rows[0]["metric"].endswith(PAIRED):
        return False
    return len(rows) > 1 and any(row["method"] == ours for row in rows)


def _measure(metric: str, ours: str) -> str:
    """A measure as the table calls it; of paired rows, what was subtracted from what."""
    name, paired, _ = metric.partition(f", {ours}{PAIRED}")
    return f"{name}: {ours} minus this method, on the same splits" if paired else metric


def told_by(b: Bundle, source: str, target: str) -> str:
    """How much one measurement tells of another in a cell, by the held-out test: one sentence, "" where it was not made."""
    where = f"{b.demo.key}, {source} to {target}, held-out cells"
    found = {(r["metric"], r["method"]): r for r in (report(b.folder) or {}).get("rows", []) if r["where"] == where}
    ours, blind = found.get((SCORE, words.OURS)), found.get((SCORE, BLIND))
    if ours is None or blind is None:
        return ""
    difference = found.get((f"{SCORE}, {words.OURS}{PAIRED}", BLIND))
    better = _below(ours["high"], blind["low"]) if difference is None else _below(difference["high"], 0.0)
    columns, (x, y) = b.demo.columns, (called(source), called(target))
    like = next((f" of its {name}" for name, column in (("kind", columns.state), ("time", columns.time)) if column), "")
    nearer = 1 - ours["value"] / blind["value"]
    said = (
        f"On held-out cells, what is drawn from {x} lies {abs(nearer):.0%} {'nearer to' if nearer > 0 else 'further from'} what "
        f"was measured in a cell than training cells{like} at random do (energy score {ours['value']:.3g} against "
        f"{blind['value']:.3g})"
    )
    if not better:
        said += f", which is not clearly better: **{x} hardly tells a cell's {y}**."
    else:
        said += f": **{x} tells {'a little' if nearer < LITTLE else 'much'} of a cell's {y}**."
    return words.of_kind(said, b.demo.simulated)


def _below(high: float | None, bound: float | None) -> bool:
    return high is not None and bound is not None and high < bound


def _panel(b: Bundle, metric: str, rows: list[dict[str, Any]], ours: str, where: str) -> None:
    names, value = [row["method"] for row in rows], np.array([row["value"] for row in rows])
    low, high = (np.array([row["value"] if row[end] is None else row[end] for row in rows]) for end in ("low", "high"))
    limit = next((name for name in names if words.is_limit(name)), None)
    larger = words.larger_is_better(metric)
    better = f":gray[({'larger' if larger else 'smaller'} is better)]"
    asks = next((said for name, said in IN_WORDS.items() if metric.startswith(name)), None)
    if asks is None:
        st.markdown(f"**{words.literal(metric)}** {better}")
    else:
        # The question for everyone; the measure's name for those who know it.
        question, *scale = re.split(r"(?<=[?.]) ", words.of_kind(asks, b.demo.simulated), maxsplit=1)
        st.markdown(f"**{question.removesuffix('.')}** {better}")
        st.caption(" ".join([*scale, f"Measure: {words.literal(metric)}."]))
    fig = heldout(names, value, low, high, ours=ours, limit=limit, larger_is_better=larger, measure=metric, look=look())
    chart(fig, f"tested-{where}-{metric}", alt=f"{metric} of each method", file=f"{b.demo.key}-generate-tested")
    st.markdown(words.verdict(rows, ours))

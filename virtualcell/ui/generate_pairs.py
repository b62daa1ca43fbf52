"""Generate, fifth view: do two measurements, or a measurement and a label, belong to the same cell?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from sklearn.metrics import roc_auc_score

from virtualcell.demo import Bundle
from virtualcell.evaluation.multiomics import permuted
from virtualcell.figures.pair_figures import pair_scores
from virtualcell.generative.adversary_suspects import Suspects
from virtualcell.ui import code_generate, modalities, state
from virtualcell.ui import generate as g
from virtualcell.ui.generate_labels import MOST, plausible
from virtualcell.ui.generate_refused import refused
from virtualcell.ui.generate_tested import judged
from virtualcell.ui.generate_turn import told_apart
from virtualcell.ui.modalities import called, with_measured
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

FEWEST = 20
RESAMPLES = 200
SURE = 0.9
"""AUROC from which single pairs are said to be found."""


@dataclass(frozen=True)
class Scores:
    """Of the same cells, (cells,): how well their own target fits, and another cell's, without those of which either is refused;
    how often a true pair scores higher, with its 95 % interval (NaN where fewer than twenty are left); what is suspicious."""

    true: np.ndarray
    shuffled: np.ndarray
    auroc: float
    low: float
    high: float
    suspects: Suspects


@dataclass(frozen=True)
class Refused:
    """Too few cells are left to be scored; why: of each cell, "" where there is no reason."""

    why: tuple[str, ...]


@st.cache_resource(max_entries=16, show_spinner="Scoring pairs, true and shuffled …")
def _scores(key: str, stamp: int, packed: bytes, source: str, target: str, within: str | None, seed: int) -> Scores | Refused:
    b = state.bundle(key)
    rows = np.frombuffer(packed, dtype=np.int64)
    cells = b.cells[rows].copy()
    order = permuted(np.arange(len(rows)), seed, None if within is None else state.values(b, within)[rows])
    true = b.model.pair_scores(cells, source=source, target=target)
    shuffled = b.model.pair_scores(cells, source=source, target=target, order=order)
    kept = np.isfinite(true) & np.isfinite(shuffled)
    if kept.sum() < FEWEST:
        why = b.model.refusals(cells, source, target)
        return Refused(tuple(str(reason) for reason in why))
    suspects = b.model.suspicious_pairs(cells, source=source, target=target, within=within, seed=seed)
    return Scores(true[kept], shuffled[kept], *auroc(true[kept], shuffled[kept], seed), suspects)


def auroc(true: np.ndarray, shuffled: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Chance that a true pair scores higher than a shuffled one, with a 95 % interval by resampling cells; both (cells,), of the
    same cells."""
    told = np.r_[np.ones(len(true)), np.zeros(len(shuffled))]
    value = float(roc_auc_score(told, np.r_[true, shuffled]))
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(true), len(true)) for _ in range(RESAMPLES)]
    again = [roc_auc_score(told, np.r_[true[some], shuffled[some]]) for some in draws]
    low, high = np.quantile(again, [0.025, 0.975])
    return value, float(low), float(high)


def pairs(b: Bundle) -> g.Shown | None:
    """Draws the view; None where it has nothing to show."""
    known = b.model.pairs
    if known is None:
        g.not_made(b, "The judge of pairs", "pairs")
        return None
    if known.pairs:
        found = _measurements(b, {f"{called(x)} and {called(y)}": (x, y) for x, y in known.pairs})
    else:
        found = None
        st.markdown("No two measurements were made in enough of these cells to learn which belong together; labels can be asked.")
    parts = [part for part in (found, plausible(b, set(known.labels))) if part is not None]
    if not parts:
        return None
    return g.Shown(
        code=lambda: "\n\n".join(part.code() for part in parts),
        methods=lambda: " ".join(part.methods() for part in parts),
        facts=tuple(fact for part in parts for fact in part.facts),
    )


def _measurements(b: Bundle, ways: dict[str, tuple[str, str]]) -> g.Shown | None:
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        source, target = ways[st.selectbox("Measurements", list(ways), key=state.own(b, "pairs-way"), bind="query-params")]
        group, rows = g.cells_choice(b, "pairs", with_measured(b, source, target), most=MOST)
        title, _, _ = told_apart(b)
        column, alike = state.known_columns(b)[title][0], f"one of the same {title}"
        swaps = ["any other cell"] + ([alike] if column in b.model.pair_groups(source, target) else [])
        swap = st.selectbox(
            "Shuffled with", swaps, key=state.own(b, "pairs-swap"), bind="query-params",
            help="Cells that differ in a lot are easily told from each other; those that are alike are the harder test.",
        )  # fmt: skip
        seed = g.seed_choice(b, "pairs", "shuffles the cells in the same way again")
    if len(rows) < FEWEST:
        st.info("Fewer than twenty of these cells have both measurements; choose others.", icon=None)
        return None
    within = column if swap == alike else None
    found = _scores(b.demo.key, state.stamp(b), rows.astype(np.int64).tobytes(), source, target, within, seed)
    if isinstance(found, Refused):
        st.info("The model never saw the like of most of these cells; choose others.", icon=None)
        refused(found.why, len(rows), source, target)
        return None
    learned = len(np.setdiff1d(rows, modalities.kept_out(b)))
    first, second = called(source), called(target)
    with main:
        fig = pair_scores(found.true, found.shuffled, look=look())
        alt = f"Scores of true and of shuffled pairs of {first} and {second}"
        chart(fig, f"pair-scores-{b.demo.key}", alt=alt, file=f"{b.demo.key}-pair-scores")
        said = f"{len(found.true):,} cells: the {first} of each with its own {second} and with another's. Above 0: rather of one."
        trained = f" :orange[{learned:,} of them trained the judge], so it looks better here than on new cells."
        st.caption(said + (trained if learned else " None of them trained the judge."))
    with side:
        st.metric(
            "True pair scored higher", f"{100 * found.auroc:.0f} %", f"{100 * found.low:.0f} to {100 * found.high:.0f} %, "
            "chance 50 %",
            delta_color="off", delta_arrow="off",
            help="AUROC: how often the pair from one cell scores higher than a shuffled one, with its 95 % interval over cells.",
        )  # fmt: skip
        st.markdown(_verdict(found, first, second))
        refused(found.suspects.cells["why"], len(rows), source, target)
    _suspicious(b, found.suspects, b.model.generators["pairs"]["pairs"][f"{source}, {target}"], f"{source}-{target}")
    judged(b, f"{b.demo.key}, {source} with {target}", "How well shuffled pairs are found in cells that nothing had learned from")
    return g.Shown(
        code=lambda: code_generate.pairs(b, group, source, target, within, seed, MOST),
        methods=lambda: (
            f"{len(found.true):,} cells (“{group}”) were scored by the model's adversary for whether their {second} belongs to "
            f"their {first}, with their own and with that of {swap} (permutation, seed {seed}): AUROC {found.auroc:.3f} (95 % "
            f"interval {found.low:.3f} to {found.high:.3f}, {RESAMPLES} resamples of cells)."
        ),
        facts=(f"{len(found.true)} pairs scored",),
    )


def _verdict(found: Scores, first: str, second: str) -> str:
    if found.low <= 0.5:
        return f"These cells do not show that {first} and {second} of one cell can be told from a shuffled pair."
    if found.auroc >= SURE:
        return "Shuffled pairs can be found."
    return "Better than chance, but not every shuffled pair is found."


VERDICTS = {
    "as paired": "These cells as a whole are paired as they should be: at least nine in ten with their own.",
    "not shuffled as a whole": "These cells are not shuffled as a whole; some of them may be paired with another cell's.",
    "partly swapped": "**Some of these cells seem to be paired with another cell's measurement.**",
    "shuffled": "**These cells as a whole look shuffled.**",
    "cannot be told": "Whether these cells as a whole are paired rightly cannot be told from so few, or such weak, signs.",
}


def _share(found: Suspects) -> str:
    """What the mean score says of how many are paired rightly."""
    if found.too_well:
        return (
            "How many are paired rightly is not told: some of these cells trained the judge, or fit as well as only such cells "
            "do, and their measurements fit together better than those of new cells. Choose cells kept out of training."
        )
    if np.isnan(found.paired):
        return ""
    low, high = (min(max(100 * share, 0), 100) for share in (found.low, found.high))
    return f"Paired with their own, as the mean score tells: {low:.0f} to {high:.0f} % (95 % interval)."


def _suspicious(b: Bundle, found: Suspects, record: dict[str, Any], name: str) -> None:
    st.markdown("##### Pairs that fit worst")
    main, side = st.columns([3.2, 1], gap="medium")
    judgeable = found.cells["why"] == ""
    table = found.cells[judgeable].sort_values("score", kind="stable")
    place = b.cells.obs_names.get_indexer(table.index)
    title, labels, _ = told_apart(b)
    shown = pd.DataFrame(
        {
            "cell": table.index,
            "score": table["score"].to_numpy().round(2),
            "true pairs as low, %": (100 * table["p_true"].to_numpy()).round(1),
            "suspicious": np.where(table["suspicious"], "yes", ""),
            title: labels[place],
        }
    )
    with main:
        st.dataframe(shown.head(10), hide_index=True)
        table_download(b, shown, f"pairs-{name}", "All pairs as CSV")
    with side:
        st.metric(
            "Suspicious",
            f"{int(table['suspicious'].sum())} of {len(table):,}",
            help=f"With {found.rate:.0%} false alarms among them.",
        )
        st.markdown(VERDICTS[found.verdict])
        st.caption(_share(found))
        st.caption(
            f"If a tenth of {len(table):,} such cells were swapped, {found.power:.0%} of these would be called suspicious. What "
            f"a true pair scores is known from {record['calibration cells']:,} {record['calibrated on']}, so no share below "
            f"{100 * found.least_p:.1f} % can be told. A low score can mean two cells "
            "in one drop, a mixed-up barcode, or a cell of a kind that the model knows badly: a reason to look, no verdict."
        )

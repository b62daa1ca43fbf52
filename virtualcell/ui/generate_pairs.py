"""Generate, fifth view: do two measurements, or a measurement and a label, belong to the same cell?"""

from __future__ import annotations

from dataclasses import dataclass

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
    """Of the same cells, (cells,): how well their own target fits, and another cell's; how often a true pair scores higher, with
    its 95 % interval; and what is suspicious."""

    true: np.ndarray
    shuffled: np.ndarray
    auroc: float
    low: float
    high: float
    suspects: Suspects


@st.cache_resource(max_entries=16, show_spinner="Scoring pairs, true and shuffled …")
def _scores(key: str, stamp: int, packed: bytes, source: str, target: str, within: str | None, seed: int) -> Scores:
    b = state.bundle(key)
    rows = np.frombuffer(packed, dtype=np.int64)
    cells = b.cells[rows].copy()
    order = permuted(np.arange(len(rows)), seed, None if within is None else state.values(b, within)[rows])
    true = b.model.pair_scores(cells, source=source, target=target)
    shuffled = b.model.pair_scores(cells, source=source, target=target, order=order)
    suspects = b.model.suspicious_pairs(cells, source=source, target=target, within=within, seed=seed)
    return Scores(true, shuffled, *auroc(true, shuffled, seed), suspects)


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
        alike = f"one of the same {title}"
        swap = st.selectbox(
            "Shuffled with", ["any other cell", alike], key=state.own(b, "pairs-swap"), bind="query-params",
            help="Cells that differ in a lot are easily told from each other; those that are alike are the harder test.",
        )  # fmt: skip
        seed = g.seed_choice(b, "pairs")
    if len(rows) < FEWEST:
        st.info("Fewer than twenty of these cells have both measurements; choose others.", icon=None)
        return None
    within = state.known_columns(b)[title][0] if swap == alike else None
    found = _scores(b.demo.key, state.stamp(b), rows.astype(np.int64).tobytes(), source, target, within or None, seed)
    learned = len(np.setdiff1d(rows, modalities.kept_out(b)))
    first, second = called(source), called(target)
    with main:
        fig = pair_scores(found.true, found.shuffled, look=look())
        alt = f"Scores of true and of shuffled pairs of {first} and {second}"
        chart(fig, f"pair-scores-{b.demo.key}", alt=alt, file=f"{b.demo.key}-pair-scores")
        said = f"{len(rows):,} cells: the {first} of each with its own {second} and with another's. Above 0: rather of one cell."
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
    _suspicious(b, rows, found.suspects, f"{source}-{target}")
    judged(b, f"{b.demo.key}, {source} with {target}", "How well shuffled pairs are found in cells that nothing had learned from")
    return g.Shown(
        code=lambda: code_generate.pairs(b, group, source, target, within or None, seed, MOST),
        methods=lambda: (
            f"{len(rows):,} cells (“{group}”) were scored by the model's adversary for whether their {second} belongs to their "
            f"{first}, with their own and with that of {swap} (permutation, seed {seed}): AUROC {found.auroc:.3f} (95 % interval "
            f"{found.low:.3f} to {found.high:.3f}, {RESAMPLES} resamples of cells)."
        ),
        facts=(f"{len(rows)} pairs scored",),
    )


def _verdict(found: Scores, first: str, second: str) -> str:
    if found.low <= 0.5:
        return f"These cells do not show that {first} and {second} of one cell can be told from a shuffled pair."
    if found.auroc >= SURE:
        return "Shuffled pairs can be found."
    return "Better than chance, but not every shuffled pair is found."


VERDICTS = {
    "as paired": "These cells as a whole are paired as they should be.",
    "partly swapped": "**Some of these cells seem to be paired with another cell's measurement.**",
    "shuffled": "**These cells as a whole look shuffled.**",
    "cannot be told": "Whether these cells as a whole are paired rightly cannot be told from so few, or such weak, signs.",
}


def _suspicious(b: Bundle, rows: np.ndarray, found: Suspects, name: str) -> None:
    st.markdown("##### Pairs that fit worst")
    main, side = st.columns([3.2, 1], gap="medium")
    table = found.cells.sort_values("score", kind="stable")
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
        st.caption(
            f"Of cells that truly were swapped, {found.power:.0%} would stand out one by one. A low score can mean two cells "
            "in one drop, a mixed-up barcode, or a cell of a kind that the model knows badly: a reason to look, no verdict."
        )

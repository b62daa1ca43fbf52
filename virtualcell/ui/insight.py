"""One finding about the cells in a sentence, computed from them, with its interval and the view that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st
from scipy import stats

from virtualcell.demo import Bundle
from virtualcell.evaluation.intervals import Interval, difference_interval, ratio_interval, share_interval
from virtualcell.ui import measured, modalities, pushed, state, words
from virtualcell.ui.push_genes import changed
from virtualcell.ui.trajectory_reading import NOTHING


@dataclass(frozen=True)
class Insight:
    """headline: one sentence. detail: the interval and what it is over, in small print. ask: the button that leads to ``page``,
    whose controls ``view`` sets by link. values: the numbers of the sentence by name."""

    headline: str
    detail: str
    ask: str
    page: str
    view: dict[str, str] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)


LEVEL = 0.05
"""Chance of an interval that misses. Of several candidates the surest is shown, so each gets its part of it (Bonferroni)."""


ANOTHER = " Each cell counts by itself: another donor or experiment may differ more."

SURE = 0.2
"""Largest relative error of a mean of which a ratio is taken: with fewer than about 25 cells that show a gene, the mean and its
error are low together, and among hundreds of genes one seems to change (one in five samples of 34 cells in which none does)."""


def _level(tried: int) -> float:
    return 1 - LEVEL / max(tried, 1)


def _kind_name(name: str) -> str:
    plural = name.lower().endswith(("s", " on", " off"))
    return f"**{name}**" if plural else f"**{name}** cells"


def _points(found: Interval) -> str:
    return f"{100 * found.value:.1f} percentage points, 95 % interval {100 * found.low:.0f} to {100 * found.high:.0f}"


def _choice(tried: int, of: str) -> str:
    return f" The surest of {tried:,} {of}, which the interval allows for." if tried > 1 else ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else "less than 1 %"


def push_decides(b: Bundle) -> Insight | None:
    """What a treatment changes in the share of a cell state, at the last time with cells both with and without it."""
    c, obs = b.demo.columns, b.cells.obs
    if c.time is None or c.state is None or c.perturbation is None:
        return None
    time, kind, treated = obs[c.time].to_numpy(dtype=float), state.values(b, c.state), state.values(b, c.perturbation)
    tried = []
    for treatment in b.model.record["treatments"]:
        both = np.intersect1d(time[treated == treatment], time[treated == c.control])
        if len(both):
            there, alone = ((time == both[-1]) & (treated == name) for name in (treatment, c.control))
            tried += [(treatment, name, float(both[-1]), there, alone) for name in np.unique(kind[there | alone])]
    best: tuple[Interval, str, str, float, np.ndarray, np.ndarray] | None = None
    for treatment, name, at, there, alone in tried:
        counts = (((kind == name) & there).sum(), there.sum()), (((kind == name) & alone).sum(), alone.sum())
        found = difference_interval(*counts, _level(len(tried)))
        if found.low > max(0.0, best[0].low if best else 0.0):
            best = (found, treatment, name, at, there, alone)
    if best is None:
        return None
    found, treatment, name, at, there, alone = best
    share, without = (float((kind[rows] == name).mean()) for rows in (there, alone))
    return Insight(
        f"With the **{treatment}**, {_percent(share)} of the cells are {_kind_name(name)} at {at:g} {c.time_unit}; without it, "
        f"{_percent(without)}.",
        f"Difference: {_points(found)}, over {there.sum():,} cells with and {alone.sum():,} without."
        + _choice(len(tried), "shares that were compared")
        + ANOTHER,
        "See what the push does",
        "pages/perturb.py",
        {f"treatment-{b.demo.key}": treatment},
        {"with": share, "without": without, "low": found.low, "high": found.high},
    )


def kinds_appear(b: Bundle) -> Insight | None:
    """The cell state whose share surest grows from the first to the last time, among untreated cells."""
    c, obs = b.demo.columns, b.cells.obs
    if c.time is None or c.state is None:
        return None
    alone, time, kind = measured.untreated(b), obs[c.time].to_numpy(dtype=float), state.values(b, c.state)
    times = np.unique(time[alone])
    if len(times) < 2:
        return None
    early, late = (kind[alone & (time == at)] for at in (times[0], times[-1]))
    names = np.unique(late)
    changes = {
        name: difference_interval(((late == name).sum(), len(late)), ((early == name).sum(), len(early)), _level(len(names)))
        for name in names
    }
    name = max(changes, key=lambda known: changes[known].low)
    if changes[name].low <= 0:
        return None
    first, last = (float((kinds == name).mean()) for kinds in (early, late))
    return Insight(
        f"From {times[0]:g} to {times[-1]:g} {c.time_unit}, {_kind_name(name)} go from {_percent(first)} to **{_percent(last)}** "
        "of all.",
        f"By {_points(changes[name])}, over {len(early):,} cells of {times[0]:g} {c.time_unit} and {len(late):,} of "
        f"{times[-1]:g} {c.time_unit}.{_choice(len(names), 'kinds')}{ANOTHER}",
        "Watch them move",
        "pages/trajectories.py",
        {},
        {"first": first, "last": last, "low": changes[name].low, "high": changes[name].high},
    )


def gene_moves(b: Bundle) -> Insight | None:
    """The gene that surest changes from the first to the last time, among untreated cells: of the marker genes, or of all."""
    c = b.demo.columns
    if c.time is None or "rna" not in b.cells.mod:
        return None
    every = list(b.cells.mod["rna"].var_names)
    genes = [gene for gene in b.demo.marker_genes if gene in every] or every
    points = measured.points(b, genes)
    if len(points.times) < 2:
        return None
    folds = {}
    for i, gene in enumerate(genes):
        first, last = ((float(points.mean[at, i]), float(points.error[at, i])) for at in (0, -1))
        if min(first[0], last[0]) >= NOTHING and all(error <= SURE * mean for mean, error in (first, last)):
            # The larger over the smaller, so that what falls counts as what rises does.
            rises = last[0] > first[0]
            larger, smaller = (last, first) if rises else (first, last)
            folds[gene, rises] = ratio_interval(larger, smaller, _level(len(genes)))
    best = max(folds, key=lambda known: folds[known].low, default=None)
    if best is None or folds[best].low <= 1:
        return None
    (gene, rises), found = best, folds[best]
    time, unit = b.cells.obs[c.time].to_numpy(dtype=float)[measured.untreated(b)], c.time_unit
    begin, end = points.times[0], points.times[-1]
    return Insight(
        f"**{gene}** {'rises' if rises else 'falls'} **{_times(found.value)}** within {end - begin:g} {unit}.",
        f"95 % interval {_number(found.low)} to {_number(found.high)}, over {(time == begin).sum():,} cells of {begin:g} {unit} "
        f"and {(time == end).sum():,} of {end:g} {unit}.{_choice(len(genes), 'genes')}{ANOTHER}",
        "Watch the cells move",
        "pages/trajectories.py",
        {},
        {"ratio": found.value, "low": found.low, "high": found.high},
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.5 else f"{value:.1f}"


def _times(value: float) -> str:
    return f"{_number(value)}-fold"


def treatment_acts(b: Bundle) -> Insight | None:
    """The treatment that changes most genes, and the gene of which that is surest, as the page Perturb tells it."""
    treatments = list(b.model.record["treatments"])
    if not treatments or b.demo.columns.time is not None or b.model.response is None:
        return None
    rows = state.some(state.untreated(b), pushed.MOST_PUSHED)
    found = {name: pushed.effect(b, rows, treatment=name) for name in treatments}
    counts = {name: len(changed(effect.genes)) for name, effect in found.items()}
    name = max(treatments, key=lambda treatment: counts[treatment])
    table = changed(found[name].genes)
    # Where next to nothing was measured without the treatment, a ratio is a matter of rounding.
    table = table[table[["before", "after"]].min(axis=1) >= NOTHING]
    if table.empty:
        return None
    # The file's intervals are 95 % each; the surest of all genes is shown, so that its own must be wider. Both kinds are about
    # normal in log2, so they widen by the ratio of quantiles.
    wider = float(stats.norm.ppf((1 + _level(n := len(found[name].genes))) / 2) / stats.norm.ppf((1 + _level(1)) / 2))
    table = table.assign(
        **{bound: table["log2_fold_change"] + wider * (table[bound] - table["log2_fold_change"]) for bound in ("low", "high")}
    )
    table = table[np.sign(table["low"]) == np.sign(table["high"])]
    if table.empty:
        return None
    sure = table[["low", "high"]].abs().min(axis=1)
    row = table.loc[sure.idxmax()]
    rises = row["log2_fold_change"] > 0
    low, high = sorted(2 ** abs(row[bound]) for bound in ("low", "high"))
    ratio = 2 ** abs(row["log2_fold_change"])
    said = f"**{name}** changes {counts[name]:,} of {n:,} genes"
    said += f", most of {len(treatments)} treatments" if len(treatments) > 1 else ""
    itself = " itself" if row["gene"] in name.split("+") else ""
    return Insight(
        f"{said}. It {'raises' if rises else 'lowers'} **{row['gene']}**{itself} **{_times(ratio)}**.",
        f"Counted are genes that change by 20 % or more and whose own 95 % interval leaves out no change, as some do by chance. "
        f"{row['gene']} in a typical cell: {_number(row['before'])} counts per 10,000 "
        f"without, {_number(row['after'])} with; 95 % interval of the fold {_number(low)} to {_number(high)}, over cells of "
        f"these samples, half a count added on both sides.{_choice(n, 'genes')}{ANOTHER}",
        "See what it does",
        "pages/perturb.py",
        {f"treatment-{b.demo.key}": name},
        {"changed": counts[name], "ratio": float(ratio), "low": float(low), "high": float(high)},
    )


def assays_tell(b: Bundle) -> Insight | None:
    """Which kind of measurement tells most of another, in cells that the rule had not seen."""
    told = [way for way in modalities.conversions(b) if way.share]
    if not told:
        return None
    reach = float(stats.norm.ppf((1 + _level(len(told))) / 2))
    best = max(told, key=lambda way: way.value - reach * way.error)
    low, high = best.value - reach * best.error, best.value + reach * best.error
    if low <= 0:
        return None
    source, target = modalities.called(best.source), modalities.called(best.target)
    return Insight(
        f"From a cell's **{source}** alone, **{100 * best.value:.0f} %** of how cells differ in {target} can be foretold.",
        f"95 % interval {100 * low:.0f} to {100 * high:.0f} %, over {best.n_cells:,} cells, each predicted by a fit that had not "
        "seen it.",
        "See what the measurements share",
        "pages/modalities.py",
        {},
        {"share": best.value, "low": low, "high": high},
    )


def what_they_are(b: Bundle) -> Insight:
    """What can be said of any cells: how many there are, and of what they are mostly."""
    n, columns = b.cells.n_obs, b.demo.columns
    column = columns.state or columns.batch
    if column is not None:
        counts = pd.Series(state.values(b, column)).value_counts()
        _, low, high = share_interval(counts.iloc[0], n)
        said = f"{_percent(counts.iloc[0] / n)} of these cells are {_kind_name(str(counts.index[0]))}, of {len(counts)} kinds."
        detail, values = f"95 % interval {100 * low:.0f} to {100 * high:.0f} %, over {n:,} cells.", {"share": counts.iloc[0] / n}
    else:
        rank = b.model.record["effective_rank"]
        said = f"{n:,} cells differ from each other in about **{rank:.0f}** independent ways."
        detail, values = "The effective rank of their states. No time, treatment or kind is recorded.", {"rank": rank}
    return Insight(
        said, detail, "Look at the cells", "pages/explore.py", {}, {key: float(value) for key, value in values.items()}
    )


FINDERS: tuple[Callable[[Bundle], Insight | None], ...] = (push_decides, kinds_appear, gene_moves, treatment_acts, assays_tell)
"""The first that finds something is shown: what moves says more than what differs, and that more than what is there."""


def find(b: Bundle) -> Insight:
    """The finding that Home shows for these cells; of simulated cells it says so."""
    found = next((insight for finder in FINDERS if (insight := finder(b)) is not None), None) or what_they_are(b)
    if not b.demo.simulated:
        return found
    said = found.headline if found.headline[0] == "*" else f"{found.headline[0].lower()}{found.headline[1:]}"
    headline = f"In simulated cells: {said}"
    return Insight(headline, words.of_kind(found.detail, True), found.ask, found.page, found.view, found.values)


@st.cache_resource(max_entries=32, show_spinner="Looking for what stands out in these cells …")
def _insight(key: str, stamp: int) -> Insight:
    return find(state.bundle(key))


def insight(b: Bundle) -> Insight:
    """The same, computed once for a demo and its model."""
    return _insight(b.demo.key, state.stamp(b))

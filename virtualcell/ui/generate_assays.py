"""Generate, sixth view: one cheap measurement in every cell, expensive ones in some; what would they read in the others?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_features import feature_intervals, means
from virtualcell.figures.patterns import patterns
from virtualcell.ui import code_generate, modalities, state, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_agreement import of_means
from virtualcell.ui.generate_completed import Completed, completed
from virtualcell.ui.generate_files import SYNTHETIC
from virtualcell.ui.generate_refused import refused
from virtualcell.ui.generate_tested import judged, report
from virtualcell.ui.modalities import called, with_measured
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

SHOWN = 16
"""Features whose interval is drawn."""
LACKING, TRUTH = "cells that lack it", "cells kept out, where it was measured"
CHOICES, LIKELIEST = 40, 8
"""Cells among which one is chosen, and how many features of it are listed."""
OPEN = "share of cells in which it is seen open"


def lacking(b: Bundle, primary: str) -> dict[str, np.ndarray]:
    """Expensive measurements -> rows of the cells that have the cheap one and lack it; only those that some cells lack."""
    cheap = with_measured(b, primary)
    found = {name: np.flatnonzero(cheap & ~with_measured(b, name)) for name in modalities.modalities(b) if name != primary}
    return {name: rows for name, rows in found.items() if len(rows)}


def assays(b: Bundle) -> g.Shown | None:
    """Draws the view; None where it has nothing to show."""
    names = modalities.modalities(b)
    cheap = next((name for name in names if with_measured(b, name).all()), None)
    if cheap is None or len(names) == 1:
        why = (
            f"Only {called(names[0])} was measured in these cells, so no other assay can be completed."
            if len(names) == 1
            else "No measurement was made in all of these cells, from which the others could be told."
        )
        g.elsewhere(b, why, "assays")
        return None
    costly = lacking(b, cheap)
    hidden = not costly
    if hidden:
        told = {name: b.model.record.get("conversions", {}).get(f"{cheap}->{name}") for name in names if name != cheap}
        costly = {name: np.empty(0, dtype=np.int64) for name, found in told.items() if found}
        if not costly or not len(modalities.kept_out(b)):
            g.elsewhere(b, "Every one of these cells has every measurement, so none is lacking.", "assays")
            return None
        st.markdown("Every one of these cells has every measurement. As a test, one is hidden in those kept out of training.")
    st.markdown(
        f"“{g.MISSING}” draws what a cell could have read, several times. Here it is translated directly: one "
        "expected value and, for amounts, an interval that is as wide in every cell."
    )
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        kinds = {called(name): name for name in costly}
        target = kinds[_choice(b, "Expensive assay", list(kinds), "assay")]
        rows, truth = _cells(b, cheap, target, costly[target])
        found = completed(b, cheap, target, rows, truth)
        refused(found.why, len(rows), cheap)
    if not len(found.rows):
        st.info("The model never saw the like of these cells; choose others.", icon=None)
        return None
    return _view(b, found, main, side)


def _cells(b: Bundle, cheap: str, target: str, lack: np.ndarray) -> tuple[np.ndarray, bool]:
    """Rows to predict and whether their truth was measured."""
    unseen = modalities.kept_out(b)
    both = unseen[with_measured(b, cheap, target)[unseen]]
    options = ({LACKING: lack} if len(lack) else {}) | ({TRUTH: both} if len(both) else {})
    group = _choice(b, "Cells", list(options), "assay-cells")
    return state.some(options[group], g.MOST_CELLS), group == TRUTH


def _choice(b: Bundle, label: str, options: list[str], name: str) -> str:
    """One of the options; words where there is no other."""
    if len(options) == 1:
        st.caption(f"{label}: {options[0]}")
        return options[0]
    return str(st.selectbox(label, options, key=state.own(b, name), bind="query-params"))


def _view(b: Bundle, found: Completed, main: Any, side: Any) -> g.Shown:
    what = g.features_called(found.target)
    names = [str(name) for name in b.cells.obs_names[state.some(found.rows, CHOICES)]]
    with side:
        key = state.own(b, "assay-cell")
        # A cell that the link or an earlier choice names may be none of these.
        if st.session_state.get(key, names[0]) not in names:
            del st.session_state[key]
        name = st.selectbox("One cell", names, key=key, bind="query-params")
    place = int(np.flatnonzero(b.cells.obs_names[found.rows] == name)[0])
    # Marker genes, then those whose expectation differs most between the cells.
    at = [found.features.index(one) for one in g.shown_features(b, found.target, found.expected, SHOWN)]
    with main:
        if found.low is not None:
            _intervals(b, found, place, at, name)
        else:
            _shares(b, found, place, name)
        _measured(b, found.cheap)
    with side:
        if found.truth is not None and found.low is not None and found.high is not None:
            inside = float(((found.truth >= found.low) & (found.truth <= found.high)).mean())
            said = f"Of {len(found.rows):,} cells and {len(found.features):,} {what}; 90 % is what it should be."
            if found.known != "withheld":
                said += " The intervals were calibrated on these very cells, so this says little of new ones."
            st.metric("Truth inside its interval", f"{100 * inside:.0f} %", help=said)
        table_download(b, lambda: _table(b, found), f"synthetic-{found.target}", f"All {what} as CSV")
        st.caption("Every row says that its values are predicted, not measured.")
    test = f"{b.demo.key}, completed, {found.cheap} to {found.target}"
    tested = any(row["where"].startswith(test) for row in (report(b.folder) or {}).get("rows", []))
    # Where the truth is shown beside each value, only a test that was made is worth words.
    if found.truth is None or tested:
        judged(b, test)
    return g.Shown(
        code=lambda: code_generate.assay(b, found, place, at, OPEN),
        methods=lambda: (
            f"For {len(found.rows):,} cells the {called(found.target)} was predicted from {called(found.cheap)} alone, with 90 % "
            "intervals calibrated on cells kept out of training where the reading is no yes or no."
        ),
        facts=(f"{len(found.rows)} cells completed",),
    )


def _intervals(b: Bundle, found: Completed, place: int, at: list[int], name: str) -> None:
    assert found.low is not None
    assert found.high is not None
    fig = feature_intervals(
        [found.features[i] for i in at], found.expected[place, at], found.low[place, at], found.high[place, at],
        None if found.truth is None else found.truth[place, at], unit=g.unit_of(b, found.target), known=found.known, look=look(),
    )  # fmt: skip
    alt = f"Expected {called(found.target)} of one cell with 90 % intervals"
    chart(fig, f"assay-bars-{b.demo.key}", alt=alt, file=f"{b.demo.key}-synthetic-{found.target}")
    st.caption(
        f"Cell {words.literal(name)}: its {called(found.target)}, told from its {called(found.cheap)}. What is expected, and "
        "the interval in which a measurement would lie in 9 of 10 new cells. Of one feature it is as wide in every "
        f"cell: a cell that is hard to tell has no wider one.{_of_truth(found)}"
    )


def _of_truth(found: Completed) -> str:
    return " Withheld: what these simulated cells would have read; the model never saw it." if found.known == "withheld" else ""


def _shares(b: Bundle, found: Completed, place: int, name: str) -> None:
    """Of features that are open or closed: all of them over the cells where the truth is known, and one cell's likeliest."""
    what = g.features_called(found.target)
    if found.truth is not None:
        fig = means(
            found.features, found.truth.mean(0), found.expected.mean(0), unit=OPEN, share=True, smallest=0.5 / len(found.rows),
            titles=(found.known, "expected"), cells=(len(found.rows), len(found.rows)), look=look(),
        )  # fmt: skip
        alt = f"Share of cells in which each of {len(found.features)} {what} is open, {found.known} and expected"
        chart(fig, f"assay-means-{b.demo.key}", alt=alt, file=f"{b.demo.key}-synthetic-{found.target}")
        told = of_means(found.truth.mean(0, dtype=float), found.expected.mean(0, dtype=float), "expected")
        said = f"Each dot is one of {len(found.features):,} {what}, over {len(found.rows):,} cells; on the line both agree."
        st.caption(f"{said} {told}{_of_truth(found)}")
    # What is open in every cell says nothing of this one.
    order = np.argsort(found.expected.mean(axis=0) - found.expected[place], kind="stable")[:LIKELIEST]
    chances = found.expected[place, order].round(3)
    st.markdown(f"Cell {words.literal(name)}: the {what} whose chance to be seen open is higher in it than on average, by most.")
    usual = found.expected[:, order].mean(axis=0).round(3)
    table = {what[:-1]: [found.features[i] for i in order], "chance to be seen open": chances, "on average": usual}
    st.dataframe(pd.DataFrame(table), hide_index=True)


def _measured(b: Bundle, cheap: str) -> None:
    counts = {tuple(called(name) for name in key.split("+") if name): n for key, n in modalities.measured(b).items()}
    if len(counts) == 1:
        return
    st.markdown("##### Which cells have which assay")
    fig = patterns(counts, [called(name) for name in modalities.modalities(b)], look=look())
    alt = f"Cells by what was measured in them; {called(cheap)} in all"
    chart(fig, "assay-patterns", alt=alt, file=f"{b.demo.key}-measured")


def _table(b: Bundle, found: Completed) -> pd.DataFrame:
    """A row a cell and feature."""
    n, features = found.expected.shape
    table = pd.DataFrame(
        {
            "cell": np.repeat(b.cells.obs_names[found.rows].to_numpy(), features),
            "feature": np.tile(found.features, n),
            "predicted": found.expected.ravel(),
            SYNTHETIC: True,
        }
    )
    for name, values in (("low", found.low), ("high", found.high), (found.known, found.truth)):
        if values is not None:
            table[name] = values.ravel()
    return table

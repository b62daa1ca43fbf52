"""Modalities: what do the measurements say of each other?"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle
from virtualcell.figures.alignment import alignment
from virtualcell.figures.calibration import calibration
from virtualcell.figures.heldout import heldout
from virtualcell.figures.interval_check import interval_check
from virtualcell.figures.patterns import patterns
from virtualcell.figures.peaks import peaks
from virtualcell.figures.translation import translation
from virtualcell.figures.viewpoints import viewpoints
from virtualcell.ui import asked, code_pages, marks, state
from virtualcell.ui import modalities as m
from virtualcell.ui.agreement import agreement, agreement_words
from virtualcell.ui.comparisons import benchmark, comparisons
from virtualcell.ui.frame import inside
from virtualcell.ui.marks import MARKED
from virtualcell.ui.methods import methods
from virtualcell.ui.neighbourhood import REACH, genes_with_peaks, neighbourhood
from virtualcell.ui.parts import caveats, chart, lead, provenance, table_download
from virtualcell.ui.share import share
from virtualcell.ui.theme import look
from virtualcell.ui.translated import bins, described, feature_table, translated, usual_feature
from virtualcell.ui.verdict import joint_code, number_alone, verdict

KEPT_OUT = "cells kept out of training"
# Of the amounts by which cells are coloured; a string below it would be drawn on the page.
UNITS = {"rna": "log(1 + counts per 10,000)", "prot": "log(1 + count) minus its mean over the proteins"}


def answer(b: Bundle) -> None:
    """The verdict: can one measurement be predicted from the other, and does one joint description pay?"""
    said, found, told = m.relations(b), benchmark(b) or {}, m.conversions(b)
    code, board = found.get("coding"), found.get("leaderboard")
    if code and len(said) == 1:
        said = [verdict(said[0], any(way.related for way in told), code)]
    for sentence in said:
        st.markdown(f"#### {sentence}")
    predicted, hint = number_alone(board) if board else "", m.NAT
    if predicted:
        hint += " Over splits of their own, whose unseen cells no part of the training read; the numbers beside the figure below "
        hint += "are of the model that is shown here."
    if not predicted and told:
        predicted = "; ".join(f"{m.called(way.source)} → {m.called(way.target)} {amount(way)}" for way in told) + "."
    if predicted:
        st.markdown(f"**Can one be predicted from the other?** {predicted}", help=hint)
    if code:
        st.markdown(f"**Does one joint code pay?** {joint_code(code)[1]}", help=m.NAT)


def amount(told: m.Told) -> str:
    return f"{100 * told.value:.1f} % of the differences between cells" if told.share else f"{told.value:+.1f} nats a cell"


def gains(b: Bundle) -> None:
    """How much each measurement tells of each other one."""
    for told in m.conversions(b):
        value, spread = (f"{100 * told.value:.1f} %", 100 * told.error) if told.share else (f"{told.value:+.1f} nats", told.error)
        st.metric(
            f"{m.called(told.source)} → {m.called(told.target)}",
            value,
            f"± {spread:.2g}",
            delta_color="off",
            delta_arrow="off",
            help=(
                f"Share of the differences between cells in {m.called(told.target)} that {m.called(told.source)} explains."
                if told.share
                else f"How much better the {m.called(told.target)} of a cell is predicted from its {m.called(told.source)} than "
                f"without it. {m.NAT} 0: no better."
            )
            + f" ± standard error, over {told.n_cells:,} cells, each predicted by a fit that had not seen it.",
        )


def coloured_by(b: Bundle) -> dict[str, Any]:
    """What the reader chose to colour the cells by: its title, its column of obs or its modality, its kind and unit."""
    title = st.session_state[state.own(b, "modality-colour")]
    column, kind = state.known_columns(b).get(title, (None, "amount"))
    where = "" if column is not None else "prot" if "prot" in b.cells.mod and title in b.cells.mod["prot"].var_names else "rna"
    unit = b.demo.columns.time_unit if kind == "time" else UNITS[where] if kind == "amount" else ""
    return {"title": title, "column": column, "modality": where, "kind": kind, "unit": unit}


@st.fragment
def seen(b: Bundle, column: tuple[str, str, str] | None) -> None:
    """The same cells, placed by all measurements and by each alone."""
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        proteins = list(b.cells.mod["prot"].var_names) if "prot" in b.cells.mod else []
        ways = {title: (name, kind) for title, (name, kind) in state.known_columns(b).items()}
        marker = next(
            (gene for gene in b.demo.marker_genes if gene in b.cells.mod["rna"].var_names), b.cells.mod["rna"].var_names[0]
        )
        more = [*proteins, marker]
        first = [column[0]] if column is not None else []
        options = list(dict.fromkeys([*first, *(more if column is None else []), *ways, *more]))
        st.selectbox("Colour by", options, key=state.own(b, "modality-colour"), bind="query-params")
        chosen = coloured_by(b)
        colour, column_of, where, kind = (chosen[name] for name in ("title", "column", "modality", "kind"))
        values = state.values(b, column_of) if column_of is not None else state.expression(b, colour, where)
        gains(b)
        st.caption("How much one tells of the other: nats a cell, or % of the differences between cells.")
    with main:
        fig = viewpoints(m.places(b), values, name=colour, kind=kind, unit=chosen["unit"], look=look())
        alt = f"Cells placed by {', '.join(m.places(b))}, coloured by {colour}"
        chart(fig, f"viewpoints-{b.demo.key}", alt=alt, file=f"{b.demo.key}-viewpoints")
        st.caption(
            "The same cells on the same two axes (the directions in which they differ most). A measurement that says little of a "
            "cell leaves it near the middle."
        )
    if column is None:
        with side:
            st.caption(
                "No time or cell type is recorded for these cells, so there is nothing to read back from each measurement."
            )
        return
    found = m.read_out(b, column[1])
    if found is None:
        return
    with side:
        st.markdown(
            f"**{column[0].capitalize()} read from each**",
            help=f"How often the {column[0]} of a cell is named rightly from its state, by a simple rule (logistic regression) "
            f"that was learned on four fifths of {found.n_cells:,} cells and tried on the last fifth. Dotted: always naming the "
            "commonest. Interval: 95 %, counting cells.",
        )
        table, guess = found.table, "guessing"
        fig = heldout(
            [*table["source"], guess],
            np.append(table["value"], found.chance),
            np.append(table["low"], found.chance),
            np.append(table["high"], found.chance),
            ours=m.TOGETHER,
            limit=guess,
            larger_is_better=True,
            measure="named rightly",
            wrap=10,
            look=look(),
        )
        fig.update_xaxes(range=[0, 1.06], tickformat=".0%", nticks=3)
        chart(fig, "read-out", alt=f"How well {column[0]} is read from each measurement", file=f"{b.demo.key}-read-out")


@st.fragment
def translate(b: Bundle) -> None:
    """Choose a direction and cells: averages of all features, then one feature cell by cell."""
    ways = {f"{m.called(told.source)} → {m.called(told.target)}": (told.source, told.target) for told in m.conversions(b)}
    if not ways:
        return
    st.markdown("##### Translate one measurement into another")
    all_features, one, side = st.columns([1.6, 1.6, 1], gap="medium")
    with side:
        way = st.selectbox("Direction", list(ways), key=state.own(b, "direction"), bind="query-params")
        source, target = ways[way]
        both, unseen, marked = np.flatnonzero(m.with_measured(b, source, target)), m.kept_out(b), marks.marked(b)
        options = {KEPT_OUT: unseen} if len(unseen) else {}
        options |= {MARKED: marked} if len(marked) else {}
        options |= {"all cells": both} | state.groups(b)
        group = st.selectbox("Cells", list(options), key=state.own(b, "translate"), bind="query-params")
        marks.in_link(b, group == MARKED)
        rows = state.some(np.intersect1d(options[group], both), 1000)
    if len(rows) < 10:
        st.info("Fewer than ten of these cells have both measurements; choose others.", icon=None)
        return
    found, table = translated(b, rows, source, target), feature_table(b, rows, source, target)
    learned = len(np.setdiff1d(rows, unseen))
    unit = f"Unit: {found.unit}."
    key = state.own(b, f"feature-{target}")
    # The usual feature comes first and is what a link without a choice shows; a click may then write any into the session.
    usual = usual_feature(b, target, found.names)
    with side:
        feature = st.selectbox(
            "One " + {"rna": "gene", "atac": "peak", "prot": "protein"}.get(target, "feature"),
            [usual, *(name for name in found.names if name != usual)],
            key=key,
            bind="query-params",
            help="Or click a dot.",
        )
        place = found.names.index(feature)
        off, off_average = (float(np.sqrt(((table[name] - table["measured"]) ** 2).mean())) for name in ("predicted", "average"))
        told = table.iloc[:, -1]
        wrong, wrong_average = (f"{100 * x:.2f}" if found.yes_or_no else f"{x:.3f}" for x in (off, off_average))
        st.metric(
            "Averages are off by",
            wrong,
            "percentage points" if found.yes_or_no else found.unit,
            delta_color="off",
            delta_arrow="off",
            help="Root mean square over features of predicted minus measured average of these cells.",
        )
        # As many digits as are shown decide: less is no difference.
        st.markdown(
            f"Nearer than the average of the training cells, which is off by {wrong_average}."
            if float(wrong) < float(wrong_average)
            else f"**No nearer than the average of the training cells**, which is off by {wrong_average}."
        )
        st.metric(
            "Single cells told apart",
            f"{told.mean():.2f}",
            "AUROC, chance 0.5" if found.yes_or_no else "correlation, chance 0",
            delta_color="off",
            delta_arrow="off",
            help="Mean over peaks of the chance that a cell in which the peak is open was given a higher probability than one in "
            "which it is closed (AUROC; 0.5 is chance, 1 is always)."
            if found.yes_or_no
            else "Mean over features of the correlation (Pearson) over cells of what was predicted with what was measured; "
            "0: nothing, 1: all.",
        )
        table_download(b, table, f"{source}-to-{target}", "All features as CSV")

    def click() -> None:
        points = st.session_state[f"averages-{b.demo.key}-{target}"].selection.points
        if points:
            st.session_state[key] = found.names[points[0]["point_index"]]

    with all_features:
        fig = translation(
            described(b, target, found.names),
            table["measured"].to_numpy(),
            table["predicted"].to_numpy(),
            table["average"].to_numpy(),
            predicted_by=m.called(source),
            share=found.yes_or_no,
            unit=found.unit,
            smallest=0.5 / len(rows),
            chosen=place,
            look=look(),
        )
        chart(
            fig,
            f"averages-{b.demo.key}-{target}",
            alt=f"Predicted against measured average of {len(found.names):,} features",
            file=f"{b.demo.key}-{source}-to-{target}",
            on_select=click,
            selection_mode="points",
        )
    measured, predicted = found.measured[:, place], found.predicted[:, place]
    with one:
        if found.yes_or_no:
            parts = bins(measured, predicted)
            columns = (parts[name].to_numpy() for name in ("predicted", "share", "low", "high", "n"))
            fig = calibration(*columns, average=float(found.average[place]), look=look())
            said = "Each dot: cells of like prediction, and in how many of them the peak was really seen open (95 % interval)."
        else:
            low, high = (None, None) if found.low is None or found.high is None else (found.low[:, place], found.high[:, place])
            fig = interval_check(measured, predicted, low, high, name=feature, look=look())
            if low is None:
                said = "No interval: the two were never measured in the same cells, so nothing shows how wide it should be."
            else:
                inside = 100 * float(((measured >= low) & (measured <= high)).mean())
                said = f"{inside:.0f} % of these cells lie inside the band, which is made to hold 90 % of new cells" + (
                    ", by the errors of these very cells."
                    if group == KEPT_OUT
                    else ", by the errors in cells kept out of training."
                )
        chart(fig, f"feature-{b.demo.key}", alt=f"{feature}, predicted and measured", file=f"{b.demo.key}-{feature}")
        st.caption(said)
    with all_features:
        if learned:
            st.caption(
                f":orange[{learned:,} of these {len(rows):,} cells trained the model], so the prediction looks better here than "
                "it would for new cells.",
                help=unit,
            )
        else:
            st.caption(
                f"{len(rows):,} cells; the model learned from none of them. On the dotted line, prediction and truth agree.",
                help=unit,
            )


@st.fragment
def gene_and_peaks(b: Bundle, column: tuple[str, str, str] | None) -> None:
    genes = genes_with_peaks(b)
    if not genes or column is None:
        return
    st.markdown("##### A gene and the chromatin around it")
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        usual = next((genes.index(gene) for gene in b.demo.marker_genes if gene in genes), 0)
        gene = st.selectbox("Gene", genes, index=usual, key=state.own(b, "peaks-of"), bind="query-params")
    found = neighbourhood(b, gene, column[1])
    with side:
        n = len(found.names)
        st.markdown(f"**{n} peak{'s' if n != 1 else ''}** within {REACH // 1000} kb of the start of {gene}.")
        st.caption(
            "Dots: share of all cells in which a peak is seen open, with 95 % interval. Diamonds: what the RNA alone lets "
            "expect, in the cells kept out of training only. Point at a dot for the peak and the gene nearest to it."
        )
        if not found.sided:
            st.caption("On which side of the gene this peak lies cannot be told from the file; it is drawn to the right.")
    with main:
        fig = peaks(
            gene,
            found.distance,
            found.names,
            found.groups,
            found.opened,
            found.predicted,
            found.amount,
            ordered=column[2] == "time",
            look=look(),
        )
        chart(fig, f"peaks-{b.demo.key}", alt=f"Open chromatin around {gene} by {column[0]}", file=f"{b.demo.key}-{gene}-peaks")


def agree(b: Bundle, column: tuple[str, str, str] | None) -> None:
    names = m.modalities(b)
    st.markdown("##### Does each measurement recognise the same cell?")
    main, side = st.columns([1.25, 1], gap="large")
    with side:
        pairs = {f"{m.called(x)} and {m.called(y)}": (x, y) for i, x in enumerate(names) for y in names[i + 1 :]}
        pairs = {title: pair for title, pair in pairs.items() if m.with_measured(b, *pair).sum() >= 20}
        if not pairs:
            st.info("No two of the measurements were made in the same cells, so there is nothing to compare.", icon=None)
        elif len(pairs) > 1:
            pair = pairs[st.selectbox("Measurements", list(pairs), key=state.own(b, "pair"), bind="query-params")]
        else:
            pair = next(iter(pairs.values()))
    if pairs:
        found = agreement(b, *pair, column[1] if column is not None else None)
        first, second = m.called(pair[0]), m.called(pair[1])
        with main:
            fig = alignment(found.likeness, found.groups, names=(first, second), look=look())
            chart(
                fig,
                f"alignment-{b.demo.key}",
                alt=f"Likeness of cells by {first} and by {second}",
                file=f"{b.demo.key}-alignment",
            )
        with side:
            st.metric(
                "Other cells closer than the cell itself",
                f"{100 * found.closer:.0f} %",
                "50 % is chance, 0 % is perfect",
                delta_color="off",
                delta_arrow="off",
                help=f"A cell seen by its {first} alone is compared with all cells seen by their {second} alone: what share of "
                "the others is closer than the very same cell? Mean over both directions (FOSCTTM). 50 % is chance, 0 % perfect.",
            )
            st.markdown(agreement_words(found, first, second, column[0] if column is not None else None))
            st.caption(
                f"{found.n_cells:,} cells {'kept out of training' if found.unseen else 'that trained the model'}"
                f"{'' if len(found.groups) == found.n_cells else f', {len(found.groups)} of them drawn'}. "
                "On the diagonal (ticks at both corners) the two are one cell: if it stood out, each measurement alone would "
                "find the cell again."
            )
    with side:
        st.markdown("**What was measured**")
        counts = {tuple(m.called(name) for name in key.split("+") if name): n for key, n in m.measured(b).items()}
        fig = patterns(counts, [m.called(name) for name in names], look=look())
        chart(fig, "patterns", alt="Cells by what was measured in them", file=f"{b.demo.key}-measured")


def show_a549() -> None:
    st.session_state[state.DEMO] = "a549"


inside()
b = state.bundle()
place = lead(b, "What do the measurements say of each other?")
names = m.modalities(b)
if len(names) < 2:
    st.markdown(f"Only {m.called(names[0])} was measured in these cells, so there is nothing to compare it with.")
    st.button(f"Show {DEMOS['a549'].title}", on_click=show_a549, type="primary", key="show-a549-modalities")
    provenance(b)
    share(b, code=lambda: code_pages.all_cells(b, "Modalities"), methods=lambda: methods(b, ""), place=place)
    st.stop()
# What the cells are told apart by: time, else a cell type, else a treatment; a batch is no biology.
column = next(
    ((title, *found) for title, found in state.known_columns(b).items() if title in ("time", "cell state", "treatment")), None
)
answer(b)
seen(b, column)
translate(b)
gene_and_peaks(b, column)
agree(b, column)
comparisons(b)
caveats(b)
provenance(b)
share(
    b,
    code=lambda: code_pages.viewpoints(b, **coloured_by(b)),
    methods=lambda: methods(b, asked.compared(b, coloured_by(b)["title"])),
    place=place,
)

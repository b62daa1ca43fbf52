"""Chosen genes in every group of cells: a dot plot, violins, or a heatmap of single cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore.by_group import by_group, short_names, values_of
from virtualcell.figures.cell_heatmap import cell_heatmap
from virtualcell.figures.dot_plot import dot_plot
from virtualcell.figures.groups import shown
from virtualcell.figures.look import Look
from virtualcell.figures.violins import violins
from virtualcell.schema import DataError
from virtualcell.ui import explore_mine, state
from virtualcell.ui.explore_annotations import features, genes_in, groupings, unit
from virtualcell.ui.explore_chosen import rows
from virtualcell.ui.explore_colour import UNITS
from virtualcell.ui.explore_differ import CLEAR, compared
from virtualcell.ui.explore_made_of import labelled
from virtualcell.ui.explore_mine import Named
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

DOTS, VIOLINS, HEATMAP = "dot plot", "violins", "heatmap"
TOP, MINE = "those that differ most", "my own choice"
SELECTIONS = "the selections"
MOST = 24
EACH_WAY = 5
"""Genes higher and genes lower in A that are shown first."""


@dataclass(frozen=True)
class ByGroup:
    """What the panel shows: genes by an annotation, as which figure."""

    how: str
    by: str
    genes: tuple[str, ...]


def genes_by_group(b: Bundle, chosen: Chosen) -> ByGroup | None:
    """Controls and the figure."""
    some, mine = len(chosen.a.rows) > 0, tuple(explore_mine.groups(b))
    known = [*([SELECTIONS] if some else []), *groupings(b), *([explore_mine.TITLE] if mine else [])]
    if not known:
        st.info("Nothing is recorded of these cells that puts them into groups. Draw around some first.", icon=None)
        return None
    how_at, by_at, which_at = st.columns([1.3, 1, 1.5], gap="medium")
    with how_at:
        how = st.segmented_control(
            "Show as", [DOTS, VIOLINS, HEATMAP], default=DOTS, required=True, key=state.own(b, "as"), bind="query-params"
        )
    with by_at:
        by = st.selectbox("By", known, key=state.own(b, "by"), bind="query-params")
    with which_at:
        which = MINE
        if some:
            which = st.segmented_control(
                "Genes", [TOP, MINE], default=TOP, required=True, key=state.own(b, "which"), bind="query-params"
            )
    genes = _top(b, chosen) if which == TOP else _own(b)
    if not genes:
        st.info("Choose at least one gene.", icon=None)
        return None
    alt, file = f"{how} of {', '.join(genes)} by {by}", f"{b.demo.key}-{how.replace(' ', '-')}"
    pair = (chosen.a.definition, None if chosen.b is None else chosen.b.definition) if by == SELECTIONS else ("", None)
    try:
        fig = _figure(b.demo.key, state.stamp(b), how, by, tuple(genes), pair, mine, look().name, look())
    except DataError as error:
        st.info(f"{error.problem} Next: {error.next_step}", icon=None)
        return None
    chart(fig, f"by-group-{how.split()[0]}", alt=alt, file=file)
    if which == TOP:
        st.caption(f"Up to {EACH_WAY} genes higher and {EACH_WAY} lower in A, by the strength of the evidence.")
    return ByGroup(how, by, tuple(genes))


@st.cache_resource(max_entries=64, show_spinner="Reading the genes of each group …")
def _figure(
    key: str, stamp: int, how: str, by: str, genes: tuple[str, ...], pair: tuple[str, str | None], mine: tuple[Named, ...],
    theme: str, _look: Look,
) -> go.Figure:  # fmt: skip
    b, short = state.bundle(key), short_names(genes)
    labels, kind = (selections(b, *pair), "category") if by == SELECTIONS else labelled(b, by, mine)
    adata, measure = b.cells.mod[genes_in(b)], UNITS.get(genes_in(b), "amount")
    if how == DOTS:
        found = by_group(adata, genes, labels)
        names = [shown(_number(name, kind), unit(b, kind)) for name in found.groups]
        return dot_plot(short, names, found.mean, found.percent, cells=list(found.cells), unit=measure, look=_look)
    amounts = values_of(adata, genes)
    if how == VIOLINS:
        return violins(short, amounts, labels, kind=kind, unit=measure, label_unit=unit(b, kind), look=_look)
    return cell_heatmap(short, amounts, labels, kind=kind, label_unit=unit(b, kind), look=_look)


def selections(b: Bundle, first: str, second: str | None) -> np.ndarray:
    """A, B (or the others) of every cell from their definitions, (cells,) str. Cells on both sides are A, as in comparisons."""
    labels = np.full(b.cells.n_obs, "others" if second is None else "neither", dtype=object)
    if second is not None:
        labels[rows(b, second)] = "B"
    labels[rows(b, first)] = "A"
    return labels.astype(str)


def _number(name: str, kind: str) -> object:
    return float(name) if kind == "time" else name


def _top(b: Bundle, chosen: Chosen) -> list[str]:
    try:
        table = compared(b, chosen, genes_in(b))
    except DataError as error:
        st.info(f"{error.problem} Next: {error.next_step}", icon=None)
        return []
    named = "gene" if "gene" in table else "feature"
    clear = table[table["adjusted_p"] < CLEAR]
    table = clear if len(clear) else table
    up, down = table[table["score"] > 0].head(EACH_WAY), table[table["score"] < 0].tail(EACH_WAY)
    return [*up[named], *down[named]]


def _own(b: Bundle) -> Sequence[str]:
    names = features(b, genes_in(b))
    usual = [gene for gene in b.demo.marker_genes if gene in names][:8] or names[:6]
    return st.multiselect(
        "My genes", names, usual, max_selections=MOST, key=state.own(b, "my-genes"), bind="query-params",
        select_all=False, filter_mode="contains",  # Enter adds the one gene that was typed, not all that look like it
    )  # fmt: skip

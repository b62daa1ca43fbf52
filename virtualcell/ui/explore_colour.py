"""What cells are coloured by on Explore: an annotation, a gene, several genes, a protein, a gene set, or the selections."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.explore import score_set, values_of
from virtualcell.figures.chosen_cells import TITLE as PAIR
from virtualcell.figures.chosen_cells import two_selections
from virtualcell.figures.colour_scale import Scale, coloured_amount
from virtualcell.figures.colouring import Colouring, blend, colouring
from virtualcell.figures.look import Look
from virtualcell.ui import explore_mine, state
from virtualcell.ui.explore_annotations import columns, features, genes_in, unit, values
from virtualcell.ui.explore_scale import choose_scale
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.explore_sets import chosen_set

GENE, GENES, PROTEIN, SET = "a gene", "several genes", "a surface protein", "a gene set"
MAPS, BLENDED = "one map each", "mixed on one map"
MOST, MOST_MIXED = 8, 3
"""Small maps side by side, and genes on one map: more cannot be read."""

UNITS = {"rna": "log(1 + counts per 10,000)", "prot": "centred log ratio"}


@dataclass(frozen=True)
class Wish:
    """What a reader wants to see as colour: all that is needed to make it again.

    way: "annotation", "mine", "pair", "features" (a map for each), "blend" or "set". names: title of the annotation, features,
    or the set's genes.
    """

    way: str
    names: tuple[str, ...]
    title: str
    modality: str = ""
    scale: Scale = field(default_factory=Scale)


def choose_colour(b: Bundle, chosen: Chosen) -> Wish:
    """The controls at the side of the map; with two selections, one can colour by them."""
    known, genes = columns(b), genes_in(b)
    mine = [explore_mine.TITLE] if explore_mine.groups(b) else []
    proteins = [PROTEIN] if "prot" in b.cells.mod and genes != "prot" else []
    pair = [PAIR] if chosen.b is not None else []
    ways = [*known, *mine, *pair, GENE, GENES, *proteins, *([SET] if genes == "rna" else [])]
    way = st.selectbox("Colour by", ways, key=state.own(b, "colour"), bind="query-params")
    if way == explore_mine.TITLE:
        return Wish("mine", (way,), way)
    if way == PAIR:
        return Wish("pair", (), PAIR)
    if way in known:
        return Wish("annotation", (way,), way, scale=_scale(b) if known[way][1] == "amount" else Scale())
    if way == SET:
        asked = chosen_set(b)
        if asked is None:
            return Wish("annotation", (next(iter(known)),), next(iter(known))) if known else _first_gene(b)
        return Wish("set", asked.genes, asked.name, genes, _scale(b, signed=True))
    if way == GENES:
        return _several(b)
    where = "prot" if way == PROTEIN else genes
    names = features(b, where)
    index = next((names.index(gene) for gene in b.demo.marker_genes if gene in names), 0) if way == GENE else 0
    key = "protein" if way == PROTEIN else "gene"
    one = st.selectbox("Gene" if way == GENE else way[2:].capitalize(), names, index, key=state.own(b, key), bind="query-params")
    return Wish("features", (one,), one, where, _scale(b))


def _first_gene(b: Bundle) -> Wish:
    where = genes_in(b)
    return Wish("features", (features(b, where)[0],), features(b, where)[0], where)


def _several(b: Bundle) -> Wish:
    where = genes_in(b)
    names = features(b, where)
    usual = [gene for gene in b.demo.marker_genes if gene in names][:4] or names[:4]
    picked = st.multiselect(
        "Genes", names, usual, max_selections=MOST, key=state.own(b, "several"), bind="query-params",
        select_all=False, filter_mode="contains",  # Enter adds the one gene that was typed, not all that look like it
        help=f"At most {MOST}.",
    )  # fmt: skip
    how = st.segmented_control(
        "Show", [MAPS, BLENDED], default=MAPS, required=True, key=state.own(b, "mixed"), bind="query-params",
        help=f"Up to {MOST_MIXED} genes can be mixed: where two are high together, their colours mix.",
    )  # fmt: skip
    if not picked:
        st.info("Choose at least one gene.", icon=None)
        return _first_gene(b)
    if how == BLENDED and 2 <= len(picked) <= MOST_MIXED:
        return Wish("blend", tuple(picked), " + ".join(picked), where)
    if how == BLENDED:
        st.caption(f"Choose 2 or {MOST_MIXED} genes to mix them.")
    return Wish("features", tuple(picked), ", ".join(picked), where, _scale(b))


def _scale(b: Bundle, *, signed: bool = False) -> Scale:
    with st.popover("Colour scale", width="stretch"):
        return choose_scale(b, signed=signed)


def coloured(b: Bundle, wish: Wish, chosen: Chosen, look: Look) -> list[Colouring]:
    """Colours of all cells, one entry a map; made once for the same wish, so do not change them."""
    if wish.way == "pair":
        second = chosen.a.rows[:0] if chosen.b is None else chosen.b.rows
        return [two_selections(b.cells.n_obs, chosen.a.rows, second, look=look)]
    named = tuple(explore_mine.groups(b)) if wish.way == "mine" else ()
    return _coloured(b.demo.key, state.stamp(b), wish, named, look.name, look)


@st.cache_resource(max_entries=64, show_spinner="Colouring the cells …")
def _coloured(key: str, stamp: int, wish: Wish, named: tuple, theme: str, _look: Look) -> list[Colouring]:
    b = state.bundle(key)
    if wish.way == "mine":
        return [colouring(explore_mine.annotation(b, list(named)), name=wish.title, look=_look)]
    if wish.way == "annotation":
        column, kind = columns(b)[wish.title]
        if kind == "amount":
            return [coloured_amount(values(b, column), name=wish.title, unit="", scale=wish.scale, look=_look)]
        return [colouring(values(b, column), name=wish.title, kind=kind, unit=unit(b, kind), look=_look)]
    if wish.way == "set":
        score = score_set(b.cells.mod[wish.modality], wish.names)
        return [coloured_amount(score, name=wish.title, unit="score", scale=wish.scale, look=_look)]
    amounts = values_of(b.cells.mod[wish.modality], wish.names)
    if wish.way == "blend":
        return [blend(amounts, wish.names, look=_look)]
    shown = UNITS.get(wish.modality, "")
    return [
        coloured_amount(found, name=name, unit=shown, scale=wish.scale, look=_look)
        for name, found in zip(wish.names, amounts.T, strict=True)
    ]

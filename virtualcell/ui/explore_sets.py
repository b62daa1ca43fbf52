"""Which gene set cells are coloured by: typed, delivered, or from the reader's own file."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from virtualcell.data.gene_sets import GeneSet, shipped
from virtualcell.demo import Bundle
from virtualcell.explore import find_genes, read_sets
from virtualcell.schema import DataError
from virtualcell.ui import link, state
from virtualcell.ui.explore_annotations import features, genes_in

TYPED = "my own list"


@dataclass(frozen=True)
class Asked:
    """Name of the set, and its genes as the data write them."""

    name: str
    genes: tuple[str, ...]


@st.cache_resource(max_entries=16, show_spinner="Reading the gene sets …")
def _delivered(key: str, stamp: int) -> list[GeneSet]:
    b = state.bundle(key)
    among = features(b, genes_in(b))
    return [one for one in shipped() if len(find_genes(one.genes, among).found) >= 2]


def chosen_set(b: Bundle) -> Asked | None:
    """The controls, and the set that was chosen; None, with a word on the page, where it has too few genes here."""
    among = features(b, genes_in(b))
    sets = {one.name: one for one in _delivered(b.demo.key, state.stamp(b))} | {one.name: one for one in _own(b)}
    name = st.selectbox("Gene set", [*sets, TYPED], key=state.own(b, "set"), bind="query-params")
    if name == TYPED:
        usual = ", ".join(gene for gene in b.demo.marker_genes if gene in among)
        text = st.text_area(
            "Genes", usual, key=state.own(b, "set-genes"), bind="query-params", height=90, placeholder="ISG15, MX1, IFI6 …"
        )
        wanted: tuple[str, ...] | str = text
    else:
        wanted = sets[name].genes
    with st.popover("Sets from a file", width="stretch"):
        st.file_uploader("GMT file", type=["gmt", "txt", "tsv"], key=state.own(b, "set-file"), on_change=_read, args=(b,))
        st.caption("One set a line: name, source and genes with tabs between. The file is read and not kept.")
        if problem := st.session_state.get(state.own(b, "set-problem")):
            st.error(problem, icon=None)
    try:
        found = find_genes(wanted, among)
    except DataError as error:
        st.info(f"{error.problem} Next: {error.next_step}", icon=None)
        return None
    _said(found.found, found.missing, "" if name == TYPED else f"{sets[name].source}. ")
    if len(found.found) < 2:
        st.info("A set needs two genes that were measured here. Next: add genes, or choose another set.", icon=None)
        return None
    return Asked("my gene list" if name == TYPED else name, found.found)


def _said(found: tuple[str, ...], missing: tuple[str, ...], source: str) -> None:
    if missing:
        more = " …" if len(missing) > 8 else ""
        st.caption(
            f"{source}{len(found)} of {len(found) + len(missing)} genes are in these data. Not: {', '.join(missing[:8])}{more}"
        )
    else:
        st.caption(f"{source}All {len(found)} genes are in these data.")


def _own(b: Bundle) -> list[GeneSet]:
    """Sets of the reader's file; in a link that somebody else opens, the one that was chosen."""
    sets = st.session_state.get(state.own(b, "set-own"), [])
    picked = next((one for one in sets if one.name == st.session_state.get(state.own(b, "set"))), None)
    kept = state.own(b, "own-set")
    if picked is not None:
        if not link.remember(kept, "~".join((picked.name, " ".join(picked.genes)))):
            st.caption("This set is too long for a link: whoever opens it needs the file as well.")
        return sets
    name, cut, genes = (link.recall(kept) or "").partition("~")
    if not cut or not genes.split() or name in {one.name for one in sets}:
        return sets
    return [*sets, GeneSet(name, "from the link", tuple(genes.split()))]


def _read(b: Bundle) -> None:
    given, problem = st.session_state.get(state.own(b, "set-file")), None
    if given is not None:
        try:
            found = read_sets(given.getvalue(), given.name)
            st.session_state[state.own(b, "set-own")] = found
            st.session_state[state.own(b, "set")] = found[0].name
        except DataError as error:
            problem = str(error)
    st.session_state[state.own(b, "set-problem")] = problem

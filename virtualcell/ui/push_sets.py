"""Which gene sets a push changes more than other genes, from papers that are named or from the reader's own file."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.data.gene_sets import GeneSet, parse_gmt, shipped
from virtualcell.demo import Bundle
from virtualcell.figures.set_changes import set_changes as drawn
from virtualcell.perturbation.effect import ADDED, MEASURED, PSEUDO, Effect
from virtualcell.perturbation.set_change import FEWEST, around_means, set_changes
from virtualcell.schema import DataError
from virtualcell.ui import link, pushed, state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

SHOWN, CLEAR = 15, 0.05


def push_sets(b: Bundle, found: Effect, name: str) -> None:
    """Sets in a picture, their genes in a table, and a place for the reader's own."""
    picture, rest = st.columns([1.25, 1], gap="large")
    with rest:
        own = _own(b)
        # A set of the reader's takes the place of one of the same name.
        sets = [*(one for one in shipped() if one.name not in {mine.name for mine in own}), *own]
    table = set_changes(found.genes, sets, _noise(b, found), b.model.features())
    with picture:
        if table.empty:
            st.info(
                f"Of none of the {len(sets)} sets does the model read {FEWEST} genes or more: it reads {len(found.genes):,} "
                "genes of these cells. Give sets of your own under “Your own gene sets”.",
                icon=None,
            )
            return
        first = table.head(SHOWN)
        fig = drawn(
            [f"{one} ({n} of {of})" for one, n, of in zip(first["set"], first["measured"], first["of"], strict=True)],
            first["change"].to_numpy(),
            first["low"].to_numpy(),
            first["high"].to_numpy(),
            (first["q"] < CLEAR).to_numpy(),
            list(first["leading"]),
            others=float(found.genes["log2_fold_change"].mean()),
            look=look(),
        )
        chart(fig, "gene-sets", alt=f"Mean change of gene sets under {name}", file=f"{b.demo.key}-{name}-sets")
        left = len(sets) - len(table)
        st.caption(
            "In brackets: genes of the set that the model reads. Filled: its genes change otherwise than the others (by rank; "
            f"that genes vary together is accounted for; false discovery rate {100 * CLEAR:.0f} %). "
            + (f"{left} sets with fewer than {FEWEST} measured genes are left out. " if left else "")
            + (
                "Interval: error of the measured effect."
                if found.kind in (MEASURED, ADDED)
                else "Interval: spread over cells; the model's own error is not in it, and the model reads some genes alike."
            )
        )
    with rest:
        number = st.column_config.NumberColumn
        st.dataframe(
            table[["set", "change", "q", "leading", "source"]],
            hide_index=True,
            column_config={
                "set": st.column_config.TextColumn("Set", width="medium"),
                "change": number("change", format="%.2f", help="mean log2 fold change"),
                "q": number("q", format="%.2g", help="false discovery rate over these sets"),
                "leading": st.column_config.TextColumn("genes that lead", width="medium"),
                "source": "source",
            },
        )
        table_download(b, table, "gene-sets", "All sets as CSV")


def _own(b: Bundle) -> list[GeneSet]:
    """The reader's sets: a file or pasted text; what cannot be read is said and left out."""
    with st.expander("Your own gene sets"):
        given = st.file_uploader("GMT file", type=["gmt", "txt", "tsv"], key=state.own(b, "gmt-file"))
        # Not bound to the link, which a long list would break: short ones are remembered there.
        key = state.own(b, "gmt-text")
        if key not in st.session_state:
            st.session_state[key] = link.recall(state.own(b, "sets")) or ""
        text = st.text_area(
            "or paste it",
            key=key,
            height=100,
            placeholder="name ⇥ source ⇥ gene ⇥ gene …",
            help="One set a line.",
        )
        if not link.remember(state.own(b, "sets"), text if text.strip() else None):
            st.caption("So many genes do not fit into a link: it opens this view without them.")
    try:
        if given is not None:
            return parse_gmt(_decoded(given.getvalue(), given.name), given.name)
        return parse_gmt(text) if text.strip() else []
    except DataError as error:
        st.error(str(error), icon=None)
        return []


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError("It is not plain text.", next_step="save it as a GMT file in UTF-8.", file=name) from None


def _noise(b: Bundle, found: Effect) -> np.ndarray:
    """How cells that should be alike differ, (cells, genes): of the measured cells behind a response, else of what the model
    says of these."""
    if found.kind in (MEASURED, ADDED):
        assert b.model.response is not None  # it responded
        screen = pushed.screen(b)
        taken = np.isin(screen.treatment, [*b.model.response.parts(found.name), screen.control])
        kinds = np.char.add(np.char.add(screen.treatment[taken], "\n"), screen.group[taken])
        return around_means(screen.expression[taken], kinds)
    with_it, without = (b.model.decode(states) + PSEUDO for states in (found.treated, found.untreated))
    change = np.log2(with_it / without)
    return around_means(change, np.zeros(len(change), dtype=int))

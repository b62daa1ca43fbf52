"""Perturb: what does this treatment, or an edit of these genes, do?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.perturbation import shift
from virtualcell.perturbation.effect import ADDED, MEASURED
from virtualcell.ui import asked, code_pages, marks, pushed, state, words
from virtualcell.ui.edit_choice import edit_choice
from virtualcell.ui.frame import inside
from virtualcell.ui.honesty import honesty
from virtualcell.ui.marks import MARKED
from virtualcell.ui.methods import methods
from virtualcell.ui.outcomes import outcomes
from virtualcell.ui.parts import caveats, chart, lead, provenance
from virtualcell.ui.push_cells import GOAL, START, widget
from virtualcell.ui.push_genes import changed
from virtualcell.ui.push_release import push_release
from virtualcell.ui.share import share
from virtualcell.ui.theme import look
from virtualcell.ui.which_dose import which_dose
from virtualcell.ui.which_push import which_push

inside()
b = state.bundle()
columns = b.demo.columns
treatments = list(b.model.record["treatments"])
TREATMENT, GENES, NOTHING_MORE = "treatment", "genes", "nothing else"
FEWEST = 3  # cells that can be pushed; no string stands alone here, as Streamlit would write it on the page


def pair(first: str, second: str, known: list[str]) -> str:
    """Two treatments at once, by the name under which they were measured together if they were."""
    return next((both for both in (f"{first}+{second}", f"{second}+{first}") if both in known), f"{first}+{second}")


place = lead(
    b,
    "The same cells without and with a push. Arrows: how single cells differ."
    if b.model.moves
    else "The same cells as the model reads them with and without an edit of genes. Nothing moves: "
    "the edit changes how they are read.",
)
main, side = st.columns([3.2, 1], gap="medium")
with side:
    kind = st.segmented_control(
        "Push by",
        [TREATMENT, GENES] if treatments else [GENES],
        default=TREATMENT if treatments else GENES,
        required=True,
        key=state.own(b, "push"),
        bind="query-params",
    )
    treatment = edit = None
    if kind == TREATMENT:
        treatment = st.selectbox("Treatment", treatments, key=state.own(b, "treatment"), bind="query-params")
        parts = sorted({part for known in treatments for part in known.split("+")} & set(treatments))
        if len(parts) > 1:
            # Always there and with the same choices: the link takes what a click on a pair sets of controls on the page alone.
            both = "+" in treatment
            second = st.selectbox(
                "Together with", [NOTHING_MORE, *parts], key=state.own(b, "together-with"), bind="query-params", disabled=both,
                help="The treatment chosen is a pair already." if both else None,
            )  # fmt: skip
            if second == treatment:
                st.caption(f"{treatment} twice is not known: it is taken alone.")
            elif second != NOTHING_MORE and not both:
                treatment = pair(treatment, second, treatments)
        if len(parts) > 1:
            st.caption("Of a treatment that was never measured, alone or with others, nothing is claimed.")
        name = treatment
    else:
        edit = edit_choice(b)
        name = edit.name
    groups = state.groups(b)
    everyone = {"all untreated cells": state.untreated(b)} if columns.perturbation else {"all cells": np.arange(b.cells.n_obs)}
    marked = marks.marked(b)
    options = everyone | ({MARKED: marked} if len(marked) else {})
    alone = state.untreated(b)
    named = {title: np.intersect1d(rows, alone) for title, rows in groups.items() if not title.startswith("treatment")}
    options |= {title: rows for title, rows in named.items() if len(rows) >= FEWEST}
    start = st.selectbox("Cells to push", list(options), key=state.own(b, "cells-to-push"), bind="query-params")
    rows = options[start]
    if columns.perturbation and start not in everyone:
        rows = np.intersect1d(rows, state.untreated(b))
if len(rows) < FEWEST:
    st.info("Fewer than three untreated cells are in this group; choose another.", icon=None)
    st.stop()

rows = state.some(rows, pushed.MOST_PUSHED)
found = pushed.effect(b, rows, treatment=treatment, edit=edit)
responded = found.kind in (MEASURED, ADDED)
stays = responded or not b.model.moves or (edit is not None and b.model.times is None)
genes, certain = found.genes, changed(found.genes)
with side:
    st.metric(
        "Genes changed by 20 %",
        f"{len(certain):,} of {len(genes):,}",
        help="Or more, up or down, and the 95 % interval does not include no change.",
    )
    st.metric("Inside measured range", f"{100 * found.in_domain:.0f} %")
    if not len(certain):
        st.markdown("No gene changes by 20 % or more: the model hardly depends on this.")
    if edit is not None:
        st.warning(words.SENSITIVITY, icon=None)
    if found.kind == ADDED:
        st.caption(f"**{words.literal(name)}** was not measured: the changes of its parts, each measured alone, are added.")
    if b.demo.key == "a549":
        st.caption(words.DRUG_IS_TIME)

if not stays:
    labels = ("moved without the push", f"moved with: {name}")
else:
    labels = ("as measured", f"predicted with {name}" if treatment is not None else f"read with {name}")
with main:
    put = state.placing(b)
    fig = shift(
        b.umap2,
        put(found.untreated),
        put(found.treated),
        labels=labels,
        look=look(),
        height=540,
        n_arrows=25,
        groups=state.values(b, columns.state)[rows] if columns.state else None,
    )
    chart(fig, f"shift-{b.demo.key}", alt=f"Cells with and without {name} on the map", file=f"{b.demo.key}-{name}-shift")

outcomes(b, found, name, by_treatment=treatment is not None)

if treatment is not None:
    push_release(b, rows, treatment)
if b.model.response is not None and len(treatments) > 1:
    which_push(b)
elif treatments and b.model.times is not None:
    which_dose(b)
chosen_below = (st.session_state.get(widget(b, role)) for role in (START, GOAL))
marks.in_link(b, MARKED in (start, *chosen_below))
if treatment is not None:
    honesty(b)
caveats(b)
provenance(b, found.kind, f"{len(rows)} cells pushed", f"prediction seed {found.seed}")
share(
    b,
    code=lambda: code_pages.pushed(
        b, start, treatment=treatment, edit=edit, labels=labels, most=pushed.MOST_PUSHED, seed=found.seed
    ),
    methods=lambda: methods(b, asked.pushed(b, found, name, start, len(rows))),
    place=place,
)

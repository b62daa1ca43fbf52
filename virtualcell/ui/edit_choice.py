"""Which genes are edited, how, and whether the peaks near them go along."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.perturbation.edit import ATAC, Edit, highest
from virtualcell.perturbation.peaks_near import WINDOW, peaks_near, says_where
from virtualcell.schema import COUNTS_LAYER
from virtualcell.training.given import RNA
from virtualcell.ui import state
from virtualcell.ui.modalities import modalities

OUT, HALVED, DOUBLED, HIGHEST = "taken out", "halved", "doubled", "as in the highest cells"
FOLDS = {OUT: 0.0, HALVED: 0.5, DOUBLED: 2.0}
SHARE = 0.05
"""Of the cells: those called the highest."""


def edit_choice(b: Bundle) -> Edit:
    """Controls for an edit; where no gene is chosen it says so and stops the page there."""
    if RNA not in b.cells.mod:
        st.info("No RNA was measured in these cells, so there is no gene to edit.", icon=None)
        st.stop()
    genes = b.model.features(RNA)
    usual = [gene for gene in b.demo.marker_genes if gene in genes][:1] or genes[:1]
    chosen = st.multiselect(
        "Genes", genes, default=usual, key=state.own(b, "edited"), bind="query-params",
        select_all=False, filter_mode="contains",  # Enter adds the one gene that was typed, not all that look like it
    )  # fmt: skip
    how = st.pills(
        "What the model reads of them",
        [*FOLDS, HIGHEST],
        default=OUT,
        required=True,
        wrap=True,
        key=state.own(b, "edit"),
        bind="query-params",
        help=f"'{HIGHEST}': cells with less are raised to the mean of the {100 * SHARE:.0f} % of cells that have most.",
    )
    if not chosen:
        st.info("Choose a gene to edit.", icon=None)
        st.stop()
    level = _levels(b, chosen) if how == HIGHEST else None
    fold = FOLDS.get(how)
    peaks = _peaks(b, chosen, Edit.of(chosen, fold, level).done_to_peaks)
    edit = Edit.of(chosen, fold, level, peaks)
    if fold == FOLDS[DOUBLED]:
        st.caption("Cells that counted none of a gene still have none when it is doubled.")
    return edit


def _levels(b: Bundle, genes: list[str]) -> list[float]:
    rna = b.cells.mod[RNA]
    return highest(rna.layers[COUNTS_LAYER].tocsr(), list(rna.var_names.get_indexer(genes)), SHARE).tolist()


def _peaks(b: Bundle, genes: list[str], done: str) -> list[str]:
    """Peaks that go along: those near the genes where the data say which, else those that the reader names."""
    if not {RNA, ATAC} <= set(modalities(b)):
        return []
    atac, positions = b.cells.mod[ATAC].var, b.cells.mod[RNA].var
    known = b.model.features(ATAC)
    if not says_where(atac, positions):
        st.caption("Chromatin stays as it is: the data do not say which peaks lie near a gene.")
        return st.multiselect(
            f"Peaks {done} as well", known, key=state.own(b, "peaks"), bind="query-params",
            select_all=False, filter_mode="contains",
        )  # fmt: skip
    near = [peak for peak in peaks_near(genes, atac, positions=positions) if peak in set(known)]
    if not near:
        st.caption(f"Chromatin stays as it is: no measured peak lies within {WINDOW / 1000:g} kb.")
        return []
    peaks = "1 peak" if len(near) == 1 else f"{len(near)} peaks"
    along = st.toggle(
        f"{peaks} within {WINDOW / 1000:g} kb {done} too",
        value=True,
        key=state.own(b, "with-peaks"),
        bind="query-params",
        help=", ".join(_shown(pd.Index(near))),
    )
    return near if along else []


def _shown(peaks: pd.Index, most: int = 6) -> list[str]:
    return [*peaks[:most], *([f"{len(peaks) - most} more"] if len(peaks) > most else [])]

"""Generate, fifth view: which time, treatment or cell state is plausible for cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.pair_figures import label_scores
from virtualcell.ui import code_generate, modalities, state
from virtualcell.ui import generate as g
from virtualcell.ui.generate_refused import refused
from virtualcell.ui.generate_tested import judged
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

MOST = 1000
"""Cells that are scored at most."""


@st.cache_resource(max_entries=16, show_spinner="Trying every label on these cells …")
def _labels(key: str, stamp: int, packed: bytes, column: str) -> pd.DataFrame:
    b = state.bundle(key)
    return b.model.label_scores(b.cells[np.frombuffer(packed, dtype=np.int64)].copy(), column=column)


def names_of(values: np.ndarray) -> np.ndarray:
    """Labels as the judge calls them, (cells,) str: times without a unit."""
    return np.array([f"{value:g}" if isinstance(value, float) else str(value) for value in values.tolist()], dtype=object)


def plausible(b: Bundle, learned: set[str]) -> g.Shown | None:
    """Draws this part of the view; None where it has nothing to show. learned: labels that the judge knows."""
    columns = b.demo.columns
    held_in = {"time": columns.time, "treatment": columns.perturbation, "cell state": columns.state}
    kinds = {"time": "time", "treatment": "treatment", "cell state": "state"}
    known = [name for name, column in held_in.items() if column is not None and kinds[name] in learned]
    if not known:
        return None
    st.markdown("##### Which labels are plausible?")
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        title = st.selectbox("Label", known, key=state.own(b, "pairs-label"), bind="query-params")
        group, rows = g.cells_choice(b, "labels", np.ones(b.cells.n_obs, dtype=bool), most=MOST)
    if not len(rows):
        st.info("There are no such cells; choose others.", icon=None)
        return None
    asked, table = len(rows), _labels(b.demo.key, state.stamp(b), rows.astype(np.int64).tobytes(), kinds[title])
    with side:
        refused(table.attrs["why"].values(), asked, *modalities.modalities(b))
    judgeable = table.notna().all(axis=1).to_numpy()
    rows, table = rows[judgeable], table[judgeable]
    unit = f" {columns.time_unit}" if title == "time" else ""
    own = names_of(state.values(b, str(held_in[title]))[rows])
    tried = list(table.columns)
    groups = [one for one in tried if (own == one).any()]
    if not groups:
        st.info("None of the cells that can be judged has a label that the model knows.", icon=None)
        return None
    share = np.stack([table.to_numpy()[own == one].mean(axis=0) for one in groups])
    right = float((np.asarray(tried, dtype=object)[table.to_numpy().argmax(axis=1)] == own).mean())
    with main:
        fig = label_scores([f"{one}{unit}" for one in groups], [f"{one}{unit}" for one in tried], share, asked=title, look=look())
        chart(fig, f"label-scores-{b.demo.key}", alt=f"How plausible each {title} is for cells of each {title}",
              file=f"{b.demo.key}-labels")  # fmt: skip
        learned_from = len(np.setdiff1d(rows, modalities.kept_out(b)))
        trained = f" :orange[{learned_from:,} of them trained the judge], so it looks better here than on new cells."
        st.caption(f"A row: {len(rows):,} cells by their own {title}, and how plausible each {title} is for them on average."
                   f"{trained if learned_from else ' None of them trained the judge.'}")  # fmt: skip
    with side:
        commonest = max(float((own == one).mean()) for one in groups)
        st.metric("Own label most plausible", f"{100 * right:.0f} %", help=f"Of these {len(rows):,} cells.")
        said = f"Always naming the commonest label would be right in {100 * commonest:.0f} %"
        st.markdown(f"{said}." if right > commonest else f"{said}: **the judge does no better here**.")
        table_download(
            b, table.rename(columns=str).assign(cell=b.cells.obs_names[rows], own=own), "label-scores", "Every cell as CSV"
        )
    heading = "How well wrong labels are found in cells that nothing had learned from"
    judged(b, f"{b.demo.key}, labels", heading, about=kinds[title])
    return g.Shown(
        code=lambda: code_generate.labels(b, group, kinds[title], str(held_in[title]), title, unit, MOST),
        methods=lambda: f"For {len(rows):,} cells (“{group}”) the model's adversary scored how plausible each {title} is.",
        facts=(f"{len(rows)} cells scored",),
    )

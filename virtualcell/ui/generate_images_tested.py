"""Generate, blood-cell images: do drawn pictures pass for photographs, do the codes sort cells, how did they settle?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.generative.images import BloodCells, ImageCodes
from virtualcell.ui.generate_settled import settled_verdict, training_log
from virtualcell.ui.parts import table_download

OURS = "image codes"
OVER_SEEDS, SHOWN = "blood-cell images, slides never trained on", "blood-cell images, the model that is shipped (seed {})"
"""The benchmark's names: of the codes, of where figures over trainings are from, and of those of the model shown here."""
PURITY = "purity (codes named on training slides)"
START = {"Gaussian mixture (start of the codes)": "the mixture of Gaussians that the kinds start from"}
"""Names of the benchmark that a sentence says in other words."""
PASSES = 0.6
"""Share of pairs told rightly below which drawn pictures often pass."""
COPIED = 0.01
"""Share of photographs of other slides that are as near to a training photograph as ``share nearer`` asks: more are copies."""


@dataclass(frozen=True)
class Pictures:
    """The model, the photographs and how it reads them: category (n,), continuous (n, knobs); unseen: rows of photographs on
    slides that nothing was learned from or chosen by."""

    model: ImageCodes
    cells: BloodCells
    category: np.ndarray
    continuous: np.ndarray
    unseen: np.ndarray


def passing(found: Pictures, tested: dict[str, Any] | None) -> None:
    """Are drawn pictures told from photographs, and are they copies: of the model shown, and over trainings."""
    st.markdown("##### Could a drawn picture pass for a photograph?")
    shown = SHOWN.format(found.model.settings.seed)
    told, over = (_row(tested, where, "AUROC") for where in (shown, OVER_SEEDS))
    near, copies = (_row(tested, shown, begin) for begin in ("distance to the nearest", "share nearer"))
    if told is None or over is None or near is None or copies is None:
        st.markdown("This was not measured for the model shown here.")
        return
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.metric(
            "Drawn one recognised", f"{100 * told['value']:.0f} %",
            "50 % would be guessing", delta_color="off", delta_arrow="off",
            help="Of pairs of a drawn picture and a photograph from slides that nothing was learned from: how often a classifier "
            "(trees on the main components of the pixels; AUROC) picks out the drawn one. Of the model shown here.",
        )  # fmt: skip
    with right:
        st.markdown(
            f"{'Hardly' if told['value'] > PASSES else 'Often'}. Drawn pictures are soft and vary less than photographs: they "
            "have no fine grain, and nuclei have hardly any lobes. A simple classifier tells them from photographs; over "
            f"{len(over['seeds'])} trainings it picked out the drawn one in {100 * over['value']:.0f} % of pairs. They show what "
            "each kind and knob means; they are no data."
        )
        few = copies["value"] <= COPIED
        st.markdown(
            "They are **no copies** of the photographs that were learned from."
            if few
            else f"**Some may be copies**: {100 * copies['value']:.0f} % lie very near to a photograph that was learned from.",
            help="Of the model shown here. To the nearest photograph that was learned from, turned and mirrored in all eight "
            f"ways, drawn pictures are {near['value']:.2f} times as far as photographs of other slides are (0: copies, 1: as new "
            "as they). Of those photographs 1 % are nearer than a certain distance; of drawn pictures "
            f"{100 * copies['value']:.1f} % are.",
        )


def sorting(b: Bundle, found: Pictures, tested: dict[str, Any] | None) -> None:
    """How well the codes sort photographs on unseen slides; the names were never told."""
    st.markdown("##### Do the codes say what the cells are?")
    labels, category, record = found.cells.labels[found.unseen], found.category[found.unseen], found.model.record
    kinds, count = np.unique(labels, return_counts=True)
    commonest, share = kinds[count.argmax()], count.max() / count.sum()
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.metric(
            "Named rightly by their code", f"{100 * record['purity']:.1f} %",
            f"calling all of them {commonest}s: {100 * share:.1f} %", delta_color="off", delta_arrow="off",
            help=f"Of {len(labels):,} photographs on {record['slides']['test']} slides that nothing was learned from or chosen "
            "by. A code is named by most photographs of it on other slides. Of the model shown here. Its adjusted Rand index "
            f"with the true kinds is {record['ari']:.2f} (0: as by chance, 1: perfect).",
        )  # fmt: skip
        for kind, recall in record["recall"].items():
            st.caption(f"{kind}: {100 * recall:.0f} % of {(labels == kind).sum():,} named rightly")
    with right:
        n = found.model.n_categories
        table = pd.crosstab(pd.Categorical(category + 1, range(1, n + 1)), labels, dropna=False)
        table = table.rename_axis("code").reset_index()
        table.insert(1, "called", [name.kind for name in found.model.names])
        st.dataframe(table, hide_index=True)
        table_download(b, table, "image-codes")
        st.markdown(_simpler(tested))
        st.caption("Small cells were enlarged to the same size and look blurred, which helps every way of sorting.")


def _simpler(tested: dict[str, Any] | None) -> str:
    """How simpler ways sort the same photographs, over trainings."""
    rows = [row for row in (tested or {}).get("rows", []) if row["where"] == OVER_SEEDS and row["metric"] == PURITY]
    ours = next((row["value"] for row in rows if row["method"] == OURS), None)
    if ours is None:
        return "Simpler ways of sorting were not measured beside the model shown here."
    best = max((row for row in rows if row["method"] != OURS), key=lambda row: row["value"])
    method = START.get(best["method"], best["method"])
    verdict = (
        f"**To sort alone, {method} is as good or better**; what the generator adds is drawing by kind, and knobs."
        if best["value"] >= ours
        else f"**No simpler way sorts better**; the best is {method}."
    )
    return (
        f"{verdict} Named rightly, mean over {len(rows[0]['seeds'])} trainings: it {100 * best['value']:.1f} %, "
        f"the codes {100 * ours:.1f} %."
    )


def settled(found: Pictures) -> None:
    st.markdown("##### Did the kinds settle?")
    st.markdown(settled_verdict(found.model.log, found.model.n_categories, "picture"))
    with st.expander("The training, step by step"):
        training_log(
            found.model.log, found.model.n_categories, key="images-log", file="blood_cells-codes-log",
            said="The kinds start from groups that the photographs fall into by themselves (a Gaussian mixture), without any "
            "label. How evenly they are used follows how common the kinds of cell are.",
        )  # fmt: skip


def _row(tested: dict[str, Any] | None, where: str, metric: str) -> dict[str, Any] | None:
    """Our row of the benchmark of that place whose measure begins so."""
    rows = (row for row in (tested or {}).get("rows", []) if row["method"] == OURS)
    return next((row for row in rows if row["where"] == where and row["metric"].startswith(metric)), None)

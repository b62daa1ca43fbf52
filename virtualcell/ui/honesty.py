"""How well predictions did on cells that no part of the training saw, beside simpler predictions."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.heldout import heldout
from virtualcell.ui import words
from virtualcell.ui.parts import chart, heldout_panels
from virtualcell.ui.theme import look


def honesty(b: Bundle) -> None:
    """One panel for each measure in the demo's report; without a report, says that nothing was tested."""
    st.markdown("##### How far can this be trusted?")
    panels = {
        place: rows
        for place, rows in heldout_panels(b.report["rows"]).items()
        if any(words.is_ours(row["method"]) for row in rows)
    }
    if not panels:
        st.info(
            "No held-out test was made for these cells, so nothing here says how close the predictions come to the truth.",
            icon=None,
        )
        return
    for start in range(0, len(panels), 2):
        for place, ((where, metric), rows) in zip(
            st.columns(2, gap="large"), list(panels.items())[start : start + 2], strict=False
        ):
            names = [row["method"] for row in rows]
            ours = next(name for name in names if words.is_ours(name))
            floor = next((name for name in names if words.is_floor(name)), None)
            low = np.array([row["value"] if row["low"] is None else row["low"] for row in rows])
            high = np.array([row["value"] if row["high"] is None else row["high"] for row in rows])
            with place:
                st.markdown(f"**{where}**")
                fig = heldout(
                    names,
                    np.array([row["value"] for row in rows]),
                    low,
                    high,
                    ours=ours,
                    floor=floor,
                    measure=metric,
                    look=look(),
                )
                chart(fig, f"heldout-{where}-{metric}", alt=f"{metric} of each method, {where}", file=f"{b.demo.key}-heldout")
                st.markdown(words.verdict(rows, ours, [floor] if floor else []))
                kinds = {row["interval"] for row in rows if row["interval"]}
                seeds = sorted({seed for row in rows for seed in row["seeds"]})
                small = [
                    f"Intervals: {'; '.join(sorted(kinds))}." if kinds else "",
                    f"Seeds: {', '.join(map(str, seeds))}." if seeds else "",
                ]
                floor_said = (
                    "Dotted: two halves of the measured cells against each other; nothing can do better than that."
                    if floor
                    else ""
                )
                st.caption(" ".join(part for part in (floor_said, *small) if part))
    for claim in b.report["claims"]:
        sign = ":green[holds]" if claim["holds"] else ":red[does not hold]"
        st.markdown(f"{sign}: {claim['name']} ({claim['value']:.3g}, target {claim['target']})")

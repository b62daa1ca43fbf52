"""Where cells end with and without a push, where there are times to move through."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.fate_change import fate_change as drawn
from virtualcell.perturbation.effect import ADDED, MEASURED, SENSITIVITY, Effect
from virtualcell.ui import state
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

COPIES = 4


def has_fates(b: Bundle, found: Effect) -> bool:
    """Whether cells were moved by it: there are times, and the effect is no measured response."""
    return b.model.moves and b.model.times is not None and found.kind not in (MEASURED, ADDED)


def push_fates(b: Bundle, found: Effect, name: str) -> None:
    """Shares of where the same cells end, in a picture and a table of differences."""
    table = state.fate_change(b, found, copies=COPIES)
    picture, rest = st.columns([1.25, 1], gap="large")
    sides = [tuple(table[f"{side}{end}"].to_numpy() for end in ("", "_low", "_high")) for side in ("without", "with")]
    with picture:
        fig = drawn(list(table["fate"]), sides[0], sides[1], labels=("without the push", f"with: {name}"), look=look())
        chart(fig, "push-fates", alt=f"Where cells end with and without {name}", file=f"{b.demo.key}-{name}-fates")
    with rest:
        clear = table[(table["low"] > 0) | (table["high"] < 0)]
        if clear.empty:
            st.markdown("**No share differs** by more than cells differ.")
        else:
            most = clear.loc[clear["change"].abs().idxmax()]
            st.markdown(
                f"**{most['fate']}: {100 * most['change']:+.1f} points** [{100 * most['low']:+.1f}, {100 * most['high']:+.1f}], from "
                f"{100 * most['without']:.1f} % to {100 * most['with']:.1f} %."
            )
        shown = table[["fate", "without", "with", "change", "low", "high"]].copy()
        shown.iloc[:, 1:] *= 100
        number = st.column_config.NumberColumn
        st.dataframe(
            shown,
            hide_index=True,
            height=min(420, 38 + 35 * len(shown)),
            column_config={
                "fate": "ends as",
                "without": number("without", format="%.1f %%"),
                "with": number("with", format="%.1f %%"),
                "change": number("difference", format="%+.1f", help="percentage points"),
                "low": number("lower 95 %", format="%+.1f"),
                "high": number("upper 95 %", format="%+.1f"),
            },
        )
        table_download(b, table, "fates-of-push", "Shares as CSV")
        unit = b.demo.columns.time_unit
        st.caption(
            f"The same cells, {COPIES} futures of each, moved for {b.model.span:g} {unit} with the same random numbers, then named by the "
            "nearest measured cells and weighted by descendants. Interval: other cells; the model's own error is not in it."
            + (" What the model's reading depends on, which is no evidence of cause." if found.kind == SENSITIVITY else "")
        )

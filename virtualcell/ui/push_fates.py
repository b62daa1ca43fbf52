"""Where cells end with and without a push, where there are times to move through."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.fate_change import fate_change as drawn
from virtualcell.perturbation.effect import ADDED, MEASURED, SENSITIVITY, Effect
from virtualcell.ui import pushed
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

COPIES = 4

LEAST = 0.01
"""Of all cells: a smaller difference of shares is not worth a word."""

NONE = 0.002
"""Of all cells: fates that at most so few can reach are in the table only."""


def has_fates(b: Bundle, found: Effect) -> bool:
    """Whether cells were moved by it: there are times, and the effect is no measured response."""
    return b.model.moves and b.model.times is not None and found.kind not in (MEASURED, ADDED)


def push_fates(b: Bundle, found: Effect, name: str) -> None:
    """Shares of where the same cells end, in a picture and a table of differences."""
    table = pushed.fate_change(b, found, copies=COPIES)
    picture, rest = st.columns([1.25, 1], gap="large")
    some = table[table[["without_high", "with_high"]].max(axis=1) >= NONE]
    sides = [tuple(some[f"{side}{end}"].to_numpy() for end in ("", "_low", "_high")) for side in ("without", "with")]
    with picture:
        fig = drawn(list(some["fate"]), sides[0], sides[1], labels=("without the push", f"with: {name}"), look=look())
        chart(fig, "push-fates", alt=f"Where cells end with and without {name}", file=f"{b.demo.key}-{name}-fates")
    with rest:
        clear = table[((table["low"] > 0) | (table["high"] < 0)) & (table["change"].abs() >= LEAST)]
        if clear.empty:
            st.markdown(f"**No share differs** by {100 * LEAST:.0f} point or more, beyond how cells differ.")
        else:
            most = clear.loc[clear["change"].abs().idxmax()]
            st.markdown(
                f"**{most['fate']}: {100 * most['change']:+.1f} points** [{100 * most['low']:+.1f}, {100 * most['high']:+.1f}], "
                f"from {100 * most['without']:.1f} % to {100 * most['with']:.1f} %."
            )
        shown = table[["fate", "without", "with", "change", "low", "high"]].copy()
        shown.iloc[:, 1:] *= 100
        number = st.column_config.NumberColumn
        st.dataframe(
            shown,
            hide_index=True,
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
            f"The same cells, {COPIES} futures of each, moved for {b.model.span:g} {unit} with the same random numbers, then "
            "named by the nearest measured cells and weighted by descendants. Interval: other cells, not the model's error."
            + (" What the model's reading depends on, which is no evidence of cause." if found.kind == SENSITIVITY else "")
        )

"""Explore: what are these cells?"""

from __future__ import annotations

import streamlit as st

from virtualcell.ui import explore_mine, state, words
from virtualcell.ui.explore_by_group import genes_by_group
from virtualcell.ui.explore_code import about, code
from virtualcell.ui.explore_colour import choose_colour, coloured
from virtualcell.ui.explore_differ import what_differs
from virtualcell.ui.explore_keep import keep_cells
from virtualcell.ui.explore_made_of import made_of
from virtualcell.ui.explore_maps import choose_views, draw_maps
from virtualcell.ui.explore_select import A, choose_cells, forget
from virtualcell.ui.frame import inside
from virtualcell.ui.parts import caveats, lead, provenance
from virtualcell.ui.share import share
from virtualcell.ui.theme import look

MADE_OF, DIFFER, BY_GROUP, KEEP = "Made of", "Genes that differ", "Genes by group", "Name and keep"
PANELS = {MADE_OF: made_of, DIFFER: what_differs, BY_GROUP: genes_by_group, KEEP: keep_cells}

inside()
b = state.bundle()
place = lead(
    b,
    "Each point is a cell. Colour the cells, then draw around some with the lasso, or choose a group, to see what they are made "
    "of and which genes set them apart.",
)
views = choose_views(b)
# Two maps take the whole width: their controls stand in a row above them.
controls = st.columns(3, gap="small") if len(views) > 1 else None
main, side = (st.container(), None) if controls else st.columns([3.2, 1], gap="medium")
colour_at = controls[0] if controls else side.container()
# Above the maps, but drawn after the selections: one can colour by these.
with controls[1] if controls else side:
    chosen = choose_cells(b, second=controls[2] if controls else None)
with colour_at:
    wish = choose_colour(b, chosen)
colours = coloured(b, wish, chosen, look())
with main:
    if draw_maps(b, views, colours, chosen):
        st.rerun()
    st.caption(words.MAP)
state.mark(b, chosen.a.rows)

n = len(chosen.a.rows)
head, clear = st.columns([3.2, 1], vertical_alignment="center")
with head:
    if n:
        other = "" if chosen.b is None else words.literal(chosen.b.name) or "none yet"
        against = "all others" if chosen.b is None else f"{len(chosen.b.rows):,} of B ({other})"
        st.markdown(f"##### {n:,} of {b.cells.n_obs:,} cells chosen, compared with {against}")
if n or chosen.b is not None:
    clear.button("Clear the selection", key="clear", on_click=forget, args=(b,), width="stretch")
panel = st.segmented_control(
    "Panel", list(PANELS), default=MADE_OF, required=True, key="panel", bind="query-params", label_visibility="collapsed"
)
shown = None
if chosen.draws != A and chosen.b is not None and not len(chosen.b.rows):
    st.info("Now draw around the cells to compare with: the lasso draws selection B.", icon=None)
if not n and panel in (MADE_OF, DIFFER):
    st.info(
        "No cells are chosen yet. Next: draw around some with the lasso or the box (buttons above the map), or choose a group "
        "under “Look closer at”.",
        icon=None,
    )
else:
    shown = PANELS[panel](b, chosen)
mine = explore_mine.groups(b)
share(
    b,
    code=lambda: code(b, wish, views, chosen, shown),
    methods=lambda: about(b, wish, views, chosen, shown),
    annotations=[explore_mine.described(b)] if mine else [],
    place=place,
)
if b.demo.caveats:
    caveats(b)
provenance(b)

"""Keeping chosen cells: naming them as a group, renaming and removing groups, and new maps of some cells alone."""

from __future__ import annotations

import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.ui import explore_mine, explore_places, state
from virtualcell.ui.explore_chosen import rows
from virtualcell.ui.explore_mine import MOST_GROUPS, MOST_MAPS, TITLE, Named, clean
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.words import literal


def keep_cells(b: Bundle, chosen: Chosen) -> None:
    """Left: name the selection; right: what was named."""
    left, right = st.columns([1, 1.3], gap="large")
    with left:
        if len(chosen.a.rows):
            _name_it(b, chosen)
            _map_it(b, chosen)
        else:
            st.info("Choose cells first: draw around some on a map, or choose a group beside it.", icon=None)
    with right:
        _groups(b)
        _maps(b)
    st.caption(
        "Names stay in this page's link and in this browser. “Share & export” at the head of the page writes them into the files "
        f"as the annotation “{TITLE}”; where two overlap, the later one counts."
    )


def _name_it(b: Bundle, chosen: Chosen) -> None:
    st.markdown(f"**Name these {len(chosen.a.rows):,} cells**")
    text_at, button_at = st.columns([2, 1], gap="small", vertical_alignment="bottom")
    with text_at:
        st.text_input(
            "Name", key=state.own(b, "new-name"), max_chars=explore_mine.LONGEST_NAME, placeholder="early responders",
            label_visibility="collapsed",
        )  # fmt: skip
    with button_at:
        st.button(
            "Keep as a group", key=state.own(b, "keep-group"), width="stretch", on_click=_keep, args=(b, chosen.a.definition)
        )
    if problem := st.session_state.pop(state.own(b, "name-problem"), None):
        st.info(problem, icon=None)


def _keep(b: Bundle, definition: str) -> None:
    kept, name = explore_mine.groups(b), clean(st.session_state.get(state.own(b, "new-name"), ""))
    problem = None
    if not name:
        problem = "Type a name first."
    elif name in {one.name for one in kept} or name == explore_mine.OTHER:
        problem = f"There is a group “{name}” already. Choose another name."
    elif len(kept) == MOST_GROUPS:
        problem = f"A link holds {MOST_GROUPS} groups. Remove one first."
    if problem is not None:
        st.session_state[state.own(b, "name-problem")] = problem
        return
    explore_mine.keep_groups(b, [*kept, Named(name, definition)])
    st.session_state[state.own(b, "new-name")] = ""


def _map_it(b: Bundle, chosen: Chosen) -> None:
    st.markdown("**A new map of these cells alone**")
    kept, n = explore_mine.maps(b), len(chosen.a.rows)
    if n < explore_places.FEWEST:
        st.caption(f"A map needs {explore_places.FEWEST} cells.")
    elif any(one.definition == chosen.a.definition for one in kept):
        st.caption("There is one already: choose it under “Map”.")
    elif len(kept) == MOST_MAPS:
        st.caption(f"A link holds {MOST_MAPS} new maps. Remove one first.")
    else:
        st.caption("Differences among them then fill the map, instead of their difference from all others.")
        st.button("Make the map", key=state.own(b, "make-map"), on_click=_make_map, args=(b, chosen.a.name, chosen.a.definition))


def _make_map(b: Bundle, called: str, definition: str) -> None:
    kept = explore_mine.maps(b)
    name = clean(next((one.name for one in explore_mine.groups(b) if one.definition == definition), called))
    if name in {one.name for one in kept}:
        name = clean(f"{name[:30]} {len(kept) + 1}")
    explore_mine.keep_maps(b, [*kept, Named(name, definition)])
    st.session_state[explore_places.pending(b)] = explore_places.new_title(name)


def _groups(b: Bundle) -> None:
    kept = explore_mine.groups(b)
    st.markdown(f"**My groups**{'' if kept else ': none yet'}")
    for i, one in enumerate(kept):
        name_at, count_at, out_at = st.columns([2.2, 1, 1], gap="small", vertical_alignment="center")
        key = f"{state.own(b, 'rename')}-{one.name}"
        with name_at:
            st.text_input(
                f"Name of group {i + 1}", one.name, key=key, max_chars=explore_mine.LONGEST_NAME, label_visibility="collapsed",
                on_change=_rename, args=(b, i, key),
            )  # fmt: skip
        count_at.markdown(f"{len(rows(b, one.definition)):,} cells")
        with out_at:
            st.button(
                "Remove", key=f"{state.own(b, 'remove')}-{one.name}", width="stretch",
                on_click=explore_mine.keep_groups, args=(b, [*kept[:i], *kept[i + 1 :]]),
            )  # fmt: skip


def _maps(b: Bundle) -> None:
    kept = explore_mine.maps(b)
    if kept:
        st.markdown("**New maps**")
    for i, one in enumerate(kept):
        name_at, count_at, out_at = st.columns([2.2, 1, 1], gap="small", vertical_alignment="center")
        name_at.markdown(literal(one.name))
        count_at.markdown(f"{len(rows(b, one.definition)):,} cells")
        with out_at:
            st.button(
                "Remove", key=f"{state.own(b, 'remove-map')}-{one.name}", width="stretch",
                on_click=explore_mine.keep_maps, args=(b, [*kept[:i], *kept[i + 1 :]]),
            )  # fmt: skip


def _rename(b: Bundle, i: int, key: str) -> None:
    kept, name = explore_mine.groups(b), clean(st.session_state.get(key, ""))
    if i < len(kept) and name and name != explore_mine.OTHER and name not in {one.name for one in kept}:
        kept[i] = Named(name, kept[i].definition)
        explore_mine.keep_groups(b, kept)

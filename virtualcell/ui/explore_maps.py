"""One or two maps of the cells side by side: what is chosen on one lights up on the other."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.chosen_cells import of_some
from virtualcell.figures.colouring import Colouring
from virtualcell.figures.small_maps import drawn_cells, small_maps
from virtualcell.figures.solid_map import solid_map
from virtualcell.schema import DataError
from virtualcell.ui import explore_mine, explore_places, state
from virtualcell.ui.explore_chosen import place
from virtualcell.ui.explore_places import MAP, SUB, Place
from virtualcell.ui.explore_select import Chosen, take_drawing
from virtualcell.ui.parts import chart
from virtualcell.ui.scatter import scatter
from virtualcell.ui.theme import look

ONE = "no second map"
NAMES_UP_TO = 50_000
"""Cells whose names are sent for the pointer."""


def choose_views(b: Bundle) -> list[Place]:
    """The controls above the maps, and the one or two spaces that they choose."""
    titles = explore_places.titles(b)
    titles |= {SUB + one.definition: explore_places.new_title(one.name) for one in explore_mine.maps(b)}
    keys = {title: key for key, title in titles.items()}
    asked = st.session_state.pop(explore_places.pending(b), None)
    if asked in keys:
        st.session_state[state.own(b, "space")] = asked
    left, right, _ = st.columns([1, 1, 1.2], gap="small")
    with left:
        first = st.selectbox("Map", list(keys), key=state.own(b, "space"), bind="query-params", help=HELP)
    with right:
        second = st.selectbox(
            "Beside it", [ONE, *keys], key=state.own(b, "space2"), bind="query-params",
            help="The same cells in another space, in the same colours: what is chosen on one map lights up on both.",
        )  # fmt: skip
    views = []
    for title in (first, second):
        try:
            found = place(b, keys[title]) if title != ONE else None
        except DataError as error:
            st.error(str(error), icon=None)
            continue
        if found is not None:
            views.append(found)
        elif title != ONE:
            st.info("This map has no cells here. Next: choose another map.", icon=None)
    joint = place(b, MAP)
    assert joint is not None  # every bundle has it
    return views or [joint]


HELP = (
    "Joint map: cells that the model reads alike, from all that was measured, lie close together. Maps of one measurement are "
    "made from it alone."
)


def draw_maps(b: Bundle, views: Sequence[Place], colours: Sequence[Colouring], chosen: Chosen) -> bool:
    """Draws the cells; returns whether the reader drew or cleared an outline, so that the page has to be run again."""
    if len(colours) > 1:
        return _small(b, views[0], colours, chosen)
    height = 560 if len(views) == 1 else 470
    changed = False
    for slot, (column, view) in enumerate(zip(st.columns(len(views), gap="small"), views, strict=True)):
        with column:
            changed |= _one(b, view, "map" if slot == 0 else "beside", colours[0], chosen, height, len(views) > 1)
    for note in dict.fromkeys(view.note for view in views if view.note):
        st.caption(note)
    return changed


def _one(b: Bundle, view: Place, slot: str, colours: Colouring, chosen: Chosen, height: int, two: bool) -> bool:
    colours, lit = of_some(colours, view.rows), None if chosen.lit is None else view.here(chosen.lit)
    title = _title(b, view)
    alt = f"{len(colours.codes):,} cells on the {title}, coloured by {colours.name}"
    if lit is not None:
        alt += f"; {len(lit):,} chosen cells stand out"
    file = f"{b.demo.key}-{colours.name}-{view.key.partition('.')[0]}"
    key = f"{slot}-{b.demo.key}-{_short(view)}"
    if not view.flat:
        fig = solid_map(view.positions, colours, lit=lit, look=look(), height=height)
        chart(fig, key, alt=alt, file=file)
        return False
    outline = chosen.target.outline
    here = outline[1] if outline is not None and outline[0] == view.key else None
    names = b.cells.obs_names
    polygon = scatter(
        view.positions,
        colours,
        key=key,
        alt=alt,
        file=file,
        height=height,
        ids=names[view.cells(np.arange(len(view.positions)))] if len(colours.codes) <= NAMES_UP_TO else None,
        lit=lit,
        polygon=here,
        axes=view.axes,
        beside=two,
    )
    return take_drawing(b, chosen, view.key, polygon)


def _small(b: Bundle, view: Place, colours: Sequence[Colouring], chosen: Chosen) -> bool:
    lit = None if chosen.lit is None else view.here(chosen.lit)
    if not view.flat:
        st.info("Small maps are flat. Choose another map, or one gene for the map in 3-D.", icon=None)
        return False
    fig = small_maps(view.positions, [of_some(one, view.rows) for one in colours], lit=lit, axes=view.axes, look=look())
    names = ", ".join(one.name for one in colours)
    chart(fig, f"small-{b.demo.key}", alt=f"Small maps of the cells, one each for {names}", file=f"{b.demo.key}-genes")
    drawn = drawn_cells(len(view.positions), len(colours))
    few = "" if drawn == len(view.positions) else f" {drawn:,} of {len(view.positions):,} cells are drawn."
    st.caption(f"A zoom in one is a zoom in all. To draw around cells, colour by one gene or mix them on one map.{few}")
    return False


def _title(b: Bundle, view: Place) -> str:
    return explore_places.titles(b).get(view.key, "new map")


def _short(view: Place) -> str:
    return view.key if not view.key.startswith(SUB) else f"sub{zlib.crc32(view.key.encode()):08x}"

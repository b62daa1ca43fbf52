"""What a reader chose to see on the landscape, and its three pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.density import density
from virtualcell.figures.landscape import landscape_surface
from virtualcell.figures.landscape_map import landscape_map
from virtualcell.figures.overlay import Line, Shade
from virtualcell.figures.relief import Relief
from virtualcell.schema import Landscape
from virtualcell.ui import colours, state, words
from virtualcell.ui.code_for_view import Script
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

SURFACE, ABOVE = "Surface", "Map from above"


@dataclass(frozen=True)
class Scene:
    """Something laid on the landscape: paths (T, m, 2) at times (T,) with fates (m,), ways, coloured cells; all may be empty.

    said: one sentence on what one looks at. below: draws what belongs under the picture. dropped: called when a cell of the map
    is clicked, with its row; where it is None, no cells can be clicked. code: makes the start of a script that lays it there;
    without it nothing but the landscape is drawn. asked: what was asked of the model, in sentences for the methods of a paper.
    """

    said: str
    paths: np.ndarray = field(default_factory=lambda: np.zeros((1, 0, 2)))
    times: np.ndarray = field(default_factory=lambda: np.zeros(1))
    fates: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=str))
    lines: tuple[Line, ...] = ()
    shade: Shade | None = None
    kind: str = "predicted cell"
    below: Callable[[], None] | None = None
    dropped: Callable[[int], None] | None = None
    code: Callable[[], Script] | None = None
    asked: str = ""


@st.cache_resource(max_entries=8, show_spinner="Shaping the surface …")
def _relief(key: str, stamp: int) -> Relief:
    landscape = state.bundle(key).landscape
    assert landscape is not None, "asked for on a page that has stopped where there is none"
    return Relief.of(landscape)


def draw(b: Bundle, landscape: Landscape, scene: Scene) -> str:
    """The surface, the map from above, and, named otherwise, where cells were measured; returns which of them is looked at:
    "surface", "above" or "density"."""
    key, relief = b.demo.key, _relief(b.demo.key, state.stamp(b))
    where = "Where cells were simulated" if b.demo.simulated else "Where cells were measured"
    # A ball is dropped on the map, so that is what one sees first.
    first = ABOVE if scene.dropped else SURFACE
    surface, above, dense = st.tabs(
        [SURFACE, ABOVE, where], default=first, key=f"picture-{scene.kind.split()[0]}", bind="query-params"
    )
    palette = colours.of(b, sorted(set(scene.fates.tolist())))
    drawn = {"colours": palette, "lines": scene.lines, "shade": scene.shade, "look": look(), "relief": relief}
    with surface:
        fig = landscape_surface(
            landscape, scene.paths, scene.times, scene.fates, unit=state.unit(b), kind=scene.kind, **drawn
        )  # fmt: skip
        chart(fig, f"surface-{key}", alt=f"Energy surface. {scene.said}", file=f"{key}-landscape")
    with above:
        cells = landscape.cell_xy if scene.dropped else None
        fig = landscape_map(landscape, scene.paths, scene.fates, cells=cells, **drawn)
        alt, file = f"Energy contours from above. {scene.said}", f"{key}-landscape-map"
        if scene.dropped:
            st.caption("Click anywhere: the ball falls on the cell that is drawn nearest to the click.")
            _clickable(fig, key, alt, file, scene.dropped)
        else:
            chart(fig, f"contours-{key}", alt=alt, file=file)
    with dense:
        kind = words.measured(b.demo.simulated)
        st.markdown(
            f"This is **not the landscape**: it shows where cells were {kind}, not where they go. A crowded place can be a slope."
        )
        if landscape.density is None:
            st.info("This model was built before densities were kept; build it again to see one.", icon=None)
        else:
            chart(density(landscape, look=look()), f"density-{key}", alt=f"Density of {kind} cells", file=f"{key}-density")
            st.caption(
                f"Height: minus the logarithm of how many {kind} cells are there, 0 where they are fullest. Points: cells."
            )
    hidden = 1 - relief.shows(scene.paths[-1]).mean() if scene.paths.size else 0.0
    if hidden > 0.005:
        st.caption(
            f"{100 * hidden:.0f} % of the predicted cells end beside the drawn part, where no {words.measured(b.demo.simulated)} "
            "cell is near; what lies there is not drawn."
        )
    return "surface" if surface.open else "above" if above.open else "density"


def _clickable(fig: object, key: str, alt: str, file: str, dropped: Callable[[int], None]) -> None:
    name = f"drop-{key}"

    def clicked() -> None:
        points = st.session_state[name].selection.points
        if points:
            row = points[0]["customdata"]
            dropped(int(row[0] if isinstance(row, list | tuple) else row))

    chart(fig, name, alt=alt, file=file, on_select=clicked, selection_mode="points")

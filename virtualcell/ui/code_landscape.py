"""The scripts that draw the landscape and what is laid on it without the app, one function a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from virtualcell.demo import Bundle
from virtualcell.ui import colours, state
from virtualcell.ui.code_for_view import SOME, Script, obs, quoted, rows_called, untreated

if TYPE_CHECKING:
    from virtualcell.ui.landscape_scene import Scene

NOTHING = ("paths, times, ends = np.zeros((1, 0, 2)), np.zeros(1), np.zeros(0, dtype=str)",)


def empty(b: Bundle) -> Script:
    """The landscape alone."""
    script = Script(b, "The landscape (Landscape)")
    script.say(*NOTHING)
    return script


def followed(
    b: Bundle, start: str, *, treatment: str | None, began: float | None, duration: float, frames: int, copies: int, most: int,
    n_cells: int,
) -> Script:  # fmt: skip
    """Cells of a group carried forward. start: its name; began: their time, None where there is none; copies: futures of each of
    at most ``most``, of which n_cells are drawn."""
    script = Script(b, "Cells on their way over the landscape (Landscape)")
    rows = rows_called(script, b, start)
    alone = rows if b.demo.columns.perturbation is None else f"np.intersect1d({rows}, {untreated(b)})"
    script.say("", SOME, "", f"rows = {alone}")
    if began is not None:
        script.say(f"time = {obs(b, b.demo.columns.time or '')}", f"rows = rows[time[rows] == {quoted(began)}]")
    pushed = "" if treatment is None else f"perturbation={quoted(treatment)}, "
    script.say(
        f"rows = some(rows, {most})",
        f"found = b.model.predict(states=b.state[rows], duration={quoted(duration)}, frames={frames}, copies={copies}, "
        f"{pushed}seed=0)",
        f"drawn = some(np.arange(len(found.start)), {n_cells})",
        "paths = b.landscape.on_plane(found.states[:, drawn])",
        f"times = found.times + {quoted(began or 0.0)}",
        f"ends = b.model.ends(found, until={quoted((began or 0.0) + duration)})[drawn]",
    )
    return script


def ball(b: Bundle, cell: str, *, time: float, duration: float, balls: int) -> Script:
    """Balls dropped on a cell, with noise and once without. time: that of the cell."""
    script = Script(b, "Balls dropped on a cell (Landscape)")
    script.use("virtualcell.figures.overlay", "Line")
    script.say(
        f"start = b.state[[b.cells.obs_names.get_loc({quoted(cell)})]]",
        f"noisy = b.model.predict(states=start, duration={quoted(duration)}, copies={balls}, seed=0)",
        f"calm = b.model.predict(states=start, duration={quoted(duration)}, noise=0.0, seed=0)",
        "paths = b.landscape.on_plane(noisy.states)",
        f"times = noisy.times + {quoted(time)}",
        f"ends = b.model.ends(noisy, until={quoted(time + duration)})",
        "lines = (Line(b.landscape.on_plane(calm.states[:, 0]), 'without noise'),)",
    )
    return script


def way(b: Bundle, ends: tuple[np.ndarray, np.ndarray], called: tuple[str, str]) -> Script:
    """The way of least energy between two states (d,)."""
    script = Script(b, "The way of least energy between two states (Landscape)")
    script.use("virtualcell.figures.overlay", "Line")
    start, end = (quoted(values.astype(np.float32).astype(float).tolist()) for values in ends)
    script.say(
        f"start, end = {quoted(called)}  # what the two states are called",
        f"path = b.model.path(np.array({start}, dtype=np.float32), np.array({end}, dtype=np.float32))",
        "xy = b.landscape.on_plane(path.states)",
        "top = path.saddle if 0 < path.saddle < len(xy) - 1 else None",
        "lines = (Line(xy, 'way of least energy', colour='#FFFFFF', top=top),)",
        *NOTHING,
    )
    return script


def chance(
    b: Bundle, places: tuple[int, int], *, title: str, called: tuple[str, str], tints: tuple[str, str], most: int, copies: int
) -> Script:
    """Cells by the chance to reach one resting place before another. places: indices of both; the chance is of the second."""
    script = Script(b, "Which of two resting places cells reach first (Landscape)")
    script.use("virtualcell.figures.overlay", "Shade")
    a, z = places
    script.say(
        "",
        SOME,
        "",
        f"rows = some({untreated(b)}, {most})",
        f"a, z = b.landscape.attractors[{a}], b.landscape.attractors[{z}]",
        f"share, error = b.model.committor(b.state[rows], a.state, z.state, copies={copies})",
        f"shade = Shade(b.landscape.cell_xy[rows], share, {quoted(title)}, {quoted(called)}, {quoted(tints)})",
        *NOTHING,
    )
    return script


def drawn(b: Bundle, scene: Scene, picture: str) -> str:
    """The script of a view in one of its three pictures: "surface", "above" or "density"."""
    script = scene.code() if scene.code is not None else empty(b)
    if picture == "density":
        script = Script(b, "Where cells were measured, which is not the landscape (Landscape)")
        script.use("virtualcell.figures.density", "density")
        script.draws("density", "b.landscape")
        return str(script)
    named = {"colours": quoted(colours.of(b, sorted(set(scene.fates.tolist()))))}
    named |= {"lines": "lines"} if scene.lines else {}
    named |= {"shade": "shade"} if scene.shade is not None else {}
    if picture == "surface":
        script.use("virtualcell.figures.landscape", "landscape_surface")
        named |= {"unit": quoted(state.unit(b)), "kind": quoted(scene.kind)}
        script.draws("landscape_surface", "b.landscape", "paths", "times", "ends", **named)
    else:
        script.use("virtualcell.figures.landscape_map", "landscape_map")
        named |= {"cells": "b.landscape.cell_xy"} if scene.dropped else {}
        script.draws("landscape_map", "b.landscape", "paths", "ends", **named)
    return str(script)

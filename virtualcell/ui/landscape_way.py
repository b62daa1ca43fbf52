"""Landscape, third view: the way of least energy between two groups, its height and the genes that change on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.gene_order import gene_order
from virtualcell.figures.overlay import Line
from virtualcell.figures.path_profile import path_profile
from virtualcell.schema import Attractor, EnergyPath, Landscape
from virtualcell.ui import code_landscape, marks, state, words
from virtualcell.ui.landscape_scene import Scene
from virtualcell.ui.marks import MARKED
from virtualcell.ui.parts import chart, provenance, table_download
from virtualcell.ui.theme import look

REST = "resting place: "
WAY = "way of least energy"
BESIDE = 0.05
"""Share of a way beside the measured cells from which it is said."""


@dataclass(frozen=True)
class Place:
    """An end of a way: a resting place, or the cell that stands for a group.

    valley: name of the resting place, or of the one that the cell slides to; cell: its row; None for a resting place.
    """

    title: str
    state: np.ndarray
    valley: str = ""
    cell: int | None = None

    @property
    def name(self) -> str:
        """As a sentence calls it."""
        kind, _, name = self.title.partition(": ")
        return f"cells at {name}" if kind == "time" else name or self.title


def middle_cell(b: Bundle, rows: np.ndarray) -> int:
    """Row of the cell nearest to the median of the given cells.

    The median itself is no cell: between two kinds of cells nothing may live there.
    """
    states = b.state[rows]
    return int(rows[np.linalg.norm(states - np.median(states, axis=0), axis=1).argmin()])


def titles(b: Bundle, landscape: Landscape) -> list[str]:
    """What a way can start from or lead to."""
    marked = [MARKED] if len(marks.marked(b)) else []
    groups = [title for title in state.groups(b) if not title.startswith("treatment")]
    return [*(REST + a.name for a in landscape.attractors), *groups, *marked]


def place(b: Bundle, landscape: Landscape, title: str) -> Place:
    """The end of a way that goes by this title."""
    for attractor in landscape.attractors:
        if title == REST + attractor.name:
            return Place(title, attractor.state, attractor.name)
    row = middle_cell(b, state.selection(b) if title == MARKED else state.groups(b)[title])
    return Place(title, b.state[row], landscape.valley_of(row), row)


@st.cache_resource(max_entries=64, show_spinner="Finding the way of least energy …")
def _way(key: str, stamp: int, start: bytes, end: bytes) -> tuple[EnergyPath, pd.DataFrame]:
    model = state.bundle(key).model
    path = model.path(np.frombuffer(start, dtype=np.float32), np.frombuffer(end, dtype=np.float32))
    return path, model.genes_along(path)


def way(b: Bundle, start: np.ndarray, end: np.ndarray) -> tuple[EnergyPath, pd.DataFrame]:
    """Way between two states (d,) and the genes that change along it; the same request is computed once."""
    packed = (np.asarray(values, dtype=np.float32).tobytes() for values in (start, end))
    return _way(b.demo.key, state.stamp(b), *packed)


def passed(path: EnergyPath, attractors: tuple[Attractor, ...]) -> list[tuple[int, str]]:
    """Index on the way and name of the resting places that it leads over between its ends, in the order of the way."""
    length = np.linalg.norm(np.diff(path.states, axis=0), axis=1).sum()
    spacing = length / (len(path.states) - 1)
    found = []
    for attractor in attractors:
        away = np.linalg.norm(path.states - attractor.state, axis=1)
        at, ends = int(away.argmin()), (np.linalg.norm(path.states[i] - attractor.state) for i in (0, -1))
        if away[at] <= spacing and all(end > spacing for end in ends):
            found.append((at, attractor.name))
    return sorted(found)


CLIMBS = 0.25
"""In D: a rise on the way that is said; learned heights are off by as much."""


def climb(path: EnergyPath) -> tuple[int, float]:
    """The largest rise on the way over a lower point before it: index of that point, and the rise in D."""
    lowest = np.minimum.accumulate(path.energy)
    top = int((path.energy - lowest).argmax())
    return int(path.energy[: top + 1].argmin()), float(path.energy[top] - lowest[top])


def reading(path: EnergyPath, start: str, end: str, marks: list[tuple[int, str]], guessed: str = "") -> str:
    """The way in a sentence or two, from its numbers alone. marks: resting places on it (``passed``); guessed: passes on it that
    too few cells crossed, in words."""
    led = f" It leads through {words.listed([name for _, name in marks])}." if marks else ""
    if path.saddle == 0:
        at, rise = climb(path)
        if rise < CLIMBS:
            return f"From {start} to {end} it is downhill all the way.{led}"
        out_of = min(marks, key=lambda mark: abs(mark[0] - at))[1] if marks else "its lowest point"
        least = f", and too few cells crossed {guessed} to know how high" if guessed else f" by {rise:.1f} D"
        return (
            f"From {start} to {end} no point is higher than the start, but the way is **not downhill**: it falls to {out_of} and "
            f"climbs out of there again{least}.{led} A way of least energy is no line of descent: cells need not take it."
        )
    if guessed:
        return (
            f"From {start} to {end}: how high it is to climb is not identifiable, because too few cells crossed {guessed}.{led}"
        )
    if path.saddle == len(path.energy) - 1:
        return f"From {start} to {end} the way climbs {path.barrier:.1f} D, and nothing on it is higher than its end.{led}"
    return f"The highest point on the way from {start} to {end} lies {path.barrier:.1f} D over {start}.{led}"


def unseen(landscape: Landscape, ends: list[Place], over: list[str]) -> str:
    """Passes on a way from the first to the last of ``ends`` that too few cells crossed, in words; empty where there are none."""
    stops = [name for name, _ in groupby([ends[0].valley, *over, ends[-1].valley]) if name]
    seen = {(way.start, way.end): way.identifiable for way in landscape.barriers}
    return words.listed([f"from {s} to {e}" for s, e in pairwise(stops) if not seen.get((s, e), False)])


def _usual_goal(b: Bundle, landscape: Landscape, start: str) -> int:
    """Index of the fullest resting place that is not the one in whose valley the usual start lies."""
    begun = place(b, landscape, start).valley
    return next((i for i, attractor in enumerate(landscape.attractors) if attractor.name != begun), 0)


def way_between(b: Bundle, landscape: Landscape) -> Scene:
    """Two choices in the side column, the way for the picture, its height and its genes below."""
    options = titles(b, landscape)
    early = next((i for i, title in enumerate(options) if title.startswith("time: ")), len(options) - 1)
    first = st.selectbox("From", options, index=early, key=state.own(b, "from"), bind="query-params")
    second = st.selectbox(
        "To", options, index=_usual_goal(b, landscape, options[early]), key=state.own(b, "to"), bind="query-params"
    )
    marks.in_link(b, MARKED in (first, second))
    a, z = place(b, landscape, first), place(b, landscape, second)
    kind = words.measured(b.demo.simulated)
    for end in (a, z):
        if end.cell is not None:
            st.caption(f"{end.title}: the {kind} cell nearest to the group's median, {b.cells.obs_names[end.cell]}.")
    if np.allclose(a.state, z.state):
        st.info("Both ends are the same state: choose another one.", icon=None)
        return Scene("The landscape with its passes.")
    path, genes = way(b, a.state, z.state)
    rests = passed(path, landscape.attractors)
    over = [name for _, name in rests]
    # A resting place and a group can have the same name.
    begin, goal = (a.name, z.name) if a.name != z.name else (a.title, z.title)
    guessed, behind = unseen(landscape, [a, z], over), unseen(landscape, [z, a], over[::-1])
    sentence = reading(path, begin, goal, rests, guessed)
    st.markdown(sentence)
    beside = 1 - float(b.model.in_domain(path.states).mean())
    if beside > BESIDE:
        st.warning(
            f"{100 * beside:.0f} % of this way lies where no cell was {kind}: height and genes there are the model's guess.",
            icon=None,
        )
    if any(way.low is not None for way in landscape.barriers):
        st.caption("Intervals are known only for passes between resting places, in the table below.")
    provenance(b)

    def below() -> None:
        height, order = st.columns([1, 1], gap="large")
        with height:
            st.markdown("##### Height along the way")
            fig = path_profile(path.energy, path.saddle, start=begin, end=goal, passed=rests, sure=not guessed, look=look())
            chart(fig, f"profile-{b.demo.key}", alt=sentence, file=f"{b.demo.key}-way")
            st.caption(
                "At every point of this way the energy rises to both sides. Noise spreads cells around it."
                + (f" Too few cells crossed {behind} to say how deep it falls there." if behind else "")
            )
        with order:
            st.markdown("##### Genes that change first")
            if not len(genes):
                st.markdown("No gene changes along this way.")
                return
            inner = 0 < path.saddle < len(path.energy) - 1
            top = path.saddle / (len(path.energy) - 1) if inner else None
            fig = gene_order(
                list(genes["gene"]), genes["log2_change"].to_numpy(), genes["half_way"].to_numpy(), top=top, look=look()
            )
            chart(fig, f"order-{b.demo.key}", alt=f"Order in which {len(genes)} genes change", file=f"{b.demo.key}-gene-order")
            st.caption(
                "Where on the way each gene has made half of its change, decoded from the model; × and ÷: end against start, "
                "one count per 10,000 added to both. The genes with the largest change are shown."
            )
            table_download(b, genes.assign(way=f"{a.title} to {z.title}"), "genes-on-the-way", "Genes as CSV")

    xy = landscape.on_plane(path.states)
    line = Line(xy, WAY, colour="#FFFFFF", top=path.saddle if 0 < path.saddle < len(xy) - 1 else None)
    said = f"Thick line: the way of least energy from {begin} to {goal}; where it breaks off, no cell was {kind}."
    called = (begin, goal)
    asked = f"The way of least energy from {begin} to {goal} was found by the string method with a climbing image."
    return Scene(said, lines=(line,), below=below, code=lambda: code_landscape.way(b, (a.state, z.state), called), asked=asked)

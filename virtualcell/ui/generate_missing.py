"""Generate, first view: one measurement of each cell is looked at, the other is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_map import drawn_map
from virtualcell.generative.draws import MissingDraw
from virtualcell.schema import Columns
from virtualcell.ui import code_generate, state, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_features import feature_space
from virtualcell.ui.generate_files import drawn_files
from virtualcell.ui.generate_one_cell import one_cell_drawn
from virtualcell.ui.generate_tested import judged, told_by
from virtualcell.ui.modalities import called, modalities, with_measured, yes_or_no
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look


@dataclass(frozen=True)
class Asked:
    """What the reader chose. rows: cells drawn for; time, treatment: None where the cells keep their own."""

    source: str
    target: str
    group: str
    rows: np.ndarray
    time: float | None
    treatment: str | None
    noise: float
    n_draws: int
    seed: int

    @property
    def what_if(self) -> bool:
        """Whether cells are drawn under another condition than their own, so that nothing measured is their truth."""
        return self.time is not None or self.treatment is not None

    @property
    def request(self) -> tuple[bytes, str, str, int, float, int, float | None, str | None]:
        """The same for the cache."""
        packed = self.rows.astype(np.int64).tobytes()
        return packed, self.source, self.target, self.n_draws, self.noise, self.seed, self.time, self.treatment


@st.cache_resource(max_entries=24, show_spinner="Drawing what was not measured …")
def _draw(
    key: str, stamp: int, packed: bytes, source: str, target: str, n_draws: int, noise: float, seed: int, time: float | None,
    treatment: str | None,
) -> MissingDraw:  # fmt: skip
    b = state.bundle(key)
    cells = b.cells[np.frombuffer(packed, dtype=np.int64)].copy()
    return b.model.draw_missing(
        cells, source=source, target=target, n_draws=n_draws, noise=noise, seed=seed, time=time, treatment=treatment
    )


def draw(b: Bundle, asked: Asked) -> MissingDraw:
    """The draws; the same request is computed once."""
    return _draw(b.demo.key, state.stamp(b), *asked.request)


@st.cache_resource(max_entries=24, show_spinner="Counting what the drawn cells would read …")
def _drawn_readings(key: str, stamp: int, *request: object) -> np.ndarray:
    b, found = state.bundle(key), _draw(key, stamp, *request)
    packed, target, seed = request[0], str(request[2]), request[5]
    assert isinstance(packed, bytes)
    assert isinstance(seed, int)
    like = b.cells[np.frombuffer(packed, dtype=np.int64)[~found.refused]].copy()
    # One reading a cell, as in an experiment: the first draw.
    return b.model.draw_readings(found.states[0][~found.refused], target, like=like, seed=seed)


def missing(b: Bundle) -> g.Shown | None:
    """Draws the view; None where it has nothing to show."""
    ways = g.sources(b)
    if not ways:
        g.elsewhere(
            b, f"Only {called(modalities(b)[0])} was measured in these cells, so no other measurement is missing.", "a549"
        )
        return None
    if "samplers" not in b.model.generators:
        g.not_made(b, "The generator of missing measurements", "samplers")
        return None
    # It takes more cells with both measurements to learn a direction than to look at one.
    learned = b.model.generators["samplers"]
    ways = {name: way for name, way in ways.items() if "->".join(way) in learned}
    if not ways:
        g.elsewhere(b, "Too few of these cells have two measurements to learn one from the other.", "a549")
        return None
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        asked = _choices(b, ways)
    if len(asked.rows) < 3:
        st.info("Fewer than three of these cells have both measurements; choose others.", icon=None)
        return None
    found = draw(b, asked)
    kept = ~found.refused
    plane, everyone = g.plane(b, asked.target)
    # Under another condition the cells to compare with are those that were measured there.
    beside = (
        state.some(np.flatnonzero(g.at_condition(b, asked.time, asked.treatment) & with_measured(b, asked.target)), g.MOST_CELLS)
        if asked.what_if
        else asked.rows
    )
    there = g.condition_words(b, asked.time, asked.treatment)
    kind, n = words.measured(b.demo.simulated), int(kept.sum())
    # Of a group "cell state: Monocyte" the kind; the cells beside those of a "what if" are of any kind.
    _, _, of = asked.group.partition(": ")
    of = f" {of}" if of else ""
    titles = (f"{kind}{there if asked.what_if else of}", f"drawn (synthetic){of}{there}")
    source = f"{kind} cells" + (f"{there}, among them such that the model learned from" if asked.what_if else f" ({asked.group})")
    with main:
        fig = drawn_map(
            everyone[with_measured(b, asked.target)], everyone[beside], plane(found.embeddings[0]),
            titles=(f"{called(asked.target)}, {titles[0]}", f"{called(asked.target)}, {titles[1]}"), look=look(),
            height=530,
        )  # fmt: skip
        chart(fig, f"drawn-map-{b.demo.key}", alt=f"{called(asked.target)}, {kind} and drawn from {called(asked.source)}",
              file=f"{b.demo.key}-synthetic-{asked.target}")  # fmt: skip
        st.caption(
            f"Cells placed by their {called(asked.target)} alone, on the two directions in which {kind} cells differ most "
            f"(grey: all). Left: {len(beside):,} {words.literal(source)}. Right: one draw for each of {n:,} cells "
            f"({words.literal(asked.group)}), from its {called(asked.source)}{', as if' + there if there else ''}."
        )
        st.markdown(told_by(b, asked.source, asked.target))
    with side:
        _refusals(found, asked.source, b.demo.columns)
        drawn_files(
            b, f"{asked.source}-to-{asked.target}",
            lambda: b.model.synthetic(_first(found), seed=asked.seed),
            lambda: _states(b, asked, found),
            "One draw of each cell, with counts of every measurement; the CSV has the states of all draws.",
        )  # fmt: skip
    if kept.any():
        measured = g.readings(b, asked.target, beside)
        drawn = _drawn_readings(b.demo.key, state.stamp(b), *asked.request)
        feature_space(b, "missing", asked.target, measured, drawn, titles, words.literal(source))
        if not asked.what_if:
            one_cell_drawn(b, asked, found)
    own = words.listed([name for name, column in _conditions(b.demo.columns).items() if column is not None])
    note = f"Made {f'at the own {own} of each cell and ' if own else ''}with noise 1, whatever is set above."
    judged(
        b, f"{b.demo.key}, {asked.source} to {asked.target}", note=note if asked.what_if or asked.noise != 1 else "",
        covered=not yes_or_no(b, asked.target),
    )  # fmt: skip
    return g.Shown(
        code=lambda: code_generate.missing(b, asked, beside, titles),
        methods=lambda: _methods(b, asked, found),
        facts=(f"{n} cells, {asked.n_draws} draws each", f"draw number {asked.seed}"),
    )


def _choices(b: Bundle, ways: dict[str, tuple[str, str]]) -> Asked:
    way = st.selectbox("Looked at → drawn", list(ways), key=state.own(b, "missing-way"), bind="query-params")
    source, target = ways[way]
    group, rows = g.cells_choice(b, "missing", with_measured(b, source, target))
    time, treatment = g.condition_choice(b, "missing")
    noise = g.noise_choice(b, "missing")
    n_draws = int(st.slider("Draws of each cell", 5, 50, 20, 5, key=state.own(b, "missing-draws"), bind="query-params"))
    return Asked(source, target, group, rows, time, treatment, noise, n_draws, g.seed_choice(b, "missing"))


def _conditions(columns: Columns) -> dict[str, str | None]:
    return {"time": columns.time, "treatment": columns.perturbation}


def _refusals(found: MissingDraw, source: str, columns: Columns) -> None:
    n = int(found.refused.sum())
    st.metric(
        "Refused", f"{n} of {len(found.refused)}", help="Cells for which nothing is drawn, because the model never saw the like."
    )
    why, count = np.unique(np.asarray(found.why)[found.refused], return_counts=True)
    for reason, cells in zip(why, count, strict=True):
        said = re.sub(rf"\b{re.escape(source)}\b", called(source), str(reason))
        # Cells without treatments, or without times, are told of what they have.
        for name, column in _conditions(columns).items():
            said = said if column is not None else said.replace(f" and {name}", "").replace(f"{name} and ", "")
        st.caption(f"{cells}: {words.literal(said)}")


def _first(found: MissingDraw) -> MissingDraw:
    """One draw of each cell: all of them with counts of every feature would be a file of gigabytes."""
    return replace(found, embeddings=found.embeddings[:1], states=found.states[:1])


def _states(b: Bundle, asked: Asked, found: MissingDraw) -> pd.DataFrame:
    draws, n, d = found.states.shape
    table = pd.DataFrame(found.states.reshape(draws * n, d), columns=[f"state_{i + 1}" for i in range(d)])
    table.insert(0, "cell", np.tile(b.cells.obs_names[asked.rows].to_numpy(), draws))
    table.insert(1, "draw", np.repeat(np.arange(draws), n))
    return table.dropna()


def _methods(b: Bundle, asked: Asked, found: MissingDraw) -> str:
    there, law = g.condition_words(b, asked.time, asked.treatment), g.law_words(b, f"{asked.source}->{asked.target}")
    kept = int((~found.refused).sum())
    return (
        f"For {kept:,} of {len(asked.rows):,} cells (“{asked.group}”) the {called(asked.target)} was drawn "
        f"{asked.n_draws} times from their {called(asked.source)}{' as if measured' + there if there else ''} by the model's "
        f"conditional sampler ({law}), with {asked.noise:g} times the noise learned and seed {asked.seed}; the others, outside "
        "what was measured, were refused. The drawn cells are synthetic and marked as such in every file."
    )

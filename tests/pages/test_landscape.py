"""Landscape: what the page says and draws is what the model and its landscape hold."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_pages import figures, open_page, words
from virtualcell.demo import Bundle, load_bundle
from virtualcell.schema import Barrier, EnergyPath
from virtualcell.ui import colours, passes, put_in, state, trajectory_paths
from virtualcell.ui.landscape_ball import shares
from virtualcell.ui.landscape_first import usual_pair
from virtualcell.ui.landscape_way import middle_cell, passed, place, reading, unseen
from virtualcell.ui.trajectory_horizon import limit

BALL, WAY, FIRST = "Drop a ball", "A way between two", "Which one first"


@pytest.fixture(scope="module")
def simulated() -> Bundle:
    return load_bundle("simulated")


def show(demo: str, view: str, **link: str) -> AppTest:
    at = open_page("landscape", demo, show=view, **link)
    assert not at.exception
    assert at.segmented_control(key="show").value == view
    return at


def path_of(energy: list[float], saddle: int) -> EnergyPath:
    return EnergyPath(np.linspace([0.0, 0.0], [1.0, 0.0], len(energy)), np.array(energy), saddle)


def barrier(start: str, end: str, height: float, low: float, high: float, *, seen: bool = True) -> Barrier:
    return Barrier(start, end, height, low, high, 30.0 if seen else 0.0, seen, path_of([0.0, height, 0.0], 1))


# -- passes in words -------------------------------------------------------------------------------------------------------------
def test_a_pass_is_called_lower_only_where_intervals_are_apart():
    lower = barrier("P", "A", 1.4, 1.2, 1.7)
    (said,) = passes.reading([barrier("P", "B", 2.4, 2.0, 2.9), lower])
    assert said == "From **P**, the pass to **A**, 1.4 D (1.2 to 1.7), is lower than the one to **B**, 2.4 D (2.0 to 2.9)."
    (said,) = passes.reading([barrier("P", "B", 1.6, 1.5, 2.9), lower])
    assert "cannot be told apart" in said
    assert "lower" not in said


def test_noise_alone_is_said_to_cross_only_below_one_unit():
    (said,) = passes.reading([barrier("P", "A", 0.6, 0.4, 0.8)])
    assert "noise alone" in said
    (said,) = passes.reading([barrier("P", "A", 0.6, 0.1, 1.2)])
    assert "noise" not in said


def test_what_too_few_cells_crossed_has_no_height_in_any_form():
    unseen = [barrier("P", "A", 7.77, 6.66, 8.88, seen=False)]
    (said,) = passes.reading(unseen)
    assert "no pass can be given a height" in said
    assert "too few cells crossed" in said
    shown = passes.table(unseen).to_string() + passes.numbers(unseen).to_string() + said
    assert "not identifiable: too few cells crossed" in shown
    assert not re.search(r"7\.7|6\.6|8\.8", shown)


def test_what_was_put_in_stands_beside_what_was_found(simulated):
    true = put_in.heights(simulated)
    # Of the system's own tests: 1.42 and 1.55 D out of the progenitor.
    assert true["Progenitor", "Fate A"] == pytest.approx(1.42, abs=0.01)
    assert true["Fate A", "Progenitor"] == pytest.approx(6.30, abs=0.01)
    shown = passes.table([barrier("Progenitor", "Fate A", 1.0, 0.5, 1.5), barrier("Fate A (2)", "Fate A", 1.0, 0.5, 1.5)], true)
    assert shown["Put in"].tolist() == ["1.4 D", ""]
    assert put_in.heights(load_bundle("larry")) == {}
    assert "Put in" not in passes.table([barrier("A", "B", 1.0, 0.5, 1.5)], {})


def test_the_page_lists_every_pass_of_the_landscape(simulated):
    at = show("simulated", "Cells on their way")
    landscape = simulated.landscape
    rest, crossing = (frame.value for frame in at.dataframe)
    assert list(rest["Named by the cells around it"]) == [a.name for a in landscape.attractors]
    assert list(zip(crossing["From"], crossing["To"], strict=True)) == [(way.start, way.end) for way in landscape.barriers]
    for said, way in zip(crossing["Height over the start (interval)"], landscape.barriers, strict=True):
        assert said.startswith(f"{way.height:.1f} D") if way.identifiable else said.startswith("not identifiable")


@pytest.mark.parametrize(("demo", "banded"), [("simulated", True), ("larry", False)])
def test_intervals_are_explained_where_there_are_some(demo, banded):
    bundle = load_bundle(demo)
    assert any(way.low is not None for way in bundle.landscape.barriers) == banded
    assert ("Interval: from how far 4 fits" in words(show(demo, "Cells on their way"))) == banded


# -- words -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("view", ["Cells on their way", BALL, WAY, FIRST])
def test_simulated_cells_are_never_called_measured(view):
    at = show("simulated", view)
    said = words(at).replace("computed, not measured", "").replace("Simulated, not measured", "")
    said += " ".join(column for frame in at.dataframe for column in frame.value.columns)
    said += " ".join(box.label + (box.help or "") for box in at.selectbox) + " ".join(box.label for box in at.toggle)
    assert "measured" not in said.lower()


def test_unknown_growth_is_flagged_beside_shares(simulated):
    assert not simulated.model.record["growth_identified"]
    for view in ("Cells on their way", BALL):
        assert "Growth is not known" in words(show("simulated", view))


def test_a_learned_noise_is_flagged_beside_heights(simulated):
    assert simulated.model.settings.predictor.diffusion_known
    assert "The noise D was learned" not in words(show("simulated", "Cells on their way"))
    assert "The noise D was learned" in words(show("larry", "Cells on their way"))


def test_density_is_a_map_of_its_own_that_says_it_is_no_landscape(simulated):
    at = show("larry", "Cells on their way")
    dense = figures(at)[2]
    assert dense["data"][0]["name"] == "−log density"
    assert "This is **not the landscape**" in words(at)
    assert [tab.label for tab in at.tabs] == ["Surface", "Map from above", "Where cells were measured"]


# -- a ball ----------------------------------------------------------------------------------------------------------------------
def test_a_ball_rolls_from_the_chosen_cell(simulated):
    row = 17
    at = show("simulated", BALL, **{"ball-simulated": str(simulated.cells.obs_names[row])})
    at.slider(key="balls").set_value(100).run()
    assert not at.exception
    surface, _, _, bars = figures(at)
    heads = {t["name"]: t["marker"]["color"] for t in surface["data"] if "ball, ends among" in t.get("hovertemplate", "")}
    assert heads == colours.of(simulated, heads)
    assert bars["data"][0]["orientation"] == "h"
    assert "Where 100 balls end" in words(at)
    cell = simulated.cells.obs.iloc[row]
    assert f"100 balls dropped on the cell {cell.name} ({cell.state}, {cell.time:g} time units)" in words(at)


def test_shares_of_balls_have_wilson_intervals():
    table = shares(np.array(["a"] * 30 + ["b"] * 10)).set_index("fate")
    z, n, p = 1.959964, 40, 0.25
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert table.loc["b", ["low", "high"]].tolist() == pytest.approx([middle - half, middle + half], abs=1e-5)
    assert table.index[0] == "a"
    assert shares(np.array(["a"] * 20))["low"][0] < 0.9  # twenty of twenty is not certainty


# -- a way -----------------------------------------------------------------------------------------------------------------------
def test_the_cell_that_stands_for_a_group_is_one_of_it(simulated):
    rows = np.flatnonzero(np.arange(len(simulated.state)) % 3 == 0)
    found = middle_cell(simulated, rows)
    away = np.linalg.norm(simulated.state[rows] - np.median(simulated.state[rows], axis=0), axis=1)
    assert found in rows
    assert np.linalg.norm(simulated.state[found] - np.median(simulated.state[rows], axis=0)) == pytest.approx(away.min())


def test_a_way_is_told_by_its_numbers():
    assert "downhill all the way" in reading(path_of([0.0, -1.0, -2.0], 0), "P", "A", [])
    over = [(1, "B"), (3, "C")]
    said = reading(path_of([0.0, -9.0, -5.0, -6.0, -2.0], 0), "P", "A", over)
    assert "not downhill" in said
    assert "falls to B and climbs out of there again by 7.0 D. It leads through B and C." in said
    said = reading(path_of([0.0, -9.0, -5.0, -6.0, -2.0], 0), "P", "A", over, "from B to C")
    assert "too few cells crossed from B to C" in said
    assert "7.0" not in said
    said = reading(path_of([0.0, 1.4, -2.0], 1), "P", "A", [(1, "B")])
    assert said == "The highest point on the way from P to A lies 1.4 D over P. It leads through B."
    said = reading(path_of([0.0, 1.4, -2.0], 1), "P", "A", [], "from P to A")
    assert "not identifiable" in said
    assert "1.4" not in said
    assert "climbs 2.0 D" in reading(path_of([0.0, 1.0, 2.0], 2), "P", "A", [])


def test_resting_places_on_the_way_are_named_but_not_its_ends(simulated):
    like = simulated.landscape.attractors[0]
    at = {"end": [1.0, 0.0], "mid": [0.5, 0.01], "off": [0.5, 9.0]}
    places = tuple(dataclasses.replace(like, name=name, state=np.array(state)) for name, state in at.items())
    assert passed(path_of([0.0] * 11, 0), places) == [(5, "mid")]


def test_from_a_cell_a_pass_that_nobody_crossed_is_as_unknown_as_from_its_resting_place(simulated):
    landscape = simulated.landscape
    seen = {(way.start, way.end): way.identifiable for way in landscape.barriers}
    start, end = next(ends for ends, known in seen.items() if not known and ends[0] != "Progenitor")
    from_cell = place(simulated, landscape, f"cell state: {start}")
    assert from_cell.valley == start
    assert unseen(landscape, [from_cell, place(simulated, landscape, f"resting place: {end}")], []) == f"from {start} to {end}"
    # Within one valley there is no pass to be guessed.
    assert unseen(landscape, [from_cell, place(simulated, landscape, f"resting place: {start}")], []) == ""


@pytest.mark.parametrize("ends", [(0, -1), (-1, 0)])
def test_the_page_draws_the_models_way_and_its_genes(simulated, ends):
    start, end = (simulated.landscape.attractors[i] for i in ends)
    link = {"from-simulated": f"resting place: {start.name}", "to-simulated": f"resting place: {end.name}"}
    at = show("simulated", WAY, **link)
    path = simulated.model.path(start.state, end.state)
    _, above, _, profile, order = figures(at)
    drawn = [t for t in above["data"] if t.get("name") == "way of least energy" and t["mode"] == "lines"]
    assert len(drawn) == 2  # the line and its dark edge
    genes = simulated.model.genes_along(path)
    assert order["layout"]["yaxis"]["ticktext"] == list(genes["gene"])
    names = {note["text"] for note in profile["layout"]["annotations"]}
    assert {start.name, end.name} <= names
    seen = {(way.start, way.end): way.identifiable for way in simulated.landscape.barriers}
    direct = not passed(path, simulated.landscape.attractors)
    if direct and not seen[start.name, end.name]:
        assert "not identifiable, because too few cells crossed" in words(at)
        assert "highest point: not identifiable" in names
    elif direct:
        assert f"lies {path.barrier:.1f} D over {start.name}" in words(at)


def test_two_ends_that_are_one_give_no_way(simulated):
    name = f"resting place: {simulated.landscape.attractors[0].name}"
    at = show("simulated", WAY, **{"from-simulated": name, "to-simulated": name})
    assert "choose another one" in words(at)
    assert len(figures(at)) == 3


# -- which one first -------------------------------------------------------------------------------------------------------------
def test_which_one_first_is_computed_only_when_asked():
    at = show("simulated", FIRST)
    assert not [trace for trace in figures(at)[1]["data"] if "first" in trace.get("name", "")]
    at.toggle(key="first").set_value(True).run(timeout=120)
    assert not at.exception
    (cells,) = [trace for trace in figures(at)[1]["data"] if "first" in trace.get("name", "")]
    assert cells["marker"]["cmax"] == 1.0
    assert "futures that reach either, the share" in words(at)


# -- colours ---------------------------------------------------------------------------------------------------------------------
def test_a_name_has_one_colour_whoever_asks(simulated):
    names = sorted(set(simulated.model.record["labels"]))
    everything = colours.of(simulated, names)
    assert len(set(everything.values())) == len(names)
    assert colours.of(simulated, names[::-1][:1]) == {names[-1]: everything[names[-1]]}
    assert colours.of(simulated, [f"{names[0]} (2)"]) == {f"{names[0]} (2)": everything[names[0]]}
    assert colours.of(simulated, ["mixed"]) == {"mixed": colours.NAMELESS}


def test_fates_have_the_same_colours_on_surface_map_and_bars(simulated):
    at = show("simulated", BALL)
    surface, above, _, bars = figures(at)
    told = dict(zip(bars["data"][0]["y"], bars["data"][0]["marker"]["color"], strict=True))
    for fig in (surface, above):
        drawn = {t["name"]: t["line"]["color"] for t in fig["data"] if t.get("mode") == "lines" and t["name"] in told}
        assert drawn == told


def test_a_treatment_is_shown_on_cells_that_had_none(monkeypatch):
    """Cells that were treated when they were measured have been pushed already."""
    b = load_bundle("kang")
    alone, moved = set(state.untreated(b)), []
    honest = state.trajectory

    def watched(bundle, rows, *given, **named):
        moved.append(rows)
        return honest(bundle, rows, *given, **named)

    monkeypatch.setattr(state, "trajectory", watched)
    at = show("kang", "Cells on their way")
    offered = at.selectbox(key="start-kang").options
    assert not any("stim" in title for title in offered), "a group without an untreated cell has nothing to show"
    group = next(title for title in offered if "Mono" in title)
    at.selectbox(key="start-kang").select(group).run()
    assert not at.exception
    assert moved
    assert set(moved[-1]) <= alone < set(range(b.cells.n_obs))


def test_the_same_cells_have_the_same_shares_on_both_pages(simulated):
    at = show("simulated", "Cells on their way", **{"start-simulated": "time: 0 time units"})
    shown = {box.label.removeprefix("End among "): box.value for box in at.metric if box.label.startswith("End among ")}
    rows = np.flatnonzero(simulated.cells.obs["time"].to_numpy() == 0)
    end = limit(simulated.report, 8.0, "time units", simulated=True).latest
    times = trajectory_paths.clock(0.0, end, simulated.model.span)
    whole = trajectory_paths.way(simulated, rows, times, on="map", noise=1.0, seed=0)
    shares = simulated.model.fates(whole.found, until=end).set_index("fate")["fraction"]
    assert shown == {fate: f"{100 * share:.0f} %" for fate, share in shares.items()}


def test_the_pair_that_is_asked_first_leaves_out_where_cells_begin(simulated):
    names = [a.name for a in simulated.landscape.attractors]
    assert {names[i] for i in usual_pair(simulated, simulated.landscape)} == {"Fate A", "Fate B"}


def test_energies_of_resting_places_are_a_guess_unless_crossed_passes_join_them():
    def ways(*known: tuple[str, str]) -> list[Barrier]:
        return [barrier(a, b, 1.0, 0.5, 1.5, seen=(a, b) in known) for a in "ABC" for b in "ABC" if a != b]

    assert passes.joined([], ["A"])
    assert not passes.joined([], ["A", "B"])
    assert not passes.joined(ways(("A", "B"), ("B", "C"), ("C", "B")), list("ABC")), "nobody came back from B"
    assert passes.joined(ways(("A", "B"), ("B", "A"), ("B", "C"), ("C", "B")), list("ABC"))

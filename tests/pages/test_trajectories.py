"""The page Trajectories: which cells start, how far they are drawn, what the sliders change and what is said of it all."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import virtualcell.demo
from virtualcell.demo import models_folder
from virtualcell.evaluation.horizon import Horizon, Step
from virtualcell.evaluation.next_time import NextTime
from virtualcell.evaluation.report import Claim, Row, payload
from virtualcell.explore.polygon import members, pack, unpack
from virtualcell.figures.trajectory_methods import OTHER_OURS, OURS, RULE
from virtualcell.ui import state, words
from virtualcell.ui.honesty import populations, table_of
from virtualcell.ui.honesty_choice import chosen_how
from virtualcell.ui.parts import heldout_panels
from virtualcell.ui.trajectory_horizon import limit
from virtualcell.ui.trajectory_next import next_words, share_taken
from virtualcell.ui.trajectory_reading import change_words, fate_words, gene_words
from virtualcell.ui.trajectory_start import DRAWN, FEW, times_to_start, usual_time

ROOT = Path(__file__).resolve().parents[2]
DEMO = "simulated"
DELIVERED = models_folder


def open_page(demo: str = DEMO, **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    at.query_params["demo"] = demo
    for name, value in link.items():
        at.query_params[name] = value
    at.run()
    # As the start page has no drawing, the link is given again.
    at.query_params = {"demo": demo, **link}
    at.switch_page("pages/trajectories.py")
    return at.run()


def around(rows: np.ndarray) -> str:
    """An outline, as a link has it, around rows of the demo's cells: wider than a corner's rounding, and holds others too."""
    places = state.bundle(DEMO).umap2[rows]
    (left, low), (right, high) = places.min(axis=0) - 0.05, places.max(axis=0) + 0.05
    return pack(np.array([[left, low], [right, low], [right, high], [left, high]]))


def said_on(at: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(at, kind))


def figures(at: AppTest) -> list[dict]:
    return [json.loads(element.proto.spec) for element in at.get("plotly_chart")]


def moving(at: AppTest) -> dict:
    (found,) = [fig for fig in figures(at) if fig.get("frames")]
    return found


def until(at: AppTest):
    (found,) = [slider for slider in at.slider if slider.key.startswith("until-")]
    return found


def step(seed: int, ours: float, still: float, at: float = 8.0) -> Step:
    return Step("VirtualCell", 4.0, at, seed, ours, still, ours, still)


@pytest.fixture
def reported(tmp_path, monkeypatch):
    """Lets the pages read a report written here, beside the delivered model of the simulated cells."""
    shutil.copytree(DELIVERED() / DEMO, tmp_path / DEMO)
    monkeypatch.setattr(state, "models_folder", lambda: tmp_path)
    monkeypatch.setattr(virtualcell.demo, "models_folder", lambda: tmp_path)
    state._bundle.clear()

    def write(report: dict) -> None:
        (tmp_path / DEMO / "report.json").write_text(json.dumps(report))

    yield write
    state._bundle.clear()


def report_of(*extra: Row, claims: tuple[Claim, ...] = ()) -> dict:
    return payload(list(extra), list(claims))


# -- which cells start -----------------------------------------------------------------------------------------------------------
def test_cells_are_followed_from_the_time_at_which_they_were_taken():
    times = np.array([0.0] * 5 + [2.0] * FEW + [8.0] * 50)
    assert times_to_start(times, 8.0) == {0.0: 5, 2.0: FEW}
    assert times_to_start(times, 10.0) == {0.0: 5, 2.0: FEW, 8.0: 50}
    assert usual_time({0.0: 5, 2.0: FEW, 4.0: 99}) == 2.0
    assert usual_time({0.0: 5, 2.0: 7}) == 2.0


def test_cells_drawn_on_the_map_are_a_start_and_can_be_forgotten():
    b = state.bundle(DEMO)
    times = state.values(b, b.demo.columns.time)
    outline = around(np.flatnonzero(times == 2.0)[:3])
    inside = members(b.umap2, unpack(outline))
    rows = inside[times[inside] == 2.0]
    assert 3 <= len(rows) < len(inside) < b.cells.n_obs
    at = open_page(**{f"start-{DEMO}": DRAWN, f"drawn-{DEMO}": outline, f"at-{DEMO}-{DRAWN}": "2 time units"})
    assert not at.exception
    assert at.selectbox(key=f"start-{DEMO}").value == DRAWN
    assert f"the {len(rows):,} cells of 2 time units ({DRAWN})" in said_on(at)
    starts = state.placing(b)(b.state[rows])
    heads = [trace for trace in moving(at)["frames"][0]["data"] if trace["mode"] == "markers"]
    drawn = np.concatenate([np.c_[decoded(trace["x"]), decoded(trace["y"])] for trace in heads])
    # Every cell of the first frame is one of those that were drawn.
    assert max(np.abs(starts - cell).sum(1).min() for cell in drawn) < 1e-4
    at.segmented_control(key="mode").set_value("Choose by lasso").run()
    assert f"{len(inside):,} cells drawn" in said_on(at)
    assert at.query_params[f"drawn-{DEMO}"] == outline
    at.button(key=f"clear-{DEMO}").click().run()
    assert not at.exception
    assert at.selectbox(key=f"start-{DEMO}").value == next(iter(state.groups(b)))
    assert DRAWN not in at.selectbox(key=f"start-{DEMO}").options
    assert f"drawn-{DEMO}" not in at.query_params


@pytest.mark.parametrize("nonsense", ["xyz", "A" * 40, "../..", "."])
def test_a_broken_outline_in_a_link_is_left_out(nonsense):
    at = open_page(**{f"start-{DEMO}": DRAWN, f"drawn-{DEMO}": nonsense})
    assert not at.exception
    assert at.selectbox(key=f"start-{DEMO}").value != DRAWN


def decoded(values) -> np.ndarray:
    """Numbers of a figure's JSON, which packs arrays."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"])).astype(float)
    return np.asarray(values, float)


def test_cells_of_the_last_time_are_not_moved_on_without_a_tested_horizon(reported):
    reported(report_of())
    at = open_page(**{f"start-{DEMO}": "time: 8 time units"})
    assert not at.exception
    # Of the figures that follow the chosen cells none; which cells the model did not expect is asked of all cells.
    assert not [fig for fig in figures(at) if fig.get("frames")]
    assert not [chart for chart in at.get("plotly_chart") if "unexpected" not in chart.proto.id]
    assert "Choose earlier cells" in said_on(at)
    assert "has not been tested" in said_on(at)


# -- how far ---------------------------------------------------------------------------------------------------------------------
def test_without_a_horizon_nothing_is_drawn_beyond_the_last_time(reported):
    reported(report_of())
    at = open_page()
    assert until(at).max == until(at).value == 8.0
    assert "Nothing is drawn beyond 8 time units" in said_on(at)
    assert moving(at)["layout"]["sliders"][0]["steps"][-1]["label"] == "8.0"


def test_a_link_that_asks_for_more_does_not_get_it(reported):
    reported(report_of())
    at = open_page(**{f"until-{DEMO}-0": "99"})
    assert not at.exception
    assert until(at).value <= 8.0


def test_with_a_tested_horizon_so_much_is_drawn_and_no_more(reported):
    steps = [step(seed, 0.1, 0.3, at=6.0) for seed in range(3)] + [step(seed, 0.4, 0.3, at=8.0) for seed in range(3)]
    reported(report_of() | {"horizon": Horizon.of(steps, "time units").to_dict()})
    at = open_page()
    assert until(at).max == 10.0
    assert until(at).value == 8.0
    until(at).set_value(10.0).run()
    assert not at.exception
    assert moving(at)["layout"]["sliders"][0]["steps"][-1]["label"] == "10.0"
    said = said_on(at)
    assert "The last 2 time units lie after the last simulated time" in said
    assert "up to 2 time units beyond the last simulated time (8 time units) are drawn, and no further" in said


def test_the_sentence_on_the_horizon_counts_the_reruns_and_gives_both_distances():
    lost = Horizon.of([step(0, 0.2, 0.3), step(1, 0.2, 0.3), step(2, 0.5, 0.3)], "h").to_dict()
    found = limit({"horizon": lost}, 8.0, "h")
    assert (found.latest, found.beyond) == (8.0, 0.0)
    assert "in 2 of 3 reruns (mean energy distance 0.3 against 0.3 for no change, W1 0.3 against 0.3)" in found.sentence
    assert "the cells of 8 h were hidden and predicted from those of 4 h" in found.sentence
    assert found.sentence.endswith("So nothing is drawn beyond 8 h, the last measured time.")
    won = limit({"horizon": Horizon.of([step(seed, 0.1, 0.3) for seed in range(3)], "h").to_dict()}, 8.0, "h")
    assert (won.latest, won.beyond) == (12.0, 4.0)
    assert "in all 3 reruns" in won.sentence
    none = limit({"horizon": Horizon.of([step(seed, 0.4, 0.3) for seed in range(3)], "h").to_dict()}, 8.0, "h")
    assert "in none of 3 reruns" in none.sentence
    assert limit({}, 8.0, "h").beyond == 0.0


# -- sliders ---------------------------------------------------------------------------------------------------------------------
def test_the_time_slider_moves_the_picture_the_shares_and_the_words():
    at = open_page()
    before = len(moving(at)["frames"])
    until(at).set_value(4.0).run()
    assert not at.exception
    assert len(moving(at)["frames"]) == (before - 1) // 2 + 1
    assert "Where they are at 4 time units" in said_on(at)


def test_a_slider_that_needs_no_new_rollout_is_quick():
    at = open_page()
    took = []
    for value in (6.0, 4.0, 2.0, 5.0):
        # Of this process alone: other programs on the machine are not the page's fault.
        began = time.process_time()
        until(at).set_value(value).run()
        took.append(time.process_time() - began)
    assert min(took) < 0.5


def test_without_noise_the_shares_are_called_what_they_are():
    at = open_page()
    assert "Noise is off" not in said_on(at)
    at.slider(key="noise").set_value(0.0).run()
    assert not at.exception
    assert "Noise is off" in said_on(at)


# -- what is said ----------------------------------------------------------------------------------------------------------------
def test_growth_that_is_not_known_is_said_next_to_the_shares():
    at = open_page()
    assert not state.bundle(DEMO).model.record["growth_identified"]
    assert "Shares mix growth and drift" in said_on(at)
    shares = next(fig for fig in figures(at) if fig["data"][0].get("orientation") == "h")
    assert [trace.get("name") for trace in shares["data"][1:]] == ["if all had divided alike", "cells simulated then"]


def test_simulated_cells_are_never_called_measured(reported):
    reported(
        report_of(
            Row("VirtualCell", "W1", 1.0, where="simulated, 4 held out"),
            Row("no change", "W1", 2.0, where="simulated, 4 held out"),
            Row("floor: two halves of the measured cells", "W1", 0.5, where="simulated, 4 held out"),
            Row("VirtualCell", "energy distance", 0.1, where="simulated, 4 held out"),
            Row("no change", "energy distance", 0.2, where="simulated, 4 held out"),
        )
    )
    at = open_page()
    said = said_on(at).replace(words.SIMULATED, "")
    for caveat in state.bundle(DEMO).demo.caveats:
        said = said.replace(caveat, "")
    assert "measured" not in said.lower()
    assert not any("measured" in json.dumps(fig).lower() for fig in figures(at))


def test_shares_are_read_out_of_a_hundred():
    shares = pd.DataFrame(
        {"fate": ["A", "B", "C"], "fraction": [0.6, 0.37, 0.03], "low": [0.5, 0.3, 0.0], "high": [0.7, 0.4, 0.1]}
    )
    said = fate_words(shares, "the 300 cells of 0 d", "6 d")
    assert said == (
        "Of 100 descendants of the 300 cells of 0 d, at 6 d **60** [50, 70] are among the A cells, **37** [30, 40] among the B, "
        "3 among C."
    )
    few = fate_words(shares, "the 1 cell of 0 d", "6 d", 1)
    assert "**60** are among the A cells" in few
    assert "[" not in few.split(":orange[")[0]
    assert "Only 1 cell to start from: no interval" in few
    many = pd.DataFrame({"fate": list("ABCDEFG"), "fraction": [0.5, 0.4, 0.03, 0.03, 0.02, 0.01, 0.01], "low": 0.0, "high": 1.0})
    assert fate_words(many, "all cells", "6 d").endswith("10 among rarer ones.")


def test_genes_are_read_as_they_move():
    times = np.linspace(0, 4, 5)
    assert gene_words("G", times, np.array([1, 2, 4, 7, 10.0]), "h") == "**G** rises 10-fold by 4 h, half of it by 3 h"
    assert gene_words("G", times, np.array([10, 6, 5, 4, 4.0]), "h") == "**G** falls to 40 % by 4 h, half of it by 1 h"
    assert gene_words("G", times, np.full(5, 3.0), "h") == "**G** hardly changes"
    assert gene_words("G", times, np.zeros(5), "h") == "**G** stays close to nothing"
    assert gene_words("G", times, np.array([0, 1, 2, 3, 4.0]), "h") == "**G** rises from 0.00 to 4.00 by 4 h, half of it by 2 h"
    assert gene_words("G", times, np.array([1, 5, 9, 4, 2.0]), "h") == "**G** rises 9.0-fold by 2 h, then falls to 22 %"
    assert change_words(2.0, 2.2) == "hardly changes"


def test_cells_of_the_time_they_come_to_stand_beside_the_shares():
    at = open_page()
    (bars,) = [fig for fig in figures(at) if any(trace.get("error_x") for trace in fig["data"])][:1]
    (diamond,) = [trace for trace in bars["data"] if trace.get("name") == "cells simulated then"]
    b = state.bundle(DEMO)
    then = b.cells.obs.loc[state.values(b, b.demo.columns.time) == 8.0, b.demo.columns.state]
    shares = dict(zip(diamond["y"], decoded(diamond["x"]), strict=True))
    for fate, share in shares.items():
        assert share == pytest.approx(100 * np.mean(then == fate), abs=0.01)
    assert sum(shares.values()) == pytest.approx(100, abs=3)
    # Some of a time need not become what all of it became, and between two times nothing was measured.
    some = open_page(**{f"start-{DEMO}": DRAWN, f"drawn-{DEMO}": around(np.arange(3))})
    assert some.selectbox(key=f"start-{DEMO}").value == DRAWN
    assert "cells simulated then" not in json.dumps(figures(some))
    assert "cells simulated then" not in json.dumps(figures(until(at).set_value(7.0).run()))


def test_where_to_measure_next_is_computed_when_it_is_asked_for():
    at = open_page("larry")  # the fewest cells
    shown = len(figures(at))
    at.button(key="next-larry").click().run()
    assert not at.exception
    assert len(figures(at)) == shown + 1
    assert "would settle" in said_on(at)
    assert "worse than the middle of the longest gap" in said_on(at)


def test_the_time_named_and_the_middle_of_the_longest_gap_are_said_with_their_shares():
    found = NextTime(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]), np.array([0.3, 0.2, 0.1]), 2.0)
    share = share_taken(found, [0.0, 4.0])
    np.testing.assert_allclose(share, found.taken_away / (0.6 * 4 / 10))
    said = next_words(found, share, "d")
    assert "Cells at **1 d** would settle the most" in said
    assert "The middle of the longest gap, 2 d, would settle" in said
    same = next_words(dataclasses.replace(found, middle=1.0), share, "d")
    assert "also the middle of the longest gap" in same
    level = dataclasses.replace(found, taken_away=np.array([0.3, 0.299, 0.1]))
    assert next_words(level, share_taken(level, [0.0, 4.0]), "d").startswith("No time is clearly better than **2 d**, the middle")


# -- the held-out panel ----------------------------------------------------------------------------------------------------------
def test_every_method_of_a_held_out_time_is_drawn_and_a_loss_is_said(reported):
    inside, after = "simulated, 4 held out", "simulated, 8 held out, beyond the last time"
    rows = [
        *(
            Row(name, metric, value * scale, value * scale - 0.01, value * scale + 0.01, "95 %, t", place, (0, 1, 2), 50)
            for place in (inside, after)
            for metric, scale in (("W1", 1.0), ("W1, as many cells as measured", 1.1), ("energy distance", 0.1), ("MMD", 0.01))
            for name, value in (("no change", 2.0), ("mean shift", 0.9), ("VirtualCell", 1.0), ("VirtualCell flows", 0.8))
        ),
        Row("floor: two halves of the measured cells", "W1", 0.5, where=inside),
    ]
    claim = Claim("W1 below no change", 1.0, "<", 2.0)
    steps = [step(seed, 0.1, 0.2) for seed in range(3)]
    reported(report_of(*rows, claims=(claim,)) | {"horizon": Horizon.of(steps, "time units").to_dict()})
    at = open_page()
    assert not at.exception
    panels = [fig for fig in figures(at) if any(trace.get("name") == OURS for trace in fig["data"])]
    assert len(panels) == 2
    drawn = {name for trace in panels[0]["data"] if trace.get("mode") == "markers" for name in trace["y"]}
    assert drawn == {"no change", "mean shift", "VirtualCell", "VirtualCell flows"}
    said = said_on(at)
    lost = "**Worse** than the best baseline here, mean shift (0.99): this model reaches 1.1, and the intervals do not overlap."
    assert f"transport distance (W1): {lost}" in said
    assert "which do not move the cells above: **Better** than the best baseline here, mean shift (0.99)" in said
    assert said.index("**4 held out**") < said.index("beyond the last time**")
    assert "in all 3 reruns" in said
    assert "W1 below no change (1, target < 2)" in said


def test_the_table_of_methods_takes_as_many_cells_as_measured_where_there_is_such_a_row():
    rows = [
        {"method": method, "metric": metric, "value": value, "low": None, "high": None, "where": "x"}
        for metric, values in (
            ("W1", (1.0, 0.4)),
            ("W1, as many cells as measured", (1.2, None)),
            ("energy distance", (0.1, 0.0)),
        )
        for method, value in zip(("VirtualCell without x", "floor: halves"), values, strict=True)
        if value is not None
    ]
    rows.append(rows[0] | {"method": "no change", "value": 9.0})
    panels = {metric: found for (_, metric), found in heldout_panels(rows).items()}
    measures = populations(panels)
    assert measures == ["W1, as many cells as measured", "energy distance"]
    methods, kinds, values, floor = table_of(panels, measures)
    assert (methods, kinds) == (["VirtualCell without x"], [OTHER_OURS])
    np.testing.assert_allclose(values[:, :, 0], [[1.2, 0.1]])
    np.testing.assert_allclose(floor[:, 0], [0.4, 0.0])
    without = {metric: found for metric, found in panels.items() if metric != measures[0]}
    assert populations(without) == ["W1", "energy distance"]
    assert table_of(without, ["W1"])[1] == [OTHER_OURS, RULE]


def test_how_the_predictor_was_chosen_is_said_from_the_report_or_by_principle():
    b = state.bundle(DEMO)
    assert "no method was picked" in chosen_how(dataclasses.replace(b, report={"rows": [], "claims": []}))
    choice = {"name": "union of neighbours", "reason": "At the hidden times it was closer every time."}
    said = chosen_how(dataclasses.replace(b, report={"rows": [], "claims": [], "choice": choice}))
    assert "union of neighbours was chosen without a look" in said
    assert choice["reason"] in said
    assert "landscape's own dynamics all the same" in said
    own = chosen_how(dataclasses.replace(b, report={"rows": [], "claims": [], "choice": choice | {"name": words.OURS}}))
    assert own.endswith(choice["reason"])

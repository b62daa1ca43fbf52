"""Generate, new cells: as often as asked, held where asked, no copies, refused where nothing was measured."""

from __future__ import annotations

import re

import numpy as np
import pytest
import streamlit as st
from scipy.spatial import cKDTree

from tests.pages.generate_views import figure, values, view, words
from virtualcell.demo import load_bundle
from virtualcell.model import VirtualCell
from virtualcell.ui import generate as g
from virtualcell.ui.generate_agreement import agreement, spread
from virtualcell.ui.generate_copies import NEAREST, by_chance, nearer
from virtualcell.ui.generate_new import HOW_MANY

pytestmark = pytest.mark.slow


def test_new_cells_are_drawn_as_often_as_measured_or_every_kind_alike():
    def shares(**link: str) -> np.ndarray:
        drawn = figure(view("simulated", g.NEW, **link), "new-cells-simulated")["data"]
        right = {t["name"]: len(values(t["x"])) for t in drawn if t["xaxis"] == "x2" and t["name"] != "all measured cells"}
        return np.array(list(right.values())) / sum(right.values())

    state = load_bundle("simulated").cells.obs["state"].astype(str).value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(shares(), state.to_numpy(), atol=0.08)
    np.testing.assert_allclose(shares(**{"new-balanced-simulated": "true"}), 1 / len(state), atol=0.08)


def test_new_cells_hold_what_is_held_and_are_no_copies():
    at = view("simulated", g.NEW, **{"new-state-simulated": "Fate A", "new-time-simulated": "4 time units"})
    right = [t for t in figure(at, "new-cells-simulated")["data"] if t["xaxis"] == "x2" and len(values(t["x"]))]
    everyone, drawn = (np.c_[values(trace["x"]), values(trace["y"])] for trace in right)
    assert [trace["name"] for trace in right] == ["all measured cells", "drawn (synthetic) Fate A at 4 time units (300)"]
    assert len(drawn) == HOW_MANY
    # Not by their name alone: they lie where measured cells of this state and time lie.
    b = load_bundle("simulated")
    near = cKDTree(everyone).query(drawn)[1]
    assert (b.cells.obs["state"].astype(str).to_numpy()[near] == "Fate A").mean() > 0.9
    assert b.cells.obs["time"].to_numpy()[near].mean() > 3
    text = next(block.value for block in at.markdown if block.value.startswith("Half of the drawn cells"))
    of_drawn, of_kept_out = (float(found) for found in re.findall(r"lie ([\d.e-]+) or less", text))
    assert of_drawn > 0.7 * of_kept_out
    assert "8 cells, fewer than 20, too few for a verdict" in words(at)
    assert "no sign of copies" in words(view("simulated", g.NEW))


def test_draws_that_keep_closer_to_the_training_cells_or_further_from_them_than_new_cells_are_called_so():
    new = np.linspace(1, 2, 200)
    assert "no sign of copies, none of cells that stray" in nearer(new, new)
    assert "0% of the drawn" in nearer(new + 1, new)
    assert "stray further" in nearer(new + 1, new)
    assert "closer" not in nearer(new + 1, new)
    assert "closer to the training cells" in nearer(new / 4, new)
    assert "stray" not in nearer(new / 4, new)


def test_distances_are_to_training_cells_read_as_new_where_the_model_has_them(monkeypatch):
    def median() -> float:
        st.cache_resource.clear()
        at = view("simulated", g.NEW)
        text = next(block.value for block in at.markdown if block.value.startswith("Half of the drawn cells"))
        return float(re.search(r"lie ([\d.e-]+) or less", text)[1])

    b = load_bundle("simulated")
    drawn = b.model.draw_cells(300).states
    try:
        monkeypatch.setattr(VirtualCell, "states_as_new", property(lambda self: drawn + np.float32(0.5)))
        away = drawn[:, None] - drawn[None] - 0.5
        expected = np.median(np.sqrt((away**2).sum(axis=2)).min(axis=1))
        assert median() == pytest.approx(expected, rel=0.05)
        monkeypatch.setattr(VirtualCell, "states_as_new", property(lambda self: None))
        unseen = np.flatnonzero(b.cells.obs_names.isin(b.model.record["held_out"]))
        known = np.delete(b.state, unseen, axis=0)
        expected = np.median(np.sqrt(((drawn[:, None] - known[None]) ** 2).sum(axis=2)).min(axis=1))
        assert median() == pytest.approx(expected, rel=0.05)
    finally:
        st.cache_resource.clear()


def test_what_was_never_measured_together_is_refused_in_words():
    b = load_bundle("simulated")
    times = b.cells.obs.groupby("state", observed=True)["time"].unique()
    state, never = next((s, t) for s, known in times.items() for t in b.cells.obs["time"].unique() if t not in known)
    unit = b.demo.columns.time_unit
    at = view("simulated", g.NEW, **{"new-state-simulated": str(state), "new-time-simulated": f"{never:g} {unit}"})
    assert any("never simulated together" in info.value for info in at.info)
    assert not at.get("plotly_chart")


@pytest.mark.parametrize(("drawn", "unseen"), [(300, 20), (300, 100), (50, 300)])
def test_chance_alone_seldom_passes_its_bound(drawn, unseen):
    rng = np.random.default_rng(0)
    shares = [(rng.random(drawn) < np.quantile(rng.random(unseen), NEAREST)).mean() for _ in range(2000)]
    assert np.mean(np.array(shares) > by_chance(drawn, unseen)) < 0.05


def test_kinds_of_few_cells_are_not_offered_and_give_no_verdict():
    at = view("larry", g.NEW, **{"new-state-larry": "Meg"})
    often = load_bundle("larry").cells.obs["state_info"].astype(str).value_counts()
    assert set(at.selectbox(key="new-state-larry").options) == {"any", *often[often >= 12].index}
    assert "Not offered, with fewer than 12 cells: Ccr7" in words(at)
    assert "too few for a verdict" in words(at)
    assert "no sign of copies" not in words(at)
    assert "neither shapes nor correlations are shown" in words(at)
    charts = [chart.proto.id for chart in at.get("plotly_chart") if "tested-" not in chart.proto.id]
    assert len(charts) == 2, "the map and the distances"
    titles = [note["text"] for note in figure(at, "new-cells-larry")["layout"]["annotations"]]
    assert titles == [f"measured Meg ({often['Meg']})", "drawn (synthetic) Meg (300)"]


def test_without_noise_distinct_states_are_counted_and_nothing_is_said_of_copies():
    at = view("kang", g.NEW, **{"new-state-kang": "B cells", "new-treatment-kang": "control", "new-noise-kang": "0.0"})
    drawn = load_bundle("kang").model.draw_cells(300, label="B cells", treatment="control", noise=0).states
    n = len(np.unique(drawn.round(4), axis=0))
    assert f"Distinct cell states among the 300 draws without noise: {n:,}. So no verdict." in words(at)
    assert "no sign of copies" not in words(at)


def test_two_halves_that_agree_are_told_from_such_as_do_not():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(16, 3)) @ rng.normal(size=(3, 16)) + np.eye(16)
    one, two, other = rng.normal(size=(400, 16)) @ mix, rng.normal(size=(400, 16)) @ mix, rng.normal(size=(400, 16))
    alike, unlike, none = agreement(one, two), agreement(one, other), agreement(other, other[::-1])
    pairs = np.triu_indices(16, 1)
    expected = np.corrcoef(np.corrcoef(one.T)[pairs], np.corrcoef(two.T)[pairs])[0, 1]
    assert alike.r == pytest.approx(expected, abs=1e-6)
    assert alike.r > 0.9
    assert alike.by_chance[0] == pytest.approx(np.sqrt(2 / np.pi / 400), rel=0.3), "of the mean |r| of independent features"
    assert "only part" not in alike.told("genes", "measured")
    assert unlike.r < 0.5
    assert "hardly kept" in unlike.told("genes", "measured")
    assert "only part" in agreement(one, one + one.std(axis=0) * rng.normal(size=one.shape)).told("genes", "measured")
    assert "this says little" in none.told("genes", "measured")


def test_spread_is_said_by_its_ratio():
    rng = np.random.default_rng(0)
    real = rng.normal(5, 2, size=(500, 3))
    told = spread(["B"], ["A", "B", "C"], real, (real - 5) / 4 + 5, "genes", "measured", False)
    assert "B 0.25." in told
    assert "Median of the 3 genes: 0.25" in told
    assert "vary less than measured ones" in told
    assert "**" not in spread(["B"], ["A", "B", "C"], real, real[::-1], "genes", "measured", False)
    seen = np.array([1.0, 1.0, 0.0]) * np.abs(real)
    assert "Median of the 2 genes seen in 10%" in spread([], ["A", "B", "C"], seen, seen, "genes", "measured", True)


def test_other_cells_open_with_the_view_on_screen_where_they_can_answer():
    at = view("a549", g.TURN)
    at.selectbox(key="demo").select("larry").run()
    assert not at.exception
    assert at.button_group(key="generate-larry").value == g.TURN
    at = view("a549", g.MISSING)
    at.selectbox(key="demo").select("larry").run()
    assert at.button_group(key="generate-larry").value == g.NEW, "they have one measurement"

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
from virtualcell.ui.generate_copies import nearer
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
    assert [trace["name"] for trace in right] == ["all measured cells", "Fate A"]
    assert len(drawn) == HOW_MANY
    # Not by their name alone: they lie where measured cells of this state and time lie.
    b = load_bundle("simulated")
    near = cKDTree(everyone).query(drawn)[1]
    assert (b.cells.obs["state"].astype(str).to_numpy()[near] == "Fate A").mean() > 0.9
    assert b.cells.obs["time"].to_numpy()[near].mean() > 3
    text = next(block.value for block in at.markdown if block.value.startswith("Half of the drawn cells"))
    of_drawn, of_kept_out = (float(found) for found in re.findall(r"lie ([\d.e-]+) or less", text))
    assert of_drawn > 0.7 * of_kept_out
    assert "no sign of copies" in words(at)


def test_draws_that_keep_closer_to_the_training_cells_than_new_cells_are_called_so():
    new = np.linspace(1, 2, 200)
    assert "no sign of copies" in nearer(new, new)
    assert "0% of the drawn" in nearer(new + 1, new)
    assert "closer to the training cells" in nearer(new / 4, new)


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
    assert any("never measured together" in info.value for info in at.info)
    assert not at.get("plotly_chart")

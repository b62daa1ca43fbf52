"""Generate, a missing measurement: drawn beside the measured one, and what has no truth is not compared."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from tests.pages.generate_views import figure, metric, values, view, words
from virtualcell.demo import load_bundle
from virtualcell.ui import generate as g
from virtualcell.ui import generate_missing

pytestmark = pytest.mark.slow


def test_a_missing_measurement_stands_beside_the_measured_one():
    at = view("cite", g.MISSING)
    b = load_bundle("cite")
    rows = np.flatnonzero(b.cells.obs_names.isin(b.model.record["held_out"]))
    found = b.model.draw_missing(b.cells[rows].copy(), source="rna", target="prot", n_draws=20)
    assert metric(at, "Refused") == f"{found.refused.sum()} of {len(rows)}"
    drawn = figure(at, "drawn-map-cite")["data"]
    assert [len(values(trace["x"])) for trace in drawn] == [b.cells.n_obs, len(rows), b.cells.n_obs, (~found.refused).sum()]
    bars = next(t for t in figure(at, "one-cell-bars-cite")["data"] if t["name"] == "90 % interval")
    assert len(bars["y"]) == 14
    name = at.selectbox(key="missing-cell-cite").value
    interval = b.model.interval(b.cells[[name]].copy(), source="rna", target="prot").to_df().columns
    assert set(bars["y"]) <= set(interval)
    assert "Left half of each shape: measured cells; right half: drawn ones" in words(at)


def test_no_noise_draws_the_same_cell_every_time_and_a_what_if_has_no_truth():
    at = view("cite", g.MISSING, **{"missing-noise-cite": "0.0"})
    assert "is the same, expected one" in words(at)
    cloud = next(t for t in figure(at, "one-cell-cite")["data"] if t["name"] == "drawn")
    assert np.ptp(values(cloud["x"])) < 1e-4
    at = view("a549", g.MISSING, **{"missing-time-a549": "3 h"})
    titles = [note["text"] for note in figure(at, "drawn-map-a549")["layout"]["annotations"]]
    assert re.fullmatch(r"chromatin, measured at 3 h \(\d+\)", titles[0])
    assert not any("One cell" in block.value for block in at.markdown), "nothing measured is the truth of another time"


def test_refusals_call_a_measurement_as_the_page_does(monkeypatch):
    said = []
    monkeypatch.setattr(st, "caption", said.append)
    why = np.array(["Nothing like its prot was measured.", "", "Nothing like its prot was measured."], dtype=object)
    generate_missing._refusals(SimpleNamespace(refused=why != "", why=why), "prot")
    assert said == ["2: Nothing like its proteins was measured."]


def test_a_cell_that_is_none_of_the_chosen_ones_is_forgotten():
    at = view("cite", g.MISSING, **{"missing-cell-cite": "no such cell"})
    assert at.selectbox(key="missing-cell-cite").value != "no such cell"


def test_one_measurement_alone_leads_to_cells_with_two():
    at = view("kang", g.MISSING)
    assert "Only RNA was measured" in words(at)
    at.button(key="show-a549-generate").click().run()
    assert not at.exception
    assert at.selectbox(key="demo").value == "a549"
    assert at.button_group(key="generate-a549").value == g.MISSING
    assert figure(at, "drawn-map-a549")["data"]

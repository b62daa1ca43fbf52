"""Generate, a missing measurement: drawn beside the measured one, and what has no truth is not compared."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from tests.pages.generate_views import figure, metric, values, view, words
from virtualcell.demo import load_bundle
from virtualcell.schema import Columns
from virtualcell.ui import generate as g
from virtualcell.ui import generate_missing, generate_tested

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
    assert f"{len(rows)} measured cells (cells kept out of training), beside {(~found.refused).sum()} drawn cells" in words(at)
    assert "tells much of a cell's proteins" in words(at)
    assert f"“{g.ASSAYS}” gives other 90 % intervals" in words(at)


def test_no_noise_draws_the_same_cell_every_time_and_a_what_if_has_no_truth():
    at = view("cite", g.MISSING, **{"missing-noise-cite": "0.0"})
    assert "is the same, expected one" in words(at)
    cloud = next(t for t in figure(at, "one-cell-cite")["data"] if t["name"] == "drawn")
    assert np.ptp(values(cloud["x"])) < 1e-4
    at = view("a549", g.MISSING, **{"missing-time-a549": "3 h"})
    titles = [note["text"] for note in figure(at, "drawn-map-a549")["layout"]["annotations"]]
    assert re.fullmatch(r"chromatin, measured at 3 h \(\d+\)", titles[0])
    assert not any("One cell" in block.value for block in at.markdown), "nothing measured is the truth of another time"
    n = int(re.fullmatch(r"chromatin, drawn \(synthetic\) at 3 h \((\d+)\)", titles[1])[1])
    refused, of = map(int, metric(at, "Refused").split(" of "))
    assert n == of - refused < of
    assert f"one draw for each of {n} cells" in words(at)
    assert "as if at 3 h" in words(at)
    assert f"{n} cells, 20 draws each" in words(at)
    assert "Made at the own time of each cell and with noise 1" in words(at)
    assert "intervals held" not in words(at), "peaks have none"
    assert "treatment" not in words(at)


def test_refusals_call_a_measurement_as_the_page_does(monkeypatch):
    said = []
    monkeypatch.setattr(st, "caption", said.append)
    why = np.array(["Nothing like its prot was measured.", "", "Nothing like its prot was measured."], dtype=object)
    generate_missing._refusals(SimpleNamespace(refused=why != "", why=why), "prot", Columns())
    assert said == ["2: Nothing like its proteins was measured."]
    why[0] = why[2] = "No cell with such prot was measured at this time and treatment."
    generate_missing._refusals(SimpleNamespace(refused=why != "", why=why), "prot", Columns(time="time"))
    assert said[1:] == ["2: No cell with such proteins was measured at this time."]


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


@pytest.mark.parametrize(("high", "said"), [(-0.01, "tells a little of a cell's"), (0.01, "hardly tells a cell's")])
def test_how_much_a_source_tells_is_decided_by_differences_on_the_same_splits(monkeypatch, high, said):
    where = "a549, rna to atac, held-out cells"

    def row(method: str, metric: str, value: float, low: float, high: float) -> dict:
        return {"method": method, "metric": metric, "value": value, "low": low, "high": high, "seeds": [0, 1], "where": where}

    rows = [
        row("VirtualCell", "energy score a cell", 0.95, 0.5, 1.5),
        row("training cells at random", "energy score a cell", 1.0, 0.5, 1.5),
        row("training cells at random", "energy score a cell, VirtualCell minus another", -0.05, -0.09, high),
        row("VirtualCell", "90 % intervals of all features: share inside", 0.9, 0.8, 1.0),
        row("training cells at random", "90 % intervals of all features: share inside", 0.9, 0.8, 1.0),
        row("VirtualCell", "share nearer to training cells than 95 % of held-out cells", 0.05, 0.0, 0.1),
        row("training cells at random", "share nearer to training cells than 95 % of held-out cells", 0.05, 0.0, 0.1),
    ]
    monkeypatch.setattr(generate_tested, "report", lambda folder: {"rows": rows, "claims": []})
    at = view("a549", g.MISSING)
    assert said in words(at)
    panels = [element.proto.id for element in at.get("plotly_chart") if "tested-" in element.proto.id]
    assert len(panels) == 1, "of the scores alone"
    (table,) = at.dataframe
    assert "energy score a cell: VirtualCell minus this method, on the same splits" in set(table.value["measure"])


def test_peaks_near_no_gene_come_last():
    b = load_bundle("a549")
    near = b.cells.mod["atac"].var["nearest_gene"].astype(str)
    assert (near == "").any()
    measured = b.model.reading(b.cells[np.arange(300)].copy(), "atac")
    assert (near.loc[g.shown_features(b, "atac", measured, 16)] != "").all()

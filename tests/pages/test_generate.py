"""Generate: every view draws from real models, says what it refuses, and calls synthetic what it drew, also in files."""

from __future__ import annotations

import io
import json
import re
import time
from types import SimpleNamespace

import anndata as ad
import mudata
import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.test_links import NOT_IN_LINK, controls, elements, open_page, parameter
from virtualcell.demo import load_bundle
from virtualcell.model import VirtualCell
from virtualcell.schema import Columns, DataError
from virtualcell.ui import generate as g
from virtualcell.ui import generate_assays, generate_missing, generate_tested
from virtualcell.ui.generate_agreement import agreement, spread
from virtualcell.ui.generate_codes import Read
from virtualcell.ui.generate_codes import named as codes_named
from virtualcell.ui.generate_copies import NEAREST, by_chance, nearer
from virtualcell.ui.generate_files import written
from virtualcell.ui.generate_images import named
from virtualcell.ui.generate_pairs import auroc
from virtualcell.ui.generate_turn import _how_alike

pytestmark = pytest.mark.slow


def view(demo: str, name: str, **link: str) -> AppTest:
    at = open_page("generate", demo, **{f"generate-{demo}": name}, **link)
    assert not at.exception
    assert not at.error
    return at


def words(at: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(element.value for kind in kinds for element in getattr(at, kind))


def figure(at: AppTest, key: str) -> dict:
    (found,) = [element for element in at.get("plotly_chart") if key in element.proto.id]
    return json.loads(found.proto.spec)


def values(found: object) -> np.ndarray:
    """An array of a figure as the browser gets it."""
    import base64

    if isinstance(found, dict):
        return np.frombuffer(base64.b64decode(found["bdata"]), dtype=found["dtype"]).astype(float)
    return np.asarray(found, dtype=float)


def metric(at: AppTest, label: str) -> str:
    return next(one.value for one in at.metric if one.label == label)


# -- a missing measurement -------------------------------------------------------------------------------------------------------
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


# -- new cells -------------------------------------------------------------------------------------------------------------------
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
    drawn = [t for t in figure(at, "new-cells-simulated")["data"] if t["xaxis"] == "x2" and len(values(t["x"]))]
    assert len(drawn) <= 2
    text = next(block.value for block in at.markdown if block.value.startswith("Half of the drawn cells"))
    assert float(re.search(r"lie ([\d.e-]+) or less", text)[1]) > 0


def test_draws_that_keep_closer_to_the_training_cells_or_further_from_them_than_new_cells_are_called_so():
    new = np.linspace(1, 2, 200)
    assert "no sign of copies, none of cells that stray" in nearer(new, new)
    assert "0% of the drawn" in nearer(new + 1, new)
    assert "stray further" in nearer(new + 1, new)
    assert "closer" not in nearer(new + 1, new)
    assert "closer to the training cells" in nearer(new / 4, new)
    assert "stray" not in nearer(new / 4, new)


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
    assert len(at.get("plotly_chart")) == 2, "the map and the distances"
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


def test_cells_that_chance_alone_hardly_sets_apart_are_called_copies():
    cells = np.random.default_rng(0).normal(size=(300, 4))
    variance = cells.var(axis=0, ddof=1).sum()
    assert "nearly copies of one" in _how_alike(variance, 50, cells * 0.01 + 3, "measured")
    assert " 50% as much" in _how_alike(variance, 50, cells / 2, "measured")
    assert "copies" not in _how_alike(variance, 50, cells / 2, "measured")
    assert _how_alike(variance, 2, cells, "measured").startswith("Too few measured cells")


def test_a_test_of_one_assay_says_nothing_of_another(monkeypatch):
    def made(method: str, metric: str, value: float, target: str) -> dict:
        where = f"assays, completed, rna to {target}, cells without it"
        return {"method": method, "metric": metric, "value": value, "low": None, "high": None, "seeds": [0], "where": where}

    rows = [made("VirtualCell", "mean squared error", error, target) for target, error in (("atac", 5), ("prot", 7))]
    rows += [made("mean of all cells", "mean squared error", 9, target) for target in ("atac", "prot")]
    rows.append(made("VirtualCell", "share inside the 90 % interval", 0.88, "prot"))
    monkeypatch.setattr(generate_tested, "report", lambda folder: {"rows": rows, "claims": []})
    monkeypatch.setattr(generate_assays, "report", generate_tested.report)
    proteins = words(view("assays", g.ASSAYS, **{"assay-assays": "proteins"}))
    assert "this model 7" in proteins
    assert "held 88 %" in proteins
    peaks = words(view("assays", g.ASSAYS, **{"assay-assays": "chromatin"}))
    assert "this model 5" in peaks
    assert "intervals held" not in peaks


def test_what_was_never_measured_together_is_refused_in_words():
    b = load_bundle("simulated")
    times = b.cells.obs.groupby("state", observed=True)["time"].unique()
    state, never = next((s, t) for s, known in times.items() for t in b.cells.obs["time"].unique() if t not in known)
    unit = b.demo.columns.time_unit
    at = view("simulated", g.NEW, **{"new-state-simulated": str(state), "new-time-simulated": f"{never:g} {unit}"})
    assert any("never simulated together" in info.value for info in at.info)
    assert not at.get("plotly_chart")


# -- knobs -----------------------------------------------------------------------------------------------------------------------
def test_turning_a_knob_changes_what_the_codes_say():
    at = view("larry", g.TURN, **{"turned-larry": "knob 2"})
    b = load_bundle("larry")
    assert b.model.codes is not None
    k = int(at.selectbox(key="code-larry").value.split(":")[0]) - 1
    turned = b.model.codes.turn(k, 1, steps=9, seed=0, n=100)
    amount = np.log1p(b.model.decode(turned).mean(axis=1))
    for trace in figure(at, "knob-turned-larry")["data"]:
        i = b.model.features().index(trace["name"])
        np.testing.assert_allclose(values(trace["y"]), amount[:, i] - amount[4, i], atol=1e-3)
    log = figure(at, "settling-larry")["data"][0]
    assert values(log["y"])[-1] < values(log["y"])[0], "the code of a cell settles"


def test_codes_are_called_by_what_their_cells_are():
    read = Read(np.array([0] * 6 + [1] * 4), np.ones(10), np.zeros((10, 2)))
    labels = np.array(["a"] * 5 + ["b"] * 5)
    assert codes_named(read, labels, 3) == ["1: a, 83% of 6 cells", "2: b, 100% of 4 cells", "3: hardly any measured cell"]
    assert codes_named(read, ["high A", "high B", ""], 2) == ["1: high A (6 cells)", "2: high B (4 cells)"]


def test_kinds_without_a_name_are_called_by_the_proteins_that_they_have_most_of():
    options = view("cite", g.TURN).selectbox(key="code-cite").options
    proteins = set(load_bundle("cite").model.features("prot"))
    told = [re.match(r"\d: high (\S+) and (\S+) \(", option) for option in options if "hardly any" not in option]
    assert told
    assert all({found[1], found[2]} <= proteins for found in told)
    assert any("CD14" in option for option in options), "monocytes"


# -- pictures --------------------------------------------------------------------------------------------------------------------
def test_pictures_are_drawn_beside_photographs_of_the_same_code():
    from virtualcell.data.catalogue import models_folder
    from virtualcell.generative.images import FOLDER, ImageCodes, load_blood_cells

    model, cells = ImageCodes.load(), load_blood_cells()
    name, category = [(name, k) for name, k in named(model).items() if model.names[k].images][-1]
    at = view("kang", g.IMAGES, **{"image-code": name, "image-knob-1": "0.5"})
    drawn, photographs = figure(at, "images-drawn")["data"]
    assert drawn["zsmooth"] is False
    n = int(re.search(r"\((\d+)\)", figure(at, "images-drawn")["layout"]["annotations"][1]["text"])[1])
    assert n == min(36, (model.read(cells.images)[0].argmax(1) == category).sum())
    assert drawn["source"] != photographs["source"]
    assert metric(at, "Named rightly by their code") == f"{100 * model.record['purity']:.1f} %"
    assert "BCCD" in words(at)
    beside = json.loads((models_folder() / FOLDER / "generate.json").read_text())["rows"]
    shipped = [row for row in beside if row["where"].endswith(f"shipped (seed {model.settings.seed})")]
    (told,) = [row["value"] for row in shipped if row["metric"].startswith("AUROC")]
    assert metric(at, "Drawn one recognised") == f"{100 * told:.0f} %"


# -- pairs -----------------------------------------------------------------------------------------------------------------------
def test_pairs_are_judged_beside_shuffled_ones():
    at = view("a549", g.PAIRS)
    share = int(metric(at, "True pair scored higher").removesuffix(" %"))
    low, high = map(int, re.match(r"(\d+) to (\d+) %", next(m.delta for m in at.metric if "True pair" in m.label)).groups())
    assert low <= share <= high
    assert ("cannot be told" in words(at) or "do not show" in words(at)) or low > 50
    (labels,) = figure(at, "label-scores-a549")["data"]
    np.testing.assert_allclose(values(labels["z"]).reshape(3, 3).sum(axis=1), 1, atol=1e-5)
    (table,) = at.dataframe
    assert table.value["score"].is_monotonic_increasing


def test_labels_stand_beside_their_own_test(monkeypatch):
    def made(method: str, metric: str, value: float, where: str) -> dict:
        where = f"a549, {where}, held-out cells"
        return {"method": method, "metric": metric, "value": value, "low": None, "high": None, "seeds": [0], "where": where}

    rows = [
        made(who, "AUROC, own time against others", 0.9 + i / 100, "labels") for i, who in enumerate(("VirtualCell", "other"))
    ]
    rows += [made(who, "accuracy, state", 0.1, "labels") for who in ("VirtualCell", "other")]
    auroc_of_pairs = "AUROC, own against another cell's"
    rows += [made(who, auroc_of_pairs, 0.7 + i / 10, "rna with atac") for i, who in enumerate(("VirtualCell", "other"))]
    claims = [{"name": f"a549, labels: AUROC, own {of}, worst seed", "holds": True, "value": 0.9, "target": "> 0.5"}
              for of in ("time", "state")]  # fmt: skip
    monkeypatch.setattr(generate_tested, "report", lambda folder: {"rows": rows, "claims": claims})
    at = view("a549", g.PAIRS)
    assert "this model 0.7" in words(at)
    assert "this model 0.9" in words(at)
    assert "own time against others" in words(at)
    assert "state" not in "".join(block.value for block in at.markdown if "worst seed" in block.value), "time is asked for"
    assert not any("accuracy" in block.value for block in at.markdown)


def test_the_interval_around_the_auroc_holds_chance_where_there_is_none():
    rng = np.random.default_rng(0)
    value, low, high = auroc(rng.normal(size=400), rng.normal(size=400), 0)
    assert low < 0.5 < high
    assert low < value < high
    value, low, _ = auroc(rng.normal(3, 1, 400), rng.normal(size=400), 0)
    assert value > low > 0.95


# -- assays ----------------------------------------------------------------------------------------------------------------------
def test_expensive_assays_are_told_with_their_intervals_beside_what_was_withheld():
    from virtualcell.data.simulate_assays import truth_of

    at = view("assays", g.ASSAYS, **{"assay-assays": "proteins"})
    b = load_bundle("assays")
    inside = float(metric(at, "Truth inside its interval").removesuffix(" %"))
    assert 85 <= inside <= 97
    cell = at.selectbox(key="assay-cell-assays").value
    truth = b.model.reading(truth_of(b.cells[[cell]], "prot", b.model.features("prot")), "prot")[0]
    points = {t["name"]: t for t in figure(at, "assay-bars-assays")["data"]}
    shown = dict(zip(points["withheld"]["y"], values(points["withheld"]["x"]), strict=True))
    assert all(np.isclose(truth[b.model.features("prot").index(name)], value, atol=1e-4) for name, value in shown.items())
    patterns = figure(at, "assay-patterns")
    assert len(patterns["data"]) == 3


def test_where_nothing_is_lacking_an_assay_is_hidden_as_a_test():
    assert "As a test, one is hidden" in words(view("cite", g.ASSAYS))
    assert "Only RNA was measured" in words(view("kang", g.ASSAYS))


# -- all of them -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", g.ASKS)
def test_every_control_of_every_view_is_in_the_link(name):
    at = view("assays", name)
    assert not [element.key for element in elements(at) if parameter(element) == "" and element.key not in NOT_IN_LINK]
    assert {"generate-assays"} < {parameter(element) for element in controls(at)}
    assert "synthetic" in words(at)


@pytest.mark.parametrize("name", g.ASKS)
def test_a_view_that_was_drawn_before_is_there_at_once(name):
    at = view("a549", name)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        at.run()
        took.append(time.perf_counter() - began)
    assert min(took) < 1.0


def test_without_a_generator_nothing_is_drawn_and_the_command_is_told(monkeypatch):
    monkeypatch.setattr(VirtualCell, "load_generators", lambda self, folder: None)
    st.cache_resource.clear()
    try:
        for name in (g.NEW, g.TURN, g.PAIRS):
            at = view("kang", name)
            assert any("was not trained for these cells" in info.value for info in at.info)
            assert any("--generators kang" in block.value for block in at.code)
            assert not at.get("plotly_chart")
    finally:
        st.cache_resource.clear()


def test_a_generator_that_cannot_be_read_is_not_said_to_be_untrained(monkeypatch):
    def broken(self: VirtualCell, folder: object) -> None:
        for name in ("samplers", "codes", "pairs"):
            problem = f"The file of {name} is *broken*."
            self._faults[name] = DataError(problem, next_step="copy it again.", file=f"/secret/path/{name}.json")

    monkeypatch.setattr(VirtualCell, "load_generators", broken)
    st.cache_resource.clear()
    try:
        for view_name, name in ((g.NEW, "samplers"), (g.TURN, "codes"), (g.PAIRS, "pairs")):
            at = view("kang", view_name)
            (said,) = [one.value for one in at.warning]
            assert f"could not be read from {name}.json" in said
            assert "What to do: copy it again." in said
            assert r"\*broken\*" in said
            assert "secret" not in said
            assert not any("was not trained" in info.value for info in at.info)
            assert any("--generators kang" in block.value for block in at.code)
    finally:
        st.cache_resource.clear()


# -- files -----------------------------------------------------------------------------------------------------------------------
def files(at: AppTest, monkeypatch) -> dict[str, object]:
    """Name of each file that can be taken away -> what makes it."""
    found = {}
    monkeypatch.setattr(st, "download_button", lambda label, data, file_name=None, *a, **more: found.__setitem__(file_name, data))
    at.run()
    assert not at.exception
    return found


@pytest.mark.parametrize(("demo", "name", "file"), [("cite", g.MISSING, "rna-to-prot"), ("simulated", g.NEW, "cells")])
def test_files_of_drawn_cells_say_everywhere_that_they_are_synthetic(demo, name, file, monkeypatch, tmp_path):
    at = view(demo, name)
    offered = files(at, monkeypatch)
    assert all("synthetic" in key for key in offered if key and file in key)
    path = tmp_path / "cells.h5mu"
    path.write_bytes(offered[f"{demo}-synthetic-{file}.h5mu"]())
    cells = mudata.read_h5mu(path)
    for table in (cells, *cells.mod.values()):
        assert table.obs["synthetic"].all()
        assert table.uns["synthetic"]["model"] == load_bundle(demo).model.record["digest"]
        assert "never measured" in table.uns["synthetic"]["warning"]
    path = tmp_path / "cells.h5ad"
    path.write_bytes(offered[f"{demo}-synthetic-{file}.h5ad"]())
    one = ad.read_h5ad(path)
    assert one.obs["synthetic"].all()
    assert "link" in one.uns["virtualcell"]
    assert one.X.min() >= 0
    tables = {key: made for key, made in offered.items() if key and "synthetic" in key and key.endswith(".csv")}
    assert len(tables) == 2, "states, and features"
    for made in tables.values():
        assert pd.read_csv(io.StringIO(made()), comment="#")["synthetic"].all()


def test_a_written_file_keeps_the_marks_of_its_cells():
    b = load_bundle("simulated")
    cells = b.model.synthetic(b.model.draw_cells(5))
    assert not {"virtualcell"} & set(next(iter(cells.mod.values())).uns)
    assert len(written(cells, "h5ad", {"link": "x"})) > 1000
    assert not {"virtualcell"} & set(next(iter(cells.mod.values())).uns), "what was drawn is not changed"


def test_drawn_pictures_say_that_they_are_synthetic(monkeypatch):
    at = view("kang", g.IMAGES)
    data = files(at, monkeypatch)["blood_cells-synthetic.png"]()
    assert json.loads(Image.open(io.BytesIO(data)).text["synthetic"])["synthetic"] is True

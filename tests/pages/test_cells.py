"""Your cells: guesses to confirm, remedies to choose, a training to start, and runs that a link finds again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from streamlit.testing.v1 import AppTest

from virtualcell import jobs
from virtualcell.data.catalogue import data_folder
from virtualcell.data.read import read
from virtualcell.jobs.files import write_json
from virtualcell.jobs.folder import FIGURES, RUNNER_LOCK
from virtualcell.jobs.locks import hold
from virtualcell.jobs.progress import Recorder
from virtualcell.schema import AutoencoderSettings, Columns, Settings
from virtualcell.ui import runs_settings as presets
from virtualcell.ui.runs_words import collapse, duration, progress_words, share_done, state_words

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of runs in which nothing is trained: who holds the runner's lock is taken for the runner."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("VIRTUALCELL_RUNS", str(folder))
    monkeypatch.delenv("VIRTUALCELL_DATA", raising=False)
    held = hold(folder / RUNNER_LOCK)
    assert held is not None
    with held:
        yield folder


def open_cells(**link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.run()
    for name, value in link.items():
        at.query_params[name] = value
    return at.switch_page("pages/cells.py").run()


@pytest.fixture
def page(home: Path) -> AppTest:
    return open_cells()


def upload(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader(key="upload").set_value((name, content, "application/octet-stream")).run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "success")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(at, kind))


def button(at: AppTest, label: str):
    return next(found for found in at.button if label in found.label)


def faulty(tmp_path: Path) -> bytes:
    """Text times, text in place of counts' home, an odd name for the untreated, cells without treatment."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, size=(240, 25)).astype(np.float32) + 1
    obs = pd.DataFrame(
        {"timepoint": np.repeat(["0h", "6 h", "day 1"], 80), "drug": np.tile(["medium", "dex"], 120)},
        index=[f"cell{i}" for i in range(240)],
    )
    obs.loc[obs.index[:4], "drug"] = None
    cells = AnnData(np.log1p(counts), obs=obs, var=pd.DataFrame(index=[f"gene{i}" for i in range(25)]), layers={"umi": counts})
    cells.write_h5ad(tmp_path / "faulty.h5ad")
    return (tmp_path / "faulty.h5ad").read_bytes()


def test_from_an_upload_under_another_name_to_a_run_in_the_queue(page, home):
    at = upload(page, "my_cells.h5mu", (data_folder() / "scicar_a549_rna_atac.h5mu").read_bytes())
    assert "my_cells.h5mu**: 2,641 cells, 1,185 genes, 7,230 chromatin regions" in words(at)
    assert at.selectbox(key="own-time").value == "time_h"
    assert at.selectbox(key="own-unit").value == "h"
    assert at.selectbox(key="own-treatment").value == "treatment"
    assert at.selectbox(key="own-control").value == "vehicle (0 h)"
    assert "Treatment and time are the same variable" in words(at)
    (tiles,) = [json.loads(f.proto.spec)["data"][0] for f in at.get("plotly_chart") if "heatmap" in f.proto.spec]
    assert tiles["x"] == ["0 h", "1 h", "3 h"]
    at.text_input(key="own-name").set_value("Lung cells").run()
    at.segmented_control(key="own-way").set_value("Quick look").run()
    assert at.number_input(key="own-epochs-Quick look").value == 8
    at.number_input(key="own-seed").set_value(3).run()
    button(at, "Train").click().run()
    assert not at.exception
    (run,) = jobs.runs()
    assert (run.name, run.n_cells, run.settings.seed, run.file) == ("Lung cells", 2641, 3, "my_cells.h5mu")
    assert run.columns == Columns("time_h", "h", "treatment", "vehicle (0 h)")
    assert at.query_params["run"] == [run.id] or at.query_params["run"] == run.id
    assert run.status().state == "queued"
    assert "Is about to start" in str([part.proto.text for part in at.get("progress")])

    again = open_cells(run=run.id)  # another browser
    assert not again.exception
    assert again.selectbox(key="chosen-run").value == run.id
    button(again, "Cancel").click().run()
    assert run.status().state == "cancelled"
    assert "Cancelled" in words(again)
    button(again, "Resume").click().run()
    assert run.status().state == "queued"
    button(again, "Cancel").click().run()
    button(again, "Delete for good").click().run()
    assert not again.exception
    assert jobs.runs() == []
    assert not list(home.glob("run-*"))


def test_each_fault_is_put_right_by_its_button_and_told(page, tmp_path):
    at = upload(page, "faulty.h5ad", faulty(tmp_path))
    assert at.selectbox(key="own-time").value == "timepoint", "text times are guessed by the name of their column"
    assert not [b for b in at.button if b.label == "Train"]
    at.selectbox(key="own-treatment").set_value("drug").run()
    assert "As numbers (h): 0h → 0, 6 h → 6, day 1 → 24." in words(at)
    for label in ("Read them as numbers", "the layer 'umi'", "medium", "these 4 cells out"):
        button(at, label).click().run()
        assert not at.exception
    assert at.selectbox(key="own-time").value == "timepoint_h"
    assert at.selectbox(key="own-control").value == "medium"
    assert not at.error
    said = words(at)
    assert "4 of 240 cells were left out" in said
    assert "counts of rna were taken from the layer 'umi'" in said
    button(at, "Train").click().run()
    (run,) = jobs.runs()
    assert run.columns == Columns("timepoint_h", "h", "drug", "medium")
    kept = read(run.folder / "cells.h5mu")
    assert kept.n_obs == 236
    assert len(kept.uns["virtualcell_source"]["changes"]) == 3


def test_undo_gives_the_cells_back_as_they_were(page, tmp_path):
    at = upload(page, "faulty.h5ad", faulty(tmp_path))
    button(at, "Read them as numbers").click().run()
    assert at.selectbox(key="own-time").value == "timepoint_h"
    button(at, "Undo all").click().run()
    assert not at.exception
    assert at.selectbox(key="own-time").value == "timepoint"
    assert "Changed here" not in words(at)


def test_what_was_said_of_the_cells_is_kept_while_the_reader_is_elsewhere(page):
    at = upload(page, "mine.h5ad", (data_folder() / "weinreb_larry_clones.h5ad").read_bytes())
    at.selectbox(key="own-unit").set_value("h").run()
    at.switch_page("pages/card.py").run()
    at.switch_page("pages/cells.py").run()
    assert not at.exception
    assert at.selectbox(key="own-unit").value == "h"
    button(at, "Give other cells").click().run()
    assert at.file_uploader(key="upload").value is None


def test_a_file_of_the_data_folder_is_chosen_and_nothing_else_can_be(home, monkeypatch, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "lab.h5ad").write_bytes((data_folder() / "weinreb_larry_clones.h5ad").read_bytes())
    (tmp_path / "secret.h5ad").write_bytes((data_folder() / "weinreb_larry_clones.h5ad").read_bytes())
    monkeypatch.setenv("VIRTUALCELL_DATA", str(folder))
    at = open_cells()
    assert at.selectbox(key="file").options == ["choose a file", "lab.h5ad"]
    at.selectbox(key="file").set_value("lab.h5ad").run()
    assert "lab.h5ad**: 781 cells" in words(at)
    at.selectbox(key="own-state").set_value("not measured").run()
    again = open_cells(**{"file": "lab.h5ad", "own-state": "not measured"})  # the link in another browser
    assert "lab.h5ad**: 781 cells" in words(again)
    assert again.selectbox(key="own-state").value == "not measured"
    assert again.selectbox(key="own-time").value == "time_d"
    outside = open_cells(file="../secret.h5ad")
    assert not outside.exception
    assert "781 cells" not in words(outside)


def test_without_a_data_folder_the_page_says_how_to_name_one(page):
    assert "VIRTUALCELL_DATA" in words(page)


@pytest.fixture
def finished(home: Path) -> jobs.Run:
    """A run whose folder is as a worker leaves it, but for the model."""
    return _finished("First", 8, 6.1, 812.0)


def _finished(name: str, dims: int, rank: float, gain: float) -> jobs.Run:
    settings = Settings(autoencoder=AutoencoderSettings(latent_dim=dims))
    run = jobs.submit(
        data_folder() / "weinreb_larry_clones.h5ad", Columns("time_d", "d", state="state_info"), settings, name=name, start=False
    )
    record = Recorder(run.folder)
    for step in range(1, 5):
        record("autoencoder", step, 4, {"reconstruction": 10.0 - step, "validation_nats": -9.0 + step, "effective_rank": rank})
    record("predictor", 500, 500, {"match": 0.5})
    found = {
        "held_out_cells": 78, "nats_over_average": gain, "nats_over_linear": 3.0, "nats_over_average_of": {"rna": gain},
        "effective_rank": rank, "latent_dim": dims, "parameters": 1000, "seconds": 61.0, "moves": True, "attractors": 3,
    }  # fmt: skip
    write_json(run.folder / FIGURES, found)
    record.end("done")
    return run


def test_a_finished_run_shows_its_figures_its_curves_and_the_ways_on(finished):
    at = open_cells(run=finished.id)
    assert not at.exception
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Numbers of the state in use"] == "6.1 of 8"
    assert shown["Over the average cell"] == "812.0 nats"
    assert shown["Resting places"] == "3"
    labels = [b.label for b in at.button]
    assert {"Explore", "Trajectories", "Landscape"} <= set(labels)
    assert "Perturb" not in labels, "no treatment was named"
    (curves,) = [json.loads(f.proto.spec) for f in at.get("plotly_chart")]
    assert len(curves["data"]) == 4
    assert "collapsed" not in words(at)


def test_a_collapsed_run_says_so_first(home):
    at = open_cells(run=_finished("Flat", 16, 1.4, 10.0).id)
    assert "only about 1.4 are really used" in words(at)


def test_runs_side_by_side_name_what_differs(finished):
    other = _finished("Second", 12, 7.0, 900.0)
    at = open_cells(run=other.id)
    table = at.dataframe[0].value
    assert list(table["Model"]) == ["Second", "First"]
    assert list(table["State numbers"]) == [12, 8]
    at.multiselect(key="compare").set_value([f"First ({finished.id})", f"Second ({other.id})"]).run()
    assert not at.exception
    facts = at.dataframe[1].value
    assert list(
        facts.loc["autoencoder: latent dim" if "autoencoder: latent dim" in facts.index else "autoencoder: latent_dim"]
    ) == [
        "8",
        "12",
    ]
    assert "seed" not in facts.index, "what is the same is left out"
    at.toggle(key="compare-all").set_value(True).run()
    assert list(at.dataframe[1].value.loc["seed"]) == ["0", "0"]


def test_a_failed_run_says_why_and_what_to_do(home):
    run = _finished("Broken", 8, 6.0, 1.0)
    Recorder(run.folder).end("failed", {"problem": "The loss became nan.", "next_step": "look for extreme values."})
    at = open_cells(run=run.id)
    assert "The loss became nan." in words(at)
    assert "look for extreme values." in words(at)
    assert "Resume" in [b.label for b in at.button]


def test_a_run_that_is_gone_is_named(finished):
    at = open_cells(run="run-aaaaaa")
    assert not at.exception
    assert "no such model on this server" in words(at)


def test_words_of_a_status():
    def status(state, **others):
        return jobs.Status(state, updated=time.time(), **others)

    assert state_words(status("queued", place_in_queue=2)) == "waits (number 2)"
    assert state_words(status("running", seconds=30.0, seconds_left=90.0)) == "in training"
    assert share_done(status("running", seconds=30.0, seconds_left=90.0)) == 0.25
    assert share_done(status("running", seconds=30.0)) == 0.0
    assert share_done(status("done")) == 1.0
    assert progress_words(status("queued", place_in_queue=3)) == "Waits for 2 other training(s) to end."
    said = progress_words(status("running", stage="predictor", done=20, total=500, seconds=5.0, seconds_left=240.0))
    assert said == "Learning how cells move · 20 of 500 · 4 min left"
    assert [duration(s) for s in (5, 120, 7200)] == ["5 s", "2 min", "2.0 h"]


def test_collapse_is_told_below_the_limit_only():
    assert collapse(3.3, 16) is None
    assert "of the 16 numbers" in str(collapse(3.1, 16)).lower()
    assert collapse(1.3, 2) is None
    assert collapse(1.1, 2) is not None


def test_presets_suit_the_cells():
    cells = read(data_folder() / "weinreb_larry_clones.h5ad")
    timed, untimed = Columns("time_d", "d"), Columns()
    usual, quick = presets.preset(presets.STANDARD, cells, timed), presets.preset(presets.QUICK, cells, timed)
    assert usual.autoencoder.latent_dim == 8, "781 cells bear few numbers"
    assert usual.predictor == Settings().predictor
    assert (quick.autoencoder.epochs, quick.predictor.refits, quick.predictor.turning) == (8, 0, False)
    assert presets.preset(presets.STANDARD, cells, untimed).predictor.diffusion == 0.05
    long = [presets.seconds(cells, timed, s, hidden=h) for s, h in ((quick, False), (usual, False), (usual, True))]
    assert long == sorted(long)
    assert long[0] < long[1] / 2
    assert [presets.said(s) for s in (20, 120, 1700, 3600)] == ["1 to 2 min", "2 to 6 min", "28 to 85 min", "1.0 to 3.0 h"]
    with pytest.raises(ValueError, match="none of"):
        presets.preset("slow", cells, timed)


def test_a_hidden_time_stands_beside_the_best_simple_rule(finished):
    finished.model_folder.mkdir()
    where = f"{finished.id}, 4 d held out"
    rows = [
        {"method": method, "metric": metric, "value": value, "low": None, "high": None, "where": where, "seeds": [0]}
        for method, metric, value in (
            ("no change", "energy distance", 1.1), ("union of neighbours", "energy distance", 0.9), ("no change", "W1", 0.1),
            ("floor: two halves", "energy distance", 0.2), ("VirtualCell flows", "energy distance", 0.3),
            ("VirtualCell", "energy distance", 0.75),
        )
    ]  # fmt: skip
    write_json(finished.model_folder / "report.json", {"rows": rows})
    at = open_cells(run=finished.id)
    assert not at.exception
    assert "Tested on a hidden time (4 d held out, energy distance): Measured once: this model 0.75" in words(at)
    other = _finished("Second", 12, 7.0, 900.0)
    table = open_cells(run=other.id).dataframe[0].value
    assert list(table["Hidden time"]) == ["", "0.75 (best simple rule 0.90)"]

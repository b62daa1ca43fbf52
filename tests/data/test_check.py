"""Every finding, made by the fault that it describes, and none on sound cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mudata import MuData

from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.check import Finding, check, guess_columns, require
from virtualcell.schema import Columns, DataError

TIME = Columns(time="time")


@pytest.fixture
def sound(adata_of, mudata_of):
    """180 cells, 60 at each of three times, without a fault."""
    adata = adata_of(180, 20)
    adata.X.data += 1
    return mudata_of(rna=adata[:, np.asarray(adata.X.sum(axis=0)).ravel() > 0].copy())


def one(findings: list[Finding], severity: str, words: str) -> Finding:
    matching = [finding for finding in findings if finding.severity == severity and words in finding.problem]
    assert len(matching) == 1, findings
    assert matching[0].next_step
    return matching[0]


def set_counts(mdata, value: float) -> None:
    matrix = mdata["rna"].X.astype(np.float64)
    matrix.data[0] = value
    mdata["rna"].X = matrix


def test_sound_cells_have_no_findings(sound) -> None:
    before = sound["rna"].X.copy()
    assert check(sound, TIME) == []
    assert (before != sound["rna"].X).nnz == 0


@pytest.mark.parametrize(("value", "words"), [(np.nan, "missing (NaN)"), (-1.0, "below zero"), (1.5, "not whole numbers")])
def test_values_that_are_not_counts(sound, value: float, words: str) -> None:
    set_counts(sound, value)
    assert one(check(sound, TIME), "error", words).field == "rna: X"


def test_no_counts_at_all(sound) -> None:
    sound["rna"].X = sound["rna"].X.log1p()
    one(check(sound, TIME), "error", "log-normalised")


def test_no_time_column_chosen_names_likely_ones(sound) -> None:
    sound.obs["day"] = np.arange(180) % 4
    sound.obs["n_counts"] = np.arange(180)
    finding = one(check(sound, Columns()), "warning", "No time column")
    assert "time, day" in finding.next_step
    assert "n_counts" not in finding.next_step


def test_time_column_that_does_not_exist(sound) -> None:
    finding = one(check(sound, Columns(time="hours")), "error", "no column 'hours'")
    assert "Likely: time" in finding.next_step


@pytest.mark.parametrize("values", [["0h", "2h", "4h"], ["0", "1", "3"], [True, False, True]])
def test_times_that_are_not_numbers(sound, values: list) -> None:
    sound.obs["time"] = pd.Categorical(values * 60)
    one(check(sound, TIME), "error", "not numbers but text")


def test_numeric_categories_are_numbers(sound) -> None:
    sound.obs["time"] = pd.Categorical([0, 1, 3] * 60)
    assert check(sound, TIME) == []


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_cells_without_time(sound, missing: float) -> None:
    sound.obs.iloc[:7, sound.obs.columns.get_loc("time")] = missing
    one(check(sound, TIME), "error", "7 cell(s) have no time")


def test_one_time_only(sound) -> None:
    sound.obs["time"] = 6.0
    one(check(sound, TIME), "warning", "one time (6 h)")


def test_few_cells_at_a_time(sound) -> None:
    sound.obs["time"] = np.repeat([0.0, 1.0], [49, 131])
    assert "0 h: 49" in one(check(sound, TIME), "warning", "Few cells").problem
    sound.obs["time"] = np.repeat([0.0, 1.0], [50, 130])
    assert check(sound, TIME) == []


def test_names_that_repeat(sound) -> None:
    sound["rna"].var_names = ["TWIN", "TWIN", *sound["rna"].var_names[2:]]
    assert "TWIN" in one(check(sound, TIME), "warning", "more than once").problem


@pytest.mark.filterwarnings("ignore:.*not unique")
def test_cells_of_one_name(adata_of) -> None:
    adata = adata_of(150)
    adata.obs_names = ["same", "same", *adata.obs_names[2:]]
    mdata = MuData({"rna": adata})
    mdata.obs = adata.obs
    one(check(mdata, TIME), "error", "name of another cell")


def test_cells_and_features_without_counts(sound) -> None:
    matrix = sound["rna"].X.tolil()
    matrix[:3], matrix[:, 5] = 0, 0
    sound["rna"].X = matrix.tocsr()
    one(check(sound, TIME), "warning", "3 of 180 cells have no counts")
    one(check(sound, TIME), "note", "1 of")
    sound["rna"].X = 0 * sound["rna"].X
    one(check(sound, TIME), "error", "Every count is zero")


def test_unknown_control_lists_the_names(sound) -> None:
    sound.obs["drug"] = ["DMSO", "A", "B"] * 60
    finding = one(check(sound, Columns(perturbation="drug", control="control")), "error", "No cell is named 'control'")
    assert "A, B, DMSO" in finding.problem
    assert "probably DMSO" in finding.next_step
    assert [f for f in check(sound, Columns(time="time", perturbation="drug", control="DMSO")) if f.severity == "error"] == []


def test_cells_without_treatment(sound) -> None:
    sound.obs["drug"] = [None, "control", "A"] * 60
    one(check(sound, Columns(perturbation="drug")), "error", "60 cell(s) have no treatment")


@pytest.mark.parametrize("field", ["perturbation", "batch", "state"])
def test_columns_that_do_not_exist(sound, field: str) -> None:
    finding = one(check(sound, Columns(**{field: "nowhere"})), "error", "no column 'nowhere'")
    assert finding.field == field
    assert "time, kind" in finding.next_step


def test_clones_that_do_not_exist(sound) -> None:
    sound.obsm["X_barcodes"] = np.eye(180)
    assert "X_barcodes" in one(check(sound, Columns(clones="X_clone")), "error", "no obsm slot").next_step


def test_one_batch_per_time(sound) -> None:
    columns = Columns(time="time", batch="batch")
    sound.obs["batch"] = sound.obs["time"].map({0: "x", 1: "y", 2: "z"})
    one(check(sound, columns), "warning", "Every batch was measured at one time only")
    sound.obs["batch"] = ["x", "y"] * 90
    assert check(sound, columns) == []


def test_treatment_and_time_the_same(sound) -> None:
    columns = Columns(time="time", perturbation="drug")
    sound.obs["drug"] = np.where(sound.obs["time"] == 0, "control", "A")
    one(check(sound, columns), "warning", "Treatment and time are the same variable")
    sound.obs.iloc[1, sound.obs.columns.get_loc("drug")] = "control"
    assert check(sound, columns) == []


def test_other_kinds_of_measurement_are_noted(adata_of, mudata_of) -> None:
    mdata = mudata_of(rna=adata_of(150), image=adata_of(150, prefix="i"))
    assert one(check(mdata, TIME), "note", "not used").field == "image"


def test_values_that_are_no_counts_are_to_be_complete(adata_of, mudata_of) -> None:
    image = adata_of(150, 6, prefix="shape")
    image.X = np.random.default_rng(0).normal(size=(150, 6)).astype(np.float32)
    mdata = mudata_of(image=image)
    kinds = {"image": "continuous"}
    assert check(mdata, TIME, kinds) == []
    image.X[4, :2] = np.nan
    finding = one(check(mudata_of(image=image), TIME, kinds), "error", "2 of its values are missing")
    assert finding.field == "image: X"
    assert one(check(mdata, TIME), "note", "not used").next_step == "Name it rna, atac, prot if it is one of them."


def test_errors_come_first_and_are_all_told(sound) -> None:
    set_counts(sound, -1)
    sound.obs["time"] = "late"
    findings = check(sound, TIME)
    assert [finding.severity for finding in findings] == ["error", "error"]
    with pytest.raises(DataError, match=r"below zero.*not numbers but text") as caught:
        require(findings, file="mine.h5ad")
    assert caught.value.file == "mine.h5ad"
    require([Finding("warning", "time", "p", "n"), Finding("note", "time", "p", "n")])


@pytest.mark.parametrize("key", list(DEMOS))
def test_demos_have_no_errors_and_their_columns_are_guessed(key: str) -> None:
    mdata, demo = load_demo(key), DEMOS[key]
    assert [finding for finding in check(mdata, demo.columns) if finding.severity == "error"] == []
    guessed = guess_columns(mdata)
    for field in ("time", "perturbation", "batch", "state", "clones"):
        if key == "a549" and field == "perturbation":  # the drug, which the demo leaves out because it is the same as time
            assert guessed.perturbation == "treatment"
            assert guessed.control == "vehicle (0 h)"
            one(check(mdata, guessed), "warning", "Treatment and time are the same variable")
        elif key == "assays" and field == "time":  # written by the simulator, but no cell moves in it: the demo leaves it out
            assert guessed.time == "time"
        else:
            assert getattr(guessed, field) == getattr(demo.columns, field), field
    if not demo.simulated and demo.columns.time:
        assert guessed.time_unit == demo.columns.time_unit

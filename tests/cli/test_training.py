"""``virtualcell train`` and ``virtualcell check`` on measured cells."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.cli.commands import A549, run
from virtualcell.data.read import read
from virtualcell.model import VirtualCell
from virtualcell.schema import Columns


def test_train_writes_a_model_and_says_what_it_is(model):
    assert {"model.safetensors", "model.json"} <= {path.name for path in model.iterdir()}
    saved = json.loads((model / "model.json").read_text())
    assert saved["settings"]["autoencoder"]["epochs"] == 3
    assert saved["settings"]["predictor"]["steps"] == 60
    assert Columns(**saved["settings"]["columns"]) == Columns(time="time_h")
    assert saved["record"]["n_cells"] == 330


@pytest.mark.slow
def test_the_same_seed_trains_the_same_model(model, small, tmp_path):
    options = ["--time", "time_h", "--latent-dim", 8, "--epochs", 3, "--steps", 60, "--device", "cpu"]
    run("train", small, *options, "--out", tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_training_goes_on_from_what_it_wrote_on_the_way(model, small, tmp_path):
    options = ["--time", "time_h", "--latent-dim", 8, "--epochs", 3, "--steps", 60, "--device", "cpu"]
    for name in ("first", "again"):
        run("train", small, *options, "--out", tmp_path / name, "--checkpoint", tmp_path / "way")
        assert (tmp_path / name / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert (tmp_path / "way" / "progress-autoencoder.safetensors").is_file()


def test_a_donor_is_a_donor(model, small, tmp_path):
    """And no growth rate, which stands beside it."""
    cells = read(small)
    cells.obs["plate"] = np.arange(cells.n_obs) % 2
    cells.write_h5mu(tmp_path / "donors.h5mu")
    options = ("--time", "time_h", "--donor", "plate", "--latent-dim", 2, "--epochs", 1, "--steps", 1, "--device", "cpu")
    assert run("train", tmp_path / "donors.h5mu", *options, "--out", tmp_path / "model") == 0
    columns = VirtualCell.load(tmp_path / "model").settings.columns
    assert (columns.donor, columns.growth) == ("plate", None)


def test_check_reads_the_demo_and_warns_of_what_cannot_be_told_apart(capsys):
    assert run("check", A549) == 0
    said = capsys.readouterr().out
    assert "2,641 cells" in said
    assert "--time time_h" in said
    assert "same variable" in said
    assert "These cells can be used." in said

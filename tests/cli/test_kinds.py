"""Kinds, fusions and objectives that a user names."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import refused, run


@pytest.fixture(scope="module")
def panel(tmp_path_factory) -> Path:
    """120 cells with ten markers on a scale that goes below zero, under a name of the user's own."""
    rng = np.random.default_rng(0)
    values = 3 * rng.normal(size=(120, 3)) @ rng.normal(size=(3, 10)) + rng.normal(size=(120, 10))
    names = pd.DataFrame(index=[f"cell-{i}" for i in range(120)])
    table = anndata.AnnData(values.astype(np.float32), obs=names, var=pd.DataFrame(index=[f"M{i}" for i in range(10)]))
    path = tmp_path_factory.mktemp("panel") / "panel.h5mu"
    mudata.MuData({"panel": table}).write_h5mu(path)
    return path


def test_train_with_a_kind_that_is_named(panel, tmp_path):
    options = ["--latent-dim", 3, "--epochs", 1, "--device", "cpu", "--out", tmp_path / "m"]
    assert run("train", panel, "--kind", "panel=continuous", "--fusion", "early", "--objective", "kl=0.5", *options) == 0
    saved = json.loads((tmp_path / "m" / "model.json").read_text())
    assert saved["settings"]["kinds"] == saved["kinds"] == {"panel": "continuous"}
    assert saved["settings"]["autoencoder"]["fusion"] == "early"
    assert saved["settings"]["autoencoder"]["objectives"] == {"reconstruction": 1.0, "kl": 0.5, "latent": 1.0}
    assert run("embed", tmp_path / "m", panel, "--out", tmp_path / "x.h5mu") == 0
    assert mudata.read_h5mu(tmp_path / "x.h5mu").obsm["X_vc"].shape == (120, 3)


def test_a_kind_that_is_named_decides_what_is_checked(panel, tmp_path, capsys):
    """Values below zero are wrong for RNA counts and right on a continuous scale, whatever the measurement is called."""
    cells = tmp_path / "rna.h5mu"
    mudata.MuData({"rna": mudata.read_h5mu(panel)["panel"]}).write_h5mu(cells)
    options = ["--latent-dim", 3, "--epochs", 1, "--device", "cpu", "--out", tmp_path / "m"]
    assert "below zero" in refused(capsys, "train", cells, *options)
    assert run("train", cells, "--kind", "rna=continuous", *options) == 0
    assert "Warning: rna" not in capsys.readouterr().out
    assert run("check", cells) == 2
    assert run("check", cells, "--kind", "rna=continuous") == 0
    assert "'guess' is no kind" in refused(capsys, "check", cells, "--kind", "rna=guess")


def test_check_knows_every_measurement_that_a_model_would_read(panel, tmp_path, capsys):
    cells = tmp_path / "cytof.h5mu"
    table = mudata.read_h5mu(panel)["panel"]
    mudata.MuData({"cytof": table}).write_h5mu(cells)
    assert run("check", cells) == 0
    assert "not used" not in capsys.readouterr().out
    table.X[3, 4] = np.nan
    mudata.MuData({"cytof": table}).write_h5mu(cells)
    assert run("check", cells) == 2
    assert "cytof: X" in capsys.readouterr().out
    assert run("check", panel) == 2
    assert "(panel) is known" in " ".join(capsys.readouterr().out.split())
    assert run("check", panel, "--kind", "panel=continuous") == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "say of which kind"),
        (["--kind", "panel=guess"], "'guess' is no kind of measurement"),
        (["--kind", "rna=rna-zinb"], "The cells have panel, no 'rna'"),
        (["--kind", "panel"], "write NAME=VALUE"),
        (["--kind", "panel=continuous", "--fusion", "fission"], "fission is not known"),
        (["--kind", "panel=continuous", "--objective", "telepathy=1"], "telepathy is not known"),
        (["--kind", "panel=continuous", "--objective", "kl=much"], "the weight is a number"),
    ],
)
def test_kinds_fusions_and_objectives_that_cannot_be_are_explained(options, complaint, panel, tmp_path, capsys):
    assert complaint in refused(capsys, "train", panel, *options, "--latent-dim", 3, "--device", "cpu", "--out", tmp_path / "m")
    assert not (tmp_path / "m").exists()

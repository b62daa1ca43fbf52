"""``virtualcell generators`` and ``virtualcell draw``."""

from __future__ import annotations

import shutil
from functools import partialmethod

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import refused, run
from tests.generative.samples import QUICK
from virtualcell.model import VirtualCell


@pytest.fixture(autouse=True)
def _quick_generators(monkeypatch):
    quickly = partialmethod(VirtualCell.fit_generators, settings=QUICK, parts=("samplers",))
    monkeypatch.setattr(VirtualCell, "fit_generators", quickly)
    monkeypatch.setattr("virtualcell.model.generating.MOST_FEATURES", 0)  # what features share takes most of the time


def test_generators_are_trained_beside_a_model_and_draw_cells_that_say_so(model, small, tmp_path, capsys):
    folder, new, drawn = tmp_path / "m", tmp_path / "new" / "x.h5mu", tmp_path / "drawn.h5mu"
    shutil.copytree(model, folder)
    assert "virtualcell generators" in refused(capsys, "draw", folder, "--out", new)
    assert run("generators", folder, small, "--device", "cpu") == 0
    assert "samplers" in capsys.readouterr().out
    assert (folder / "samplers.safetensors").is_file()
    assert run("draw", folder, "--n", 5, "--time", 2, "--out", new) == 0
    found = mudata.read_h5mu(new)
    assert found.n_obs == 5
    assert (found.obs["time_h"] == 2).all()
    assert found.obs["synthetic"].all()
    assert "--target" in refused(capsys, "draw", folder, small, "--source", "rna", "--out", drawn)
    complete = ("draw", folder, small, "--source", "rna", "--target", "atac")
    assert "are for new cells" in refused(capsys, *complete, "--balanced", "--out", drawn)
    assert run(*complete, "--n", 2, "--seed", 3, "--out", drawn) == 0
    found = mudata.read_h5mu(drawn)
    assert (found.obs["drawn_for"].value_counts() == 2).all()
    assert found["atac"].uns["synthetic"]["draw_seed"] == 3
    assert "measured times" in refused(capsys, "draw", folder, "--time", 9, "--out", new)
    assert "are synthetic" in refused(capsys, "generators", folder, new)


@pytest.mark.slow
def test_balanced_draws_each_state_as_often_as_any_other(tmp_path):
    rng = np.random.default_rng(0)
    state = np.repeat(["common", "rare"], [200, 40])
    values = rng.normal(size=(240, 3)) @ rng.normal(size=(3, 10)) + 4.0 * (state == "rare")[:, None]
    obs = pd.DataFrame({"state": state}, index=[f"cell-{i}" for i in range(240)])
    var = pd.DataFrame(index=[f"M{i}" for i in range(10)])
    cells = mudata.MuData({"panel": anndata.AnnData(values.astype(np.float32), obs=obs, var=var)})
    cells.obs["state"] = state
    cells.write_h5mu(tmp_path / "panel.h5mu")
    options = ["--state", "state", "--kind", "panel=continuous", "--latent-dim", 3, "--epochs", 2, "--device", "cpu"]
    assert run("train", tmp_path / "panel.h5mu", *options, "--out", tmp_path / "m") == 0
    assert run("generators", tmp_path / "m", tmp_path / "panel.h5mu", "--device", "cpu") == 0
    rare = {}
    for name, option in (("as measured", []), ("alike", ["--balanced"])):
        assert run("draw", tmp_path / "m", "--n", 600, *option, "--out", tmp_path / "new.h5mu") == 0
        rare[name] = (mudata.read_h5mu(tmp_path / "new.h5mu").obs["state"] == "rare").mean()
    # Four standard errors of a share of 600 cells: .06 around a sixth, .08 around a half.
    assert rare["as measured"] == pytest.approx(1 / 6, abs=0.06)
    assert rare["alike"] == pytest.approx(1 / 2, abs=0.08)

"""``virtualcell generators`` and ``virtualcell draw``."""

from __future__ import annotations

import shutil
from functools import partialmethod

import mudata

from tests.cli.commands import refused, run
from tests.generative.samples import QUICK
from virtualcell.model import VirtualCell


def test_generators_are_trained_beside_a_model_and_draw_cells_that_say_so(model, small, tmp_path, monkeypatch, capsys):
    quickly = partialmethod(VirtualCell.fit_generators, settings=QUICK, parts=("samplers",))
    monkeypatch.setattr(VirtualCell, "fit_generators", quickly)
    monkeypatch.setattr("virtualcell.model.generating.MOST_FEATURES", 0)  # what features share takes most of the time
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
    assert run("draw", folder, small, "--source", "rna", "--target", "atac", "--n", 2, "--seed", 3, "--out", drawn) == 0
    found = mudata.read_h5mu(drawn)
    assert (found.obs["drawn_for"].value_counts() == 2).all()
    assert found["atac"].uns["synthetic"]["draw_seed"] == 3
    assert "measured times" in refused(capsys, "draw", folder, "--time", 9, "--out", new)
    assert "not the cells" in refused(capsys, "generators", folder, new)

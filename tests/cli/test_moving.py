"""``virtualcell predict`` and ``virtualcell perturb``."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import refused, run
from virtualcell.data.read import read


def test_predict_carries_the_first_cells_to_the_time_asked_for(model, small, tmp_path):
    ask = ["predict", model, small, "--from", 0, "--to", 3, "--frames", 3]
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert run(*ask, "--seed", seed, "--out", tmp_path / f"{name}.h5ad") == 0
    a, b, c = (anndata.read_h5ad(tmp_path / f"{name}.h5ad") for name in "abc")
    assert a.n_obs == 3 * 110
    assert sorted(set(a.obs["time"])) == [1, 2, 3]
    assert a.obs_names.is_unique
    starts = set(read(small).obs.query("time_h == 0").index)
    assert set(a.obs["start_cell"]) == starts
    assert (a.obs["weight"] > 0).all()
    assert np.isfinite(a.X).all()
    np.testing.assert_array_equal(a.obsm["X_vc"], b.obsm["X_vc"])
    assert not np.array_equal(a.obsm["X_vc"], c.obsm["X_vc"])


@pytest.mark.parametrize(("until", "beyond"), [(3, False), (4, True)])
def test_predict_says_where_no_cell_was_measured_any_more(model, small, tmp_path, capsys, until, beyond):
    assert run("predict", model, small, "--from", 0, "--to", until, "--out", tmp_path / "far.h5ad") == 0
    said = capsys.readouterr()
    assert ("beyond the last measured time" in said.out + said.err) == beyond
    assert anndata.read_h5ad(tmp_path / "far.h5ad").uns["virtualcell"]["predicted"]["beyond_last_measured"] == beyond


def test_perturb_lists_genes_with_intervals(model, small, tmp_path, capsys):
    assert run("perturb", model, small, "--gene", "FKBP5", "--from", 0, "--out", tmp_path / "genes.csv") == 0
    assert "not causal evidence" in capsys.readouterr().out
    genes = pd.read_csv(tmp_path / "genes.csv")
    assert {"gene", "log2_fold_change", "low", "high"} <= set(genes.columns)
    assert (genes["low"] <= genes["high"]).all()
    assert (genes["log2_fold_change"] != 0).any()
    assert json.loads((tmp_path / "genes.provenance.json").read_text())["push"] == "FKBP5 knock-out"
    raised = ("perturb", model, small, "--gene", "FKBP5", "--gene", "PER1", "--level", 5, "--out", tmp_path / "raised.csv")
    assert run(*raised) == 0
    assert "FKBP5 and PER1 over-expression, to 5 per 10,000 (model sensitivity" in capsys.readouterr().out
    assert "--fold and --level go with --gene" in refused(
        capsys, "perturb", model, small, "--treatment", "dexamethasone", "--fold", 2, "--out", tmp_path / "x.csv"
    )

"""``virtualcell embed`` and ``virtualcell translate``."""

from __future__ import annotations

import json

import anndata
import mudata
import numpy as np
import pandas as pd

from tests.cli.commands import run
from virtualcell.data.read import read


def test_embed_writes_states_in_each_format(model, small, tmp_path, capsys):
    for name in ("x.h5ad", "x.h5mu", "x.csv"):
        assert run("embed", model, small, "--out", tmp_path / "new" / name) == 0
    table = anndata.read_h5ad(tmp_path / "new" / "x.h5ad")
    states = table.obsm["X_vc"]
    assert states.shape == (330, 8)
    assert np.isfinite(states).all()
    assert states.std(0).min() > 0
    assert table.uns["virtualcell"]["n_cells"] == 330
    assert set(table.obs["time_h"]) == {0, 1, 3}
    whole = mudata.read_h5mu(tmp_path / "new" / "x.h5mu")
    np.testing.assert_array_equal(whole[table.obs_names].obsm["X_vc"], states)
    written = pd.read_csv(tmp_path / "new" / "x.csv", index_col="cell").loc[table.obs_names].to_numpy()
    np.testing.assert_allclose(written, states, rtol=1e-5)
    assert json.loads((tmp_path / "new" / "x.provenance.json").read_text())["seed"] == 0


def test_translate_predicts_probabilities_of_peaks_from_rna_alone(model, small, tmp_path, capsys):
    assert run("translate", model, small, "--source", "rna", "--target", "atac", "--out", tmp_path / "atac.h5ad") == 0
    assert "open (1) or closed (0)" in capsys.readouterr().out
    found, measured = anndata.read_h5ad(tmp_path / "atac.h5ad"), read(small).mod["atac"]
    assert list(found.var_names) == [name for name in measured.var_names if name in set(found.var_names)]
    assert found.X.min() >= 0
    assert found.X.max() <= 1
    assert not found.layers
    often = np.asarray(measured[:, found.var_names].X.mean(0)).ravel()
    assert np.corrcoef(found.X.mean(0), often)[0, 1] > 0.5  # peaks that are often open are predicted open more often


def test_translate_writes_expression_with_its_bounds(model, small, tmp_path):
    assert run("translate", model, small, "--source", "atac", "--target", "rna", "--out", tmp_path / "rna.h5ad") == 0
    found = anndata.read_h5ad(tmp_path / "rna.h5ad")
    assert found.uns["virtualcell"]["unit"] == "log(1 + counts per 10,000)"
    assert list(found.uns["virtualcell"]["route"]) == ["atac", "rna"]
    assert set(found.layers) == {"low", "high"}
    assert (found.layers["low"] <= found.layers["high"]).all()
    assert found.layers["low"].min() >= 0
    saved = json.loads((model / "model.json").read_text())["record"]
    assert set(saved["conversions"]) == {"rna->atac", "atac->rna"}
    assert saved["measured"] == {"rna+atac": 330}
    assert len(saved["held_out"]) == 33

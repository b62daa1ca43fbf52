"""The files are those that were delivered, and what is said of them is true of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from virtualcell.data import catalogue
from virtualcell.data.catalogue import DEMOS, data_folder, load_demo, manifest, verify
from virtualcell.data.manifest import entry
from virtualcell.data.preprocess import preprocess
from virtualcell.schema import COUNTS_LAYER, DataError, PreprocessSettings


def test_digests() -> None:
    verify()
    assert {path.name for path in data_folder().iterdir()} == set(manifest()) | {"manifest.json"}


@pytest.mark.parametrize("key", list(DEMOS))
def test_manifest_entry_is_what_the_file_says(key: str) -> None:
    written = manifest()[DEMOS[key].file]
    assert written == json.loads(json.dumps(entry(DEMOS[key])))
    assert all(written[field] for field in ("source", "provenance", "citation", "licence", "sha256", "cells"))


def test_a_changed_file_is_found(tmp_path, monkeypatch) -> None:
    for path in data_folder().iterdir():
        shutil.copy(path, tmp_path / path.name)
    monkeypatch.setattr(catalogue, "data_folder", lambda: tmp_path)
    verify()
    spoiled = tmp_path / DEMOS["larry"].file
    content = bytearray(spoiled.read_bytes())
    content[1000] ^= 1
    spoiled.write_bytes(content)
    with pytest.raises(DataError, match="differs") as caught:
        verify()
    assert caught.value.file == spoiled.name
    spoiled.unlink()
    with pytest.raises(DataError, match="missing"):
        verify()


def test_order_and_default() -> None:
    assert list(DEMOS) == ["a549", "larry", "kang", "norman", "cite", "simulated", "switch", "assays"]
    assert [key for key, demo in DEMOS.items() if demo.simulated] == ["simulated", "switch", "assays"]
    with pytest.raises(DataError, match="no demo named 'nothing'"):
        load_demo("nothing")


@pytest.mark.parametrize("key", list(DEMOS))
def test_what_the_catalogue_says_of_the_cells(key: str) -> None:
    demo, mdata = DEMOS[key], load_demo(key)
    times = mdata.obs[demo.columns.time].nunique() if demo.columns.time else 1
    assert demo.dynamics == (times > 1)
    assert demo.treatments == (demo.columns.perturbation is not None)
    if demo.treatments:
        assert mdata.obs[demo.columns.perturbation].nunique() > 1
        assert (mdata.obs[demo.columns.perturbation] == demo.columns.control).any()
    for column in (demo.columns.batch, demo.columns.state):
        assert column is None or mdata.obs[column].nunique() > 1
    assert set(demo.marker_genes) <= set(mdata["rna"].var_names)
    assert demo.caveats
    assert bool(mdata.uns.get("simulated", False)) == demo.simulated
    number = f"{mdata.n_obs:,}"
    assert demo.simulated or number in demo.sentence


def test_a549_treatment_is_time() -> None:
    obs = load_demo("a549").obs
    assert (pd.crosstab(obs["treatment"], obs["time_h"]) > 0).sum().eq(1).all()
    assert np.median(np.asarray(load_demo("a549")["atac"].X.sum(axis=1))) == 154


def test_a549_known_genes_rise() -> None:
    """Mean log-normalised expression rises with dexamethasone in three targets of its receptor."""
    rna = preprocess(load_demo("a549"), PreprocessSettings(n_components=2))["rna"]
    hours = load_demo("a549").obs["time_h"].to_numpy()
    for gene in ("FKBP5", "PER1", "TSC22D3"):
        values = rna[:, gene].X.toarray().ravel()
        means = [values[hours == hour].mean() for hour in (0, 1, 3)]
        assert means[0] < means[1] < means[2], gene


def test_larry_numbers_in_the_caveats() -> None:
    mdata = load_demo("larry")
    days, clones = mdata.obs["time_d"].to_numpy(), mdata.obsm["X_clone"]
    assert (days == 2).sum() == 34
    assert clones.shape[1] == 339
    seen = [np.asarray(clones[days == day].sum(axis=0)).ravel() > 0 for day in (4, 6)]
    assert (seen[0] & seen[1]).sum() == 113


def test_norman_numbers_in_the_caveats() -> None:
    mdata = load_demo("norman")
    names = [str(name) for name in mdata.obs["perturbation"].unique()]
    pairs = [name.split("+") for name in names if "+" in name]
    genes = {gene for name in names if name != "control" for gene in name.split("+")}
    assert len(names) == 34
    assert len(genes) == 31
    assert genes & set(mdata["rna"].var_names) == {"TMSB4X"}
    assert len(pairs) == 15
    assert sum(all(gene in names for gene in pair) for pair in pairs) == 5
    assert (mdata.obs["perturbation"] == "control").sum() == 100


def test_kang_responder_rises_and_cd74_does_not() -> None:
    mdata = load_demo("kang")
    rna = preprocess(mdata, PreprocessSettings(n_components=2))["rna"]
    treated = (mdata.obs["perturbation"] == "IFN-beta").to_numpy()
    change = {gene: float(rna[treated, gene].X.mean() - rna[~treated, gene].X.mean()) for gene in ("ISG15", "CD74")}
    assert change["ISG15"] > 2
    assert abs(change["CD74"]) < 0.5


@pytest.mark.parametrize("key", list(DEMOS))
def test_every_demo_can_be_prepared(key: str) -> None:
    prepared = preprocess(load_demo(key), PreprocessSettings(n_components=3))
    for adata in prepared.mod.values():
        counts = adata.layers[COUNTS_LAYER]
        assert (counts.data == np.rint(counts.data)).all()
        assert adata.n_obs == prepared.n_obs

"""The trained demo models: rebuilt the same, shown as saved, small, and in agreement with known biology."""

from __future__ import annotations

import json
import operator
import shutil
from pathlib import Path

import numpy as np
import pytest

from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.demo import DEMO_SETTINGS, Bundle, build, fit_demo, load_bundle, models_folder, read_landscape
from virtualcell.schema import AutoencoderSettings, DataError, Landscape, PredictorSettings, Settings
from virtualcell.training.given import data_digest

SMALL = Settings(
    autoencoder=AutoencoderSettings(latent_dim=2, hidden=16, epochs=2, min_steps=20),
    # Warm enough for valleys with passes between them.
    predictor=PredictorSettings(width=16, steps=15, warm_steps=150, rollouts=32, euler_steps=8, refits=3),
)
FILES = ("model.safetensors", "cells.safetensors", "views.safetensors", "landscape.json", "model.json")
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

_bundles: dict[str, Bundle] = {}


def bundle_of(key: str) -> Bundle:
    if key not in _bundles:
        _bundles[key] = load_bundle(key)
    return _bundles[key]


@pytest.mark.slow
def test_a_demo_trained_twice_is_the_same_and_its_views_are_its_models(tmp_path: Path) -> None:
    model = build("simulated", tmp_path / "first", settings=SMALL)
    again = fit_demo("simulated", SMALL)
    again.save(tmp_path / "second")
    for name in ("model.safetensors", "cells.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    bundle = load_bundle("simulated", tmp_path / "first")
    np.testing.assert_array_equal(bundle.state, model.states)
    np.testing.assert_allclose(bundle.model.embed(bundle.cells), bundle.state, atol=1e-5)
    assert bundle.umap2.shape == (len(bundle.state), 2)
    assert bundle.umap3.shape == (len(bundle.state), 3)
    shown, computed = bundle.landscape, again.landscape()
    assert shown is not None
    np.testing.assert_allclose(shown.energy, computed.energy, atol=1e-4 * computed.energy.max())
    assert [a.name for a in shown.attractors] == [a.name for a in computed.attractors]
    assert_same_passes(shown, computed)
    assert len(shown.barriers) > 0
    assert shown.density is not None
    np.testing.assert_allclose(shown.density, computed.density, atol=1e-4)
    assert shown.rotation_share == computed.rotation_share is not None


def assert_same_passes(shown: Landscape, computed: Landscape) -> None:
    assert len(shown.barriers) == len(computed.barriers)
    for a, b in zip(shown.barriers, computed.barriers, strict=True):
        assert (a.start, a.end, a.identifiable) == (b.start, b.end, b.identifiable)
        for name in ("height", "low", "high", "crossings"):
            assert getattr(a, name) == pytest.approx(getattr(b, name), abs=1e-3)
        assert a.path.saddle == b.path.saddle
        np.testing.assert_allclose(a.path.states, b.path.states, atol=1e-3)
        np.testing.assert_allclose(a.path.energy, b.path.energy, atol=1e-3)
        assert a.path.barrier == pytest.approx(a.height)


def test_a_model_without_a_predictor_has_no_landscape(tmp_path: Path) -> None:
    (tmp_path / "landscape.json").write_text("{}\n")
    assert read_landscape(tmp_path) is None


def test_a_model_that_was_not_built_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make demos"):
        load_bundle("a549", tmp_path)
    with pytest.raises(DataError, match="no demo 'nothing'"):
        load_bundle("nothing")


def test_views_of_another_version_are_said_to_be(tmp_path: Path) -> None:
    folder = tmp_path / "simulated"
    shutil.copytree(models_folder() / "simulated", folder)
    described = json.loads((folder / "landscape.json").read_text())
    del described["barriers"]
    (folder / "landscape.json").write_text(json.dumps(described))
    with pytest.raises(DataError, match="come from another version") as caught:
        load_bundle("simulated", folder)
    assert "make demos" in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("key", list(DEMOS))
def test_every_demo_has_its_files_and_none_is_large(key: str) -> None:
    folder = models_folder() / key
    for name in FILES:
        assert 0 < (folder / name).stat().st_size < 10 * 2**20, name
    assert json.loads((folder / "model.json").read_text())["settings"] == DEMO_SETTINGS[key].to_dict() | {
        "columns": bundle_of(key).model.settings.to_dict()["columns"]
    }


@pytest.mark.parametrize("key", list(DEMOS))
def test_the_states_shown_are_what_the_saved_model_gives(key: str) -> None:
    bundle = bundle_of(key)
    cells = bundle.cells.copy()
    np.testing.assert_allclose(bundle.model.embed(cells), bundle.state, atol=1e-3)
    assert len(bundle.umap2) == len(bundle.umap3) == bundle.cells.n_obs == len(bundle.model.record["labels"])


@pytest.mark.parametrize("key", list(DEMOS))
def test_the_model_was_trained_on_the_data_that_come_with_it(key: str) -> None:
    assert bundle_of(key).model.record["digest"] == data_digest(load_demo(key))


@pytest.mark.parametrize("key", ["a549", "larry", "simulated"])
def test_the_landscape_shown_is_what_the_saved_model_gives(key: str) -> None:
    bundle = bundle_of(key)
    computed, shown = bundle.model.landscape(), bundle.landscape
    assert shown is not None
    np.testing.assert_array_equal(shown.supported, computed.supported)
    np.testing.assert_allclose(shown.energy[shown.supported], computed.energy[shown.supported], atol=1e-3 * computed.energy.max())
    np.testing.assert_allclose(shown.cell_xy, computed.cell_xy, atol=1e-3)
    assert shown.rotation_share == computed.rotation_share
    assert_same_passes(shown, computed)
    assert [(a.name, a.n_cells) for a in shown.attractors] == [(a.name, a.n_cells) for a in computed.attractors]
    for a, b in zip(shown.attractors, computed.attractors, strict=True):
        np.testing.assert_allclose(a.state, b.state, atol=1e-3)


@pytest.mark.parametrize("key", list(DEMOS))
def test_claims_of_the_report_follow_from_its_figures(key: str) -> None:
    report = bundle_of(key).report
    moves = DEMOS[key].dynamics or DEMOS[key].treatments
    assert bool(report["rows"]) == moves, "every demo with times or treatments is measured on held-out cells"
    for claim in report["claims"]:
        relation, bound = claim["target"].split()
        assert claim["holds"] == RELATIONS[relation](claim["value"], float(bound)), claim["name"]
    methods = {row["method"] for row in report["rows"]}
    if moves:
        assert {"VirtualCell", "no change"} <= methods


def test_glucocorticoid_genes_rise_in_predicted_a549_cells() -> None:
    bundle = bundle_of("a549")
    model, time = bundle.model, bundle.cells.obs["time_h"].to_numpy(dtype=float)
    genes = ["FKBP5", "PER1", "TSC22D3"]
    path = model.predict(states=bundle.state[time == 0], duration=3.0, frames=4, seed=0)
    weights = np.exp(path.log_weights)[..., None]
    mean = (model.decode(path.states, features=genes) * weights).sum(1) / weights.sum(1)
    np.testing.assert_allclose(path.times, [0, 1, 2, 3])
    for i, gene in enumerate(genes):
        assert mean[3, i] > mean[1, i] > mean[0, i], f"{gene}: {mean[:, i]} counts per 10,000 at 0, 1, 2, 3 h"
        assert mean[3, i] > 1.3 * mean[0, i], gene


def test_blood_progenitors_reach_monocytes_and_neutrophils() -> None:
    bundle = bundle_of("larry")
    model, obs = bundle.model, bundle.cells.obs
    assert bundle.landscape is not None
    named = {a.name: a for a in bundle.landscape.attractors}
    for fate in ("Monocyte", "Neutrophil"):
        assert named[fate].purity > 0.5
        assert named[fate].min_curvature > 0
    progenitors = ((obs["state_info"] == "undiff") & (obs["time_d"] < 6)).to_numpy()
    path = model.predict(states=bundle.state[progenitors], duration=4.0, frames=2, copies=4, seed=0)
    fates = model.fates(path).set_index("fate")
    for fate in ("Monocyte", "Neutrophil"):
        assert fates.loc[fate, "low"] > 0, fates

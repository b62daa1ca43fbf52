"""The public class on a few hundred measured cells: what it writes, what it returns, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.data.catalogue import load_demo
from virtualcell.model import VirtualCell, data_digest
from virtualcell.schema import MEASURED_KEY, AutoencoderSettings, DataError, PredictorSettings, PreprocessSettings, Settings

SMALL = Settings(
    preprocess=PreprocessSettings(n_components=10),
    autoencoder=AutoencoderSettings(latent_dim=4, hidden=16, epochs=3, min_steps=30),
    predictor=PredictorSettings(width=16, steps=15, warm_steps=20, rollouts=32, euler_steps=8),
)


def part(cells: MuData, rows: np.ndarray, n_features: int) -> MuData:
    """Some cells with the features that are seen in most of them."""
    cells = cells[rows].copy()
    picked = {}
    for name, adata in cells.mod.items():
        seen = np.asarray((adata.X > 0).sum(0)).ravel()
        picked[name] = adata[:, np.sort(np.argsort(-seen, kind="stable")[:n_features])].copy()
    small = MuData(picked)
    small.obs = cells.obs.copy()
    small.obsm[MEASURED_KEY] = cells.obsm[MEASURED_KEY]
    return small


def some(n_cells: int, n: int, seed: int = 0) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).choice(n_cells, n, replace=False))


def a549(seed: int = 0, n: int = 400) -> MuData:
    cells = load_demo("a549")
    return part(cells, some(cells.n_obs, n, seed), 200)


@pytest.fixture(scope="module")
def cells() -> MuData:
    return a549()


@pytest.fixture(scope="module")
def model(cells: MuData) -> VirtualCell:
    return VirtualCell(SMALL).fit(cells, time="time_h", device="cpu")


@pytest.fixture(scope="module")
def kang_cells() -> MuData:
    cells = load_demo("kang")
    return part(cells, some(cells.n_obs, 300), 200)


@pytest.fixture(scope="module")
def kang(kang_cells: MuData) -> VirtualCell:
    return VirtualCell(SMALL).fit(kang_cells, perturbation="perturbation", batch="donor", state="cluster_id", device="cpu")


def weights(model: VirtualCell, folder: Path) -> bytes:
    model.save(folder)
    return (folder / "model.safetensors").read_bytes() + (folder / "cells.safetensors").read_bytes()


def test_fitting_leaves_the_cells_as_they_are() -> None:
    cells = a549(n=120)
    before, slots = data_digest(cells), (set(cells.obs), set(cells.obsm), set(cells.uns))
    VirtualCell(SMALL).fit(cells, time="time_h", device="cpu")
    assert data_digest(cells) == before
    assert (set(cells.obs), set(cells.obsm), set(cells.uns)) == slots


def test_embedding_writes_the_states_and_where_they_come_from(model: VirtualCell, cells: MuData) -> None:
    given = cells.copy()
    states = model.embed(given)
    assert states.shape == (400, 4)
    assert states.dtype == np.float32
    np.testing.assert_array_equal(given.obsm["X_vc"], states)
    np.testing.assert_array_equal(model.states, states)
    record = given.uns["virtualcell"]
    assert record["digest"] == data_digest(cells)
    assert record["seed"] == 0
    assert record["n_cells"] == 400
    assert '"latent_dim": 4' in record["settings"]


def test_a_cell_is_read_the_same_alone(model: VirtualCell, cells: MuData) -> None:
    np.testing.assert_allclose(model.embed(cells[[7]].copy())[0], model.states[7], rtol=1e-4, atol=1e-5)


def test_what_is_saved_is_what_is_loaded(model: VirtualCell, cells: MuData, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = VirtualCell.load(tmp_path / "m")
    assert again.settings == model.settings
    np.testing.assert_array_equal(again.embed(cells.copy()), model.embed(cells.copy()))
    a, b = (m.predict(cells[:20].copy(), duration=3.0, frames=4) for m in (again, model))
    np.testing.assert_array_equal(a.states, b.states)
    np.testing.assert_array_equal(a.log_weights, b.log_weights)
    a, b = (m.landscape(12) for m in (again, model))
    np.testing.assert_array_equal(a.energy, b.energy)
    assert [x.name for x in a.attractors] == [x.name for x in b.attractors]
    np.testing.assert_array_equal(again.decode(again.states[:5]), model.decode(model.states[:5]))
    assert {p.name for p in (tmp_path / "m").iterdir()} == {"model.safetensors", "cells.safetensors", "model.json"}


def test_files_of_two_models_do_not_mix(model: VirtualCell, kang: VirtualCell, tmp_path: Path) -> None:
    model.save(tmp_path / "a")
    kang.save(tmp_path / "b")
    (tmp_path / "a" / "model.safetensors").write_bytes((tmp_path / "b" / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match="do not belong together"):
        VirtualCell.load(tmp_path / "a")


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tmp_path: Path) -> None:
    cells = a549(n=120)
    fits = [VirtualCell(Settings(**{**vars(SMALL), "seed": seed})).fit(cells, time="time_h", device="cpu") for seed in (1, 1, 2)]
    first, second, other = (weights(m, tmp_path / str(i)) for i, m in enumerate(fits))
    assert first == second
    assert first != other


def test_translation_reads_one_measurement_only(model: VirtualCell, cells: MuData) -> None:
    found = model.translate(cells, source="rna", target="atac")
    assert found.shape == (400, 200)
    assert found.var_names.tolist() == model.features("atac")
    assert found.uns["virtualcell"]["unit"] == "probability of an open peak"
    assert 0 <= found.X.min() <= found.X.max() <= 1
    blind = cells.copy()
    blind["atac"].X = sp.csr_matrix(np.ones(blind["atac"].shape, dtype=np.float32))
    np.testing.assert_array_equal(model.translate(blind, source="rna", target="atac").X, found.X)
    back = model.translate(cells, source="atac", target="rna")
    np.testing.assert_allclose(back.X.sum(1), 1e4, rtol=1e-4)
    assert back.uns["virtualcell"]["unit"] == "counts per 10,000"
    with pytest.raises(DataError, match=r"no target modality 'prot'.*rna, atac"):
        model.translate(cells, source="rna", target="prot")


def test_prediction_is_decided_by_the_seed(model: VirtualCell, cells: MuData) -> None:
    start = cells[:10].copy()
    a, b, c = (model.predict(start, duration=3.0, frames=5, copies=2, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(a.states, b.states)
    assert not np.array_equal(a.states, c.states)
    assert a.states.shape == (5, 20, 4)
    assert a.log_weights.shape == (5, 20)
    np.testing.assert_allclose(a.times, [0, 0.75, 1.5, 2.25, 3.0])
    assert a.start.tolist() == np.repeat(np.arange(10), 2).tolist()
    np.testing.assert_array_equal(a.states[0], model.states[:10][a.start])
    assert not a.log_weights[0].any()


def test_without_noise_all_copies_agree(model: VirtualCell) -> None:
    found = model.predict(states=model.states[:3], duration=1.0, frames=2, copies=2, noise=False).states[-1]
    np.testing.assert_allclose(found[::2], found[1::2], rtol=1e-5)


def test_the_landscape_is_the_predictors_own_energy(model: VirtualCell) -> None:
    found = model.landscape(12)
    for a in found.attractors:
        lowest = model.energy(a.state[None])[0]
        around = model.energy(a.state + 0.02 * np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32))
        assert (around >= lowest - 1e-3).all()
    assert found.cell_xy.shape == (400, 2)
    # A cell lies no lower than the surface below it: the surface is the minimum over what is not drawn.
    surface = [found.energy[np.abs(found.y - y).argmin(), np.abs(found.x - x).argmin()] for x, y in found.cell_xy]
    energy = model.energy(model.states)
    assert np.corrcoef(surface, energy)[0, 1] > 0.3


def test_a_knock_out_takes_the_gene_away_and_is_called_what_it_is(model: VirtualCell, cells: MuData) -> None:
    gene = model.features()[int(np.argmax(np.asarray(cells["rna"].X.sum(0)).ravel()))]
    effect = model.perturb(cells, knockout=gene, seed=1)
    assert effect.kind == "model sensitivity, not causal evidence"
    assert effect.name == f"{gene} knock-out"
    assert not np.array_equal(effect.treated, effect.untreated)
    # By hand: the same cells with that gene's counts set to zero, moved with the same random numbers.
    edited = cells.copy()
    counts = edited["rna"].X.toarray()
    counts[:, list(edited["rna"].var_names).index(gene)] = 0
    edited["rna"].X = sp.csr_matrix(counts)
    expected = model.predict(edited, duration=model.span, frames=2, seed=1).states[-1]
    np.testing.assert_allclose(effect.treated, expected, atol=1e-5)
    assert set(effect.genes["gene"]) == set(model.features())
    assert 0 <= effect.in_domain <= 1


def test_a_gene_that_no_cell_counts_changes_nothing(model: VirtualCell, cells: MuData) -> None:
    few = cells[:40].copy()
    silent = np.flatnonzero(np.asarray(few["rna"].X.sum(0)).ravel() == 0)
    if len(silent) == 0:
        counts = few["rna"].X.toarray()
        counts[:, 0] = 0
        few["rna"].X = sp.csr_matrix(counts)
        silent = np.array([0])
    effect = model.perturb(few, knockout=str(few["rna"].var_names[silent[0]]))
    np.testing.assert_array_equal(effect.treated, effect.untreated)
    assert not effect.genes["log2_fold_change"].any()


def test_a_measured_treatment_pushes_along_its_force(kang: VirtualCell, kang_cells: MuData) -> None:
    (treatment,) = kang.record["treatments"]
    untreated = kang_cells[(kang_cells.obs["perturbation"] == "control").to_numpy()].copy()
    effect = kang.perturb(untreated, treatment=treatment)
    assert effect.kind == "measured treatment"
    measured = kang.embed(kang_cells.copy())
    treated = (kang_cells.obs["perturbation"] == treatment).to_numpy()
    towards = measured[treated].mean(0) - measured[~treated].mean(0)
    assert (effect.treated - effect.untreated).mean(0) @ towards > 0
    with pytest.raises(DataError, match="'moonlight' was not measured"):
        kang.perturb(untreated, treatment="moonlight")


def test_batches_are_known_by_name(kang: VirtualCell, kang_cells: MuData) -> None:
    assert kang._batches == sorted(kang_cells.obs["donor"].astype(str).unique())


def test_errors_in_plain_words(model: VirtualCell, cells: MuData) -> None:
    with pytest.raises(RuntimeError, match="has not been fitted: call fit"):
        VirtualCell().embed(cells)
    with pytest.raises(DataError, match="does not read the gene 'NOSUCH'"):
        model.perturb(cells, knockout="NOSUCH")
    with pytest.raises(ValueError, match="either a treatment or a gene"):
        model.perturb(cells)
    with pytest.raises(ValueError, match="above 0"):
        model.predict(states=model.states[:2], duration=0.0)
    with pytest.raises(DataError, match="does not know NOSUCH"):
        model.decode(model.states[:2], features=["NOSUCH"])
    with pytest.raises(DataError, match="no obsm slot 'X_none'"):
        VirtualCell(SMALL).fit(cells, time="time_h", clones="X_none", device="cpu")


def test_one_time_and_no_treatment_gives_states_but_no_predictor(kang_cells: MuData) -> None:
    only: AnnData = kang_cells["rna"][:120].copy()
    model = VirtualCell(SMALL).fit(only, device="cpu")
    assert not model.moves
    assert model.embed(only).shape == (120, 4)
    assert only.obsm["X_vc"].shape == (120, 4)
    for ask in (lambda: model.predict(only, duration=1.0), model.landscape):
        with pytest.raises(DataError, match="no predictor"):
            ask()

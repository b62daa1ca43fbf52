"""The public class on a few hundred measured cells: what it writes, what it returns, what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.data.catalogue import load_demo
from virtualcell.data.simulate_pairs import simulate_mosaic, simulate_pairs
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
    a, b = (m.translate(cells, source="atac", target="rna") for m in (again, model))
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_array_equal(a.layers["high"], b.layers["high"])
    assert again.record == json.loads(json.dumps(model.record))
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
    assert found.obs_names.tolist() == cells.obs_names.tolist()
    assert found.var_names.tolist() == model.features("atac")
    assert found.uns["virtualcell"]["unit"] == "open (1) or closed (0)"
    assert found.uns["virtualcell"]["route"] == ["rna", "atac"]
    assert 0 <= found.X.min() <= found.X.max() <= 1
    assert not found.layers  # a probability says it all
    blind = cells.copy()
    blind["atac"].X = sp.csr_matrix(np.ones(blind["atac"].shape, dtype=np.float32))
    np.testing.assert_array_equal(model.translate(blind, source="rna", target="atac").X, found.X)
    np.testing.assert_array_equal(model.translate(cells["rna"], source="rna", target="atac").X, found.X)
    with pytest.raises(DataError, match=r"no target modality 'prot'.*rna, atac"):
        model.translate(cells, source="rna", target="prot")


def test_translation_is_in_the_unit_of_the_reading_with_bounds(model: VirtualCell, cells: MuData) -> None:
    back = model.translate(cells, source="atac", target="rna")
    assert back.uns["virtualcell"]["unit"] == "log(1 + counts per 10,000)"
    assert back.uns["virtualcell"]["route"] == ["atac", "rna"]
    low, high = back.layers["low"], back.layers["high"]
    assert (low >= 0).all()
    assert (low <= high).all()
    measured = model.reading(cells, "rna")
    counts = cells["rna"][:, model.features()].X.toarray()
    np.testing.assert_allclose(measured, np.log1p(1e4 * counts / counts.sum(1, keepdims=True)), rtol=1e-4, atol=1e-5)
    # On average over genes the cells are where they are expected, and nine of ten readings within the bounds.
    assert np.corrcoef(back.X.mean(0), measured.mean(0))[0, 1] > 0.9
    assert 0.8 < ((measured >= low) & (measured <= high)).mean() <= 1
    assert set(np.unique(model.reading(cells, "atac"))) == {0.0, 1.0}


def test_how_well_cells_are_described_beside_the_average_cell(model: VirtualCell, cells: MuData) -> None:
    found, average = model.log_likelihood(cells), model.baseline_log_likelihood(cells)
    for table in (found, average):
        assert table.shape == (400, 2)
        assert table.index.tolist() == cells.obs_names.tolist()
        assert table.columns.tolist() == ["rna", "atac"]
        assert (table < 0).all().all()
    assert (found.sum(axis=1) - average.sum(axis=1)).mean() > 0
    # The average cell does not know which cell it is: only depth and counts differ.
    assert average["rna"].std() > 0
    alone = model.log_likelihood(cells["rna"])
    assert alone["atac"].isna().all()
    assert alone["rna"].notna().all()


def test_the_record_says_what_was_measured_kept_out_and_related(model: VirtualCell, cells: MuData) -> None:
    record = model.record
    assert record["measured"] == {"rna+atac": 400}
    assert len(record["held_out"]) == 40
    assert set(record["held_out"]) < set(cells.obs_names)
    assert set(record["residuals"]) == {"rna", "atac"}
    assert set(record["conversions"]) == {"rna->atac", "atac->rna"}
    for quality in record["conversions"].values():
        assert set(quality) >= {"n_cells", "rank", "components", "gate", "floor", "used", "standard_error", "related"}
        assert quality["n_cells"] == 360
        assert quality["related"] == (quality["used"] > 2 * quality["standard_error"])
    assert json.loads(json.dumps(record["conversions"])) == record["conversions"]


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


# -- other kinds and patterns ----------------------------------------------------------------------------------------------------
PLAIN = replace(SMALL, preprocess=PreprocessSettings(n_components=6))


@pytest.fixture(scope="module")
def chain() -> MuData:
    """300 cells of RNA and ATAC, 300 of ATAC and protein; no cell has RNA and protein."""
    return simulate_mosaic([("rna", "atac"), ("atac", "prot")], n_cells=600, n_genes=40, n_peaks=60, n_proteins=12, seed=0)[0]


@pytest.fixture(scope="module")
def joined(chain: MuData) -> VirtualCell:
    return VirtualCell(PLAIN).fit(chain, device="cpu")


def test_a_mosaic_is_one_model(joined: VirtualCell, chain: MuData, tmp_path: Path) -> None:
    assert joined.record["measured"] == {"rna+atac": 300, "atac+prot": 300}
    assert set(joined.record["conversions"]) == {"rna->atac", "atac->rna", "atac->prot", "prot->atac"}
    states = joined.embed(chain)
    assert states.shape == (600, 4)
    assert np.isfinite(states).all()
    found = joined.log_likelihood(chain)
    np.testing.assert_array_equal(found.isna(), ~chain.obsm[MEASURED_KEY])
    joined.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    with_rna = chain[chain.obsm[MEASURED_KEY][:, 0]].copy()
    for target in ("atac", "prot"):
        first, second = (m.translate(with_rna, source="rna", target=target).X for m in (joined, again))
        np.testing.assert_array_equal(first, second)


def test_what_never_met_is_translated_over_what_both_met(joined: VirtualCell, chain: MuData) -> None:
    with_rna = chain[chain.obsm[MEASURED_KEY][:, 0]].copy()
    found = joined.translate(with_rna, source="rna", target="prot")
    assert found.uns["virtualcell"]["route"] == ["rna", "atac", "prot"]
    assert not found.layers  # no cell shows how wide the bounds should be
    direct = joined.translate(with_rna, source="atac", target="prot")
    assert direct.uns["virtualcell"]["route"] == ["atac", "prot"]
    assert {"low", "high"} == set(direct.layers)
    assert direct.uns["virtualcell"]["unit"] == found.uns["virtualcell"]["unit"]
    # Both speak of the same cells: the two agree better than with the other's prediction for the next cell.
    a, b = (x.X - x.X.mean(0) for x in (found, direct))
    assert (a * b).sum() > 3 * abs((a * np.roll(b, 1, axis=0)).sum()) > 0
    with pytest.raises(DataError, match="300 cells have no count"):
        joined.translate(chain, source="rna", target="prot")


def test_what_never_met_and_has_nothing_between_is_not_translated(chain: MuData) -> None:
    apart = MuData({m: chain[m].copy() for m in ("rna", "prot")})
    apart.obsm[MEASURED_KEY] = chain.obsm[MEASURED_KEY][:, [0, 2]]
    model = VirtualCell(PLAIN).fit(apart, device="cpu")
    assert model.record["conversions"] == {}
    assert model.embed(apart).shape == (600, 4)
    with pytest.raises(DataError, match="measured together in too few of the training cells"):
        model.translate(apart, source="rna", target="prot")


def markers(n: int = 200, name: str = "cytof") -> MuData:
    """Twelve markers on a continuous scale, of three hidden dimensions."""
    rng = np.random.default_rng(0)
    values = 5 * rng.normal(size=(n, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=(n, 12)) - 3
    names = [f"cell-{i}" for i in range(n)]
    table = AnnData(
        values.astype(np.float32), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=[f"M{i}" for i in range(12)])
    )
    return MuData({name: table})


def test_cells_with_nothing_but_continuous_values(tmp_path: Path) -> None:
    cells = markers()
    model = VirtualCell(PLAIN).fit(cells, device="cpu")
    states = model.embed(cells)
    assert states.shape == (200, 4)
    np.testing.assert_array_equal(cells.obsm["X_vc"], states)
    measured, decoded = cells["cytof"].X, model.decode(states, modality="cytof")
    # Three dimensions are behind twelve markers: a state of four says nearly all, in the unit of the data.
    assert ((measured - decoded) ** 2).sum() < 0.2 * ((measured - measured.mean(0)) ** 2).sum()
    gain = model.log_likelihood(cells) - model.baseline_log_likelihood(cells)
    assert gain["cytof"].mean() > 1
    model.save(tmp_path)
    np.testing.assert_array_equal(VirtualCell.load(tmp_path).embed(cells.copy()), states)
    with pytest.raises(DataError, match="no modality 'rna'"):
        model.decode(states)


def test_kinds_are_chosen_in_the_settings() -> None:
    cells = markers(120, "panel")
    model = VirtualCell(replace(PLAIN, kinds={"panel": "continuous"})).fit(cells, device="cpu")
    assert model.features("panel") == cells["panel"].var_names.tolist()
    with pytest.raises(DataError, match=r"measurement \(panel\) is known.*rna, .*say of which kind"):
        VirtualCell(PLAIN).fit(cells, device="cpu")
    with pytest.raises(DataError, match=r"'guess' is no kind of measurement.*atac-poisson.*continuous"):
        VirtualCell(replace(PLAIN, kinds={"panel": "guess"})).fit(cells, device="cpu")
    with pytest.raises(DataError, match=r"The cells have panel, no 'rna'"):
        VirtualCell(replace(PLAIN, kinds={"rna": "rna-zinb"})).fit(cells, device="cpu")


def test_another_kind_of_the_same_measurement_is_kept_with_the_model(tmp_path: Path) -> None:
    cells = a549(n=120)
    model = VirtualCell(replace(SMALL, kinds={"atac": "atac-poisson", "rna": "rna-zinb"})).fit(cells, device="cpu")
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    assert again.settings.kinds == {"atac": "atac-poisson", "rna": "rna-zinb"}
    pd.testing.assert_frame_equal(again.log_likelihood(cells), model.log_likelihood(cells))


def test_knock_outs_are_of_counts() -> None:
    cells = markers(120, "rna")
    model = VirtualCell(replace(PLAIN, kinds={"rna": "continuous"})).fit(cells, device="cpu")
    with pytest.raises(DataError, match="continuous scale, of which none can be taken away"):
        model.perturb(cells, knockout="M1")


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_a_loaded_model_reads_with_every_fusion_as_the_one_that_was_saved(fusion: str, tmp_path: Path) -> None:
    """RNA comes before ATAC here: an order that the alphabet would turn round, and with it what the fusion takes for which."""
    cells = simulate_pairs("linear", n_cells=120, n_genes=30, n_peaks=40, seed=0)
    quick = replace(PLAIN.autoencoder, fusion=fusion, epochs=1, min_steps=6, learning_rate=2e-2)
    model = VirtualCell(replace(PLAIN, autoencoder=quick)).fit(cells, device="cpu")
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    np.testing.assert_array_equal(again.embed(cells.copy()), model.embed(cells.copy()))
    assert again.log_likelihood(cells).columns.tolist() == ["rna", "atac"]


def test_objectives_and_fusions_that_are_not_known_are_named(chain: MuData) -> None:
    for autoencoder, said in (
        (replace(PLAIN.autoencoder, objectives={"telepathy": 1.0}), "field objectives: telepathy is not known"),
        (replace(PLAIN.autoencoder, fusion="fission"), "field fusion: fission is not known"),
    ):
        with pytest.raises(DataError, match=said):
            VirtualCell(replace(PLAIN, autoencoder=autoencoder)).fit(chain, device="cpu")

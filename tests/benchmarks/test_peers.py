"""Peers: what they are given, how they are scored, and, where their environment is at hand, that they run and learn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import bernoulli, pearsonr
from sklearn.metrics import roc_auc_score

from benchmarks.peers import TUNING, PeerResult, peers_python, run_peer, split, tune
from benchmarks.peers.cells import Cells
from benchmarks.peers.run import DEFAULTS, VARIABLE, WORKER
from benchmarks.peers.scores import (
    auroc_per_feature,
    centred_log_ratio,
    gain,
    log_per_ten_thousand,
    most_variable,
    pearson_per_feature,
    translation_scores,
)
from benchmarks.peers.simulate import simulate
from benchmarks.peers.tuning import DECIDES
from virtualcell.schema import DataError

needs_peers = pytest.mark.skipif(peers_python() is None, reason=f"{VARIABLE} names no environment of peers")


def related(n_cells: int, seed: int = 0) -> dict[str, sp.csr_matrix]:
    """Two kinds of cells that differ in every gene, peak and protein, so that one measurement tells much of the others."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n_cells)[:, None]
    rates = rng.lognormal(0.5, 0.5, (2, 40)), rng.beta(0.5, 0.5, (2, 60)) * 0.9 + 0.05, rng.lognormal(3.0, 1.0, (2, 12))
    rna = rng.poisson(np.where(kind, rates[0][0], rates[0][1]))
    atac = rng.random((n_cells, 60)) < np.where(kind, rates[1][0], rates[1][1])
    prot = rng.poisson(np.where(kind, rates[2][0], rates[2][1]))
    return {name: sp.csr_matrix(values, dtype=np.float32) for name, values in (("rna", rna), ("atac", atac), ("prot", prot))}


def parts(names: tuple[str, ...], n_train: int = 300, n_test: int = 80) -> Cells:
    counts = {name: matrix for name, matrix in related(n_train + n_test).items() if name in names}
    batch = np.arange(n_train + n_test) % 2
    return Cells(
        {name: matrix[:n_train] for name, matrix in counts.items()},
        {name: matrix[n_train:] for name, matrix in counts.items()},
        batch[:n_train],
        batch[n_train:],
    )


def test_area_under_the_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    opened = (rng.random((50, 6)) < 0.3).astype(float)
    opened[:, 2] = 0
    predicted = rng.integers(0, 5, (50, 6)) / 5.0  # many ties
    found = auroc_per_feature(opened, predicted)
    assert np.isnan(found[2])
    for j in (0, 1, 3, 4, 5):
        assert found[j] == pytest.approx(roc_auc_score(opened[:, j], predicted[:, j]))


def test_gain_is_the_difference_of_two_bernoulli_log_likelihoods() -> None:
    rng = np.random.default_rng(1)
    opened, predicted, base = (rng.random((20, 7)) < 0.2).astype(int), rng.random((20, 7)), rng.random(7)
    expected = bernoulli.logpmf(opened, predicted).sum(1) - bernoulli.logpmf(opened, base).sum(1)
    np.testing.assert_allclose(gain(opened, predicted, base), expected, rtol=1e-9)
    sure_and_wrong = gain(np.ones((1, 1)), np.zeros((1, 1)), np.array([0.5]))
    assert sure_and_wrong[0] == pytest.approx(np.log(1e-5 / 0.5))


def test_correlation_is_that_of_scipy_and_zero_for_what_does_not_vary() -> None:
    rng = np.random.default_rng(2)
    measured, predicted = rng.random((30, 3)), rng.random((30, 3))
    predicted[:, 1] = 4.0
    found = pearson_per_feature(measured, predicted)
    assert found[1] == 0
    for j in (0, 2):
        assert found[j] == pytest.approx(pearsonr(measured[:, j], predicted[:, j]).statistic)


def test_a_perfect_prediction_has_perfect_scores() -> None:
    cells = parts(("rna", "atac", "prot"))
    found = translation_scores(
        cells.train,
        cells.test,
        p_atac=cells.test["atac"].toarray(),
        rna=log_per_ten_thousand(cells.test["rna"]),
        protein=centred_log_ratio(cells.test["prot"].toarray()),
    )
    base = np.clip(np.asarray(cells.train["atac"].mean(0)).ravel(), 1e-5, 1 - 1e-5)
    opened = cells.test["atac"].toarray()
    entropy = -(opened * np.log(base) + (1 - opened) * np.log(1 - base)).sum(1).mean()
    assert found.pop("rna_to_protein_rmse") == pytest.approx(0, abs=1e-6)
    assert found.pop("rna_to_atac_gain") == pytest.approx(entropy, rel=1e-3)
    assert all(value == pytest.approx(1.0) for value in found.values())
    assert set(found) == {"rna_to_atac_auroc", "atac_to_rna_pearson", "rna_to_protein_pearson"}


def test_the_most_variable_genes_are_found_on_log_normalised_values() -> None:
    counts = related(200)["rna"]
    logs = np.log1p(counts.toarray() / counts.toarray().sum(1, keepdims=True) * 1e4)
    assert set(most_variable(counts, 5)) == set(np.argsort(logs.var(0))[-5:])


def test_simulated_cells_have_the_sparsity_asked_for() -> None:
    cells = simulate(1000, 500, 2000, seed=3)
    assert cells["rna"].shape == (1000, 500)
    assert cells["atac"].shape == (1000, 2000)
    assert cells["rna"].nnz / cells["rna"].shape[0] / 500 == pytest.approx(0.15, abs=0.01)
    assert cells["atac"].nnz / cells["atac"].shape[0] / 2000 == pytest.approx(0.045, abs=0.004)
    assert set(np.unique(cells["atac"].data)) == {1.0}
    again = simulate(1000, 500, 2000, seed=3)
    assert all((cells[name] != again[name]).nnz == 0 for name in cells)


def test_cells_survive_the_way_to_the_other_environment(tmp_path: Path) -> None:
    cells = parts(("rna", "atac"))
    cells.save(tmp_path / "cells.npz")
    back = Cells.load(tmp_path / "cells.npz")
    assert back.digest() == cells.digest()
    assert (back.train["rna"] != cells.train["rna"]).nnz == 0
    np.testing.assert_array_equal(back.batch_test, cells.batch_test)
    changed = Cells(cells.train, {**cells.test, "rna": cells.test["rna"] * 2}, cells.batch_train, cells.batch_test)
    assert changed.digest() != cells.digest()


def test_cells_that_do_not_fit_together_are_refused() -> None:
    cells = parts(("rna", "atac"))
    with pytest.raises(ValueError, match="numbers of cells differ"):
        Cells(cells.train, cells.test, cells.batch_train[:-1], cells.batch_test)
    with pytest.raises(ValueError, match="different features"):
        Cells(cells.train, {**cells.test, "rna": cells.test["rna"][:, :-1]}, cells.batch_train, cells.batch_test)


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    result = PeerResult(
        "multivi",
        3,
        {"lr": 1e-3},
        cpu_seconds=1.5,
        epochs=7,
        p_atac=rng.random((4, 5)).astype(np.float16),
        latent_test=rng.random((4, 2)).astype(np.float32),
        curve={"epoch": [1.0], "test_gain": [-2.5]},
        notes={"kept_epochs": {"gain": 5}},
        digest="abc",
    )
    result.save(tmp_path / "result.npz")
    back = PeerResult.load(tmp_path / "result.npz")
    np.testing.assert_array_equal(back.p_atac, result.p_atac)
    np.testing.assert_array_equal(back.latent_test, result.latent_test)
    assert back.rna is None
    assert (back.settings, back.curve, back.notes, back.digest) == (result.settings, result.curve, result.notes, "abc")
    assert (back.cpu_seconds, back.epochs) == (1.5, 7)


def test_calibration_gives_each_peak_its_measured_rate() -> None:
    rng = np.random.default_rng(0)
    p, base = rng.random((6, 4)) / 2, rng.random(4) / 4
    found = PeerResult("multivi", 0, {}, p_atac=p, p_atac_train=p.mean(0)).calibrated(base)
    np.testing.assert_allclose(found.mean(0), base)
    np.testing.assert_allclose(np.argsort(found, axis=0), np.argsort(p, axis=0))
    with pytest.raises(ValueError, match="totalvi"):
        PeerResult("totalvi", 0, {}).calibrated(base)


def test_split_keeps_training_and_test_cells_apart() -> None:
    found = split("cite", 1)
    assert len(found.test) == 80
    assert sorted([*found.train, *found.test]) == list(range(400))
    order = np.random.default_rng(1001).permutation(400)
    np.testing.assert_array_equal(found.test, np.sort(order[:80]))
    assert found.cells.train["rna"].shape == (320, 2000)
    assert found.cells.test["prot"].shape == (80, 14)
    assert set(found.cells.batch_train) == {0, 1}
    assert not np.array_equal(split("cite", 0).features["rna"], found.features["rna"])  # chosen on the training cells


def test_without_an_environment_the_message_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert peers_python() is None
    cells = parts(("rna", "atac"))
    with pytest.raises(DataError, match=VARIABLE):
        run_peer("multivi", cells.train, cells.test, cells.batch_train, cells.batch_test, 0, {})
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=VARIABLE):
        peers_python()


def fake_environment(folder: Path, script: str) -> Path:
    """A folder with a "Python" that does what the script says."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!{sys.executable}\n{script}")
    python.chmod(0o755)
    return folder


def test_a_failing_peer_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = "import sys\nprint('no such module: scvi', file=sys.stderr)\nsys.exit(3)"
    monkeypatch.setenv(VARIABLE, str(fake_environment(tmp_path / "environment", script)))
    cells = parts(("rna", "atac"))
    with pytest.raises(RuntimeError, match=r"status 3:\n.*no such module: scvi"):
        run_peer("multivi", cells.train, cells.test, cells.batch_train, cells.batch_test, 0, {})


def test_a_finished_run_is_read_again_only_for_the_same_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = f"""import sys, json
sys.path.insert(0, {str(WORKER.parents[2])!r})
from benchmarks.peers.result import PeerResult
from pathlib import Path
runs = Path({str(tmp_path / "runs")!r})
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
PeerResult(sys.argv[2], 0, json.loads(sys.argv[6]), epochs=len(runs.read_text())).save(Path(sys.argv[4]))
"""
    monkeypatch.setenv(VARIABLE, str(fake_environment(tmp_path / "environment", script)))
    cells, cache = parts(("rna", "atac")), tmp_path / "kept" / "multivi.npz"

    def ask(seed: int = 0, settings: dict[str, float] | None = None, given: Cells = cells) -> int:
        arguments = given.train, given.test, given.batch_train, given.batch_test
        return run_peer("multivi", *arguments, seed, settings or {}, cache=cache).epochs

    assert ask() == 1
    assert ask() == 1
    assert ask(settings={"lr": 1e-3}) == 2
    assert ask(seed=1, settings={"lr": 1e-3}) == 3
    other = Cells(cells.train, cells.test, cells.batch_train, 1 - cells.batch_test)
    assert ask(seed=1, settings={"lr": 1e-3}, given=other) == 4
    monkeypatch.delenv(VARIABLE)
    assert ask(seed=1, settings={"lr": 1e-3}, given=other) == 4  # needs no environment any more


def test_every_method_has_settings_to_choose_from_and_a_score() -> None:
    assert set(TUNING) == set(DECIDES) == set(DEFAULTS) - {"throughput"}
    assert all(options[0] == {} and len(options) <= 3 for options in TUNING.values())


def test_the_worker_side_imports_nothing_of_ours() -> None:
    files = [WORKER, *(WORKER.with_name(f"{name}.py") for name in ("cells", "result", "scores", "simulate"))]
    files += (WORKER.parent / "methods").glob("*.py")
    assert len(files) > 8
    code = "import sys; sys.path.insert(0, sys.argv[1]); from benchmarks.peers import cells, result, scores, simulate; " + (
        "sys.exit(any(name.split('.')[0] == 'virtualcell' for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code, str(WORKER.parents[2])], check=False)
    assert done.returncode == 0
    assert not [file.name for file in files if "import virtualcell" in file.read_text() or "from virtualcell" in file.read_text()]


@needs_peers
@pytest.mark.slow
@pytest.mark.parametrize("method", ["multivi", "univi"])
def test_a_peer_learns_to_translate_rna_and_atac(method: str, tmp_path: Path) -> None:
    cells = parts(("rna", "atac"), n_train=500)
    arguments = cells.train, cells.test, cells.batch_train, cells.batch_test
    settings = {"max_epochs": 80, "every": 20, "lr": 3e-3, "batch_size": 32}
    settings |= {"n_hidden": 32, "n_latent": 5} if method == "multivi" else {}
    found = run_peer(method, *arguments, 0, settings, cache=tmp_path / "peer.npz", log=tmp_path / "log")
    scores = translation_scores(cells.train, cells.test, found.p_atac, found.rna)
    assert scores["rna_to_atac_gain"] > 3
    assert scores["rna_to_atac_auroc"] > 0.65
    assert scores["atac_to_rna_pearson"] > 0.15
    assert found.latent_train.shape[0] == 500
    assert found.latent_test.shape[0] == 80
    assert found.cpu_seconds > 0
    assert found.epochs <= 80
    assert found.curve["epoch"][0] == 20
    assert found.curve["cpu_seconds"] == sorted(found.curve["cpu_seconds"])
    kept = found.curve["epoch"].index(found.notes["kept_epochs"]["gain"])
    assert max(found.curve["validation_gain"]) == found.curve["validation_gain"][kept]
    kept_rna = found.curve["epoch"].index(found.notes["kept_epochs"]["pearson"])
    assert scores["atac_to_rna_pearson"] == pytest.approx(found.curve["test_pearson"][kept_rna], abs=0.01)
    # What is handed back is what the kept checkpoint scored (16-bit numbers apart).
    assert scores["rna_to_atac_auroc"] == pytest.approx(found.curve["test_auroc"][kept], abs=0.01)
    own = found.calibrated(np.asarray(cells.train["atac"].mean(0)).ravel())
    assert gain(cells.test["atac"].toarray(), own, np.full(60, 0.5)).mean() > 0
    assert pearsonr(found.p_atac.mean(0), found.p_atac_train).statistic > 0.95
    # ATAC of the test cells plays no part in what is predicted of it.
    blind = {**cells.test, "atac": cells.test["atac"][::-1]}
    again = run_peer(method, cells.train, blind, cells.batch_train, cells.batch_test, 0, settings)
    np.testing.assert_array_equal(again.p_atac, found.p_atac)


@needs_peers
@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"rna_only": True}])
def test_a_peer_learns_to_translate_rna_to_proteins(settings: dict[str, bool]) -> None:
    cells = parts(("rna", "prot"))
    arguments = cells.train, cells.test, cells.batch_train, cells.batch_test
    found = run_peer("totalvi", *arguments, 0, settings | {"max_epochs": 60, "every": 20})
    scores = translation_scores(cells.train, cells.test, protein=found.protein)
    assert scores["rna_to_protein_pearson"] > 0.5
    assert set(found.nats) == {"rna", "prot"}
    assert found.latent_test.shape[0] == 80


@needs_peers
@pytest.mark.slow
@pytest.mark.parametrize("method", ["multivi", "univi"])
def test_speed_is_measured(method: str) -> None:
    cells = simulate(400, 100, 300)
    nobody = {name: counts[:0] for name, counts in cells.items()}
    batch = np.zeros(400, dtype=np.int64)
    found = run_peer("throughput", cells, nobody, batch, batch[:0], 0, {"method": method, "max_epochs": 3})
    seconds = found.notes["epoch_cpu_seconds"]
    assert found.cells_per_second == pytest.approx(400 / np.median(seconds[1:]))
    assert found.notes["latent"] > 0


@needs_peers
@pytest.mark.slow
def test_settings_are_chosen_by_the_score_on_inner_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TUNING, "totalvi", ({"max_epochs": 1, "every": 1}, {"max_epochs": 40, "every": 20}))
    cells = parts(("rna", "prot"))
    best, scores = tune("totalvi", cells.train, cells.batch_train, 0, cache=tmp_path)
    assert scores[1] > scores[0]
    assert best == {"max_epochs": 40, "every": 20}
    assert len(list(tmp_path.glob("*.npz"))) == 2


MAKERS_OWN = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np, scipy.sparse as sp
from benchmarks.peers.methods.multivi import Reader, accessibility, build, codes
from benchmarks.peers.simulate import simulate
cells, batch = simulate(300, 50, 120, rna_density=0.5, atac_density=0.3), np.arange(300) % 2
model = build(cells["rna"], cells["atac"], batch, {"n_hidden": 16, "n_latent": 4}, 0)
model.train(max_epochs=5, lr=3e-3, batch_size=32, accelerator="cpu", enable_progress_bar=False, early_stopping=False)
def without(name):
    shown = model.adata.copy()
    shown[name].X = sp.csr_matrix(shown[name].shape, dtype=np.float32)
    return shown
read = lambda *seen: Reader(model.module).read(cells["rna"], cells["atac"], codes(model, batch), seen)
opened = model.get_normalized_accessibility(without("atac"), normalize_cells=True, normalize_regions=True, return_numpy=True)
np.testing.assert_allclose(accessibility(read("rna"), 0.5)["depth imputed by the model"], opened, atol=1e-6)
np.testing.assert_allclose(read("atac")["rate"], model.get_normalized_expression(without("rna"), return_numpy=True), atol=1e-6)
np.testing.assert_allclose(read("rna", "atac")["latent"], model.get_latent_representation(), atol=1e-6)
"""


@needs_peers
@pytest.mark.slow
def test_what_is_read_of_multivi_is_what_scvi_tools_gives(tmp_path: Path) -> None:
    command = [str(peers_python()), "-c", MAKERS_OWN, str(WORKER.parents[2])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]

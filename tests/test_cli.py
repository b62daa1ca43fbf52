"""The command line on a subset of the A549 cells; of a wrong file it says what is wrong: one message, status 2, no traceback."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
import torch

from tests.generative.samples import QUICK
from virtualcell.cli import main
from virtualcell.data.read import read
from virtualcell.model import VirtualCell
from virtualcell.schema import Barrier, Columns, EnergyPath

A549 = Path(__file__).parents[1] / "assets" / "data" / "scicar_a549_rna_atac.h5mu"
KANG = A549.with_name("kang_ifnb_pbmc.h5ad")


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """110 cells of each time, 250 genes and 250 peaks that are seen most, among them the three that are known to rise."""
    cells = read(A549)
    rng, time = np.random.default_rng(0), cells.obs["time_h"].to_numpy(dtype=float)
    rows = np.sort(np.concatenate([rng.choice(np.flatnonzero(time == t), 110, replace=False) for t in (0, 1, 3)]))
    parts = {}
    for name, table in cells[rows].copy().mod.items():
        seen = np.argsort(-np.asarray(table.X.sum(0)).ravel())[:250]
        known = table.var_names.get_indexer(["FKBP5", "PER1", "TSC22D3"])
        parts[name] = table[:, np.union1d(seen, known[known >= 0])].copy()
    found = mudata.MuData(parts)
    found.obs["time_h"] = cells.obs["time_h"].iloc[rows].to_numpy()
    path = tmp_path_factory.mktemp("cells") / "small.h5mu"
    found.write_h5mu(path)
    return path


@pytest.fixture(scope="module")
def model(small, tmp_path_factory) -> Path:
    """Trained by the command itself."""
    folder = tmp_path_factory.mktemp("model") / "deep" / "a549"
    run("train", small, "--time", "time_h", "--latent-dim", 8, "--epochs", 3, "--steps", 60, "--device", "cpu", "--out", folder)
    return folder


def run(*arguments: object) -> int:
    """Exit status of the command line, in this process."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def refused(capsys, *arguments: object) -> str:
    """What a refused command says: status 2, nothing on stdout but what came before, no traceback."""
    capsys.readouterr()
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return " ".join(said.split())


def test_help_comes_at_once_without_the_heavy_libraries():
    code = "import sys\nfrom virtualcell.cli import main\ntry:\n    main(['--help'])\nfinally:\n    print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"
    known = ("train", "check", "embed", "translate", "generators", "draw", "predict", "perturb", "landscape", "demos", "app")
    for command in known:
        assert f"\n  {command} " in done.stdout


def test_train_writes_a_model_and_says_what_it_is(model):
    assert {"model.safetensors", "model.json"} <= {path.name for path in model.iterdir()}
    saved = json.loads((model / "model.json").read_text())
    assert saved["settings"]["autoencoder"]["epochs"] == 3
    assert saved["settings"]["predictor"]["steps"] == 60
    assert Columns(**saved["settings"]["columns"]) == Columns(time="time_h")
    assert saved["record"]["n_cells"] == 330


@pytest.mark.slow
def test_the_same_seed_trains_the_same_model(model, small, tmp_path):
    options = ["--time", "time_h", "--latent-dim", 8, "--epochs", 3, "--steps", 60, "--device", "cpu"]
    run("train", small, *options, "--out", tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_training_goes_on_from_what_it_wrote_on_the_way(model, small, tmp_path):
    options = ["--time", "time_h", "--latent-dim", 8, "--epochs", 3, "--steps", 60, "--device", "cpu"]
    for name in ("first", "again"):
        run("train", small, *options, "--out", tmp_path / name, "--checkpoint", tmp_path / "way")
        assert (tmp_path / name / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert (tmp_path / "way" / "progress-autoencoder.safetensors").is_file()


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


def test_landscape_is_finite_among_the_cells_and_the_same_in_both_formats(model, tmp_path):
    for name in ("u.npz", "u.json"):
        assert run("landscape", model, "--out", tmp_path / name, "--resolution", 16) == 0
    text, arrays = json.loads((tmp_path / "u.json").read_text()), np.load(tmp_path / "u.npz")
    assert arrays["energy"].shape == (16, 16)
    assert np.isfinite(arrays["energy"][arrays["supported"]]).all()
    # Zero is the lowest point drawn: of the grid, or an attractor between grid points.
    lowest = min([arrays["energy"][arrays["supported"]].min(), *(a["energy"] for a in json.loads(str(arrays["attractors"])))])
    assert lowest == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(np.array(text["energy"], dtype=float), arrays["energy"], rtol=1e-6)
    assert len(text["attractors"]) == len(json.loads(str(arrays["attractors"])))


def test_passes_are_written_in_both_formats(model, tmp_path, monkeypatch):
    honest = VirtualCell.landscape
    path = EnergyPath(np.zeros((3, 8), np.float32), np.array([0.0, 1.5, -1.0]), 1)
    seen, unseen = Barrier("A", "B", 1.5, 1.0, 2.0, 30.0, True, path), Barrier("B", "A", 2.5, None, None, 0.0, False, path)

    def with_passes(self, resolution=60):
        return dataclasses.replace(honest(self, resolution), barriers=(seen, unseen), rotation_share=None, density=None)

    monkeypatch.setattr(VirtualCell, "landscape", with_passes)
    for name in ("u.npz", "u.json"):
        assert run("landscape", model, "--out", tmp_path / name, "--resolution", 16) == 0
    text, arrays = json.loads((tmp_path / "u.json").read_text()), np.load(tmp_path / "u.npz", allow_pickle=False)
    for barriers in (text["barriers"], json.loads(str(arrays["barriers"]))):
        assert [b["height"] for b in barriers] == [1.5, 2.5]
        assert [b["low"] for b in barriers] == [1.0, None]
        assert barriers[0]["path"]["energy"] == [0.0, 1.5, -1.0]
    assert "rotation_share" not in text
    assert all(arrays[name].dtype != object for name in arrays)


def test_a_donor_is_a_donor(model, small, tmp_path):
    """And no growth rate, which stands beside it."""
    cells = read(small)
    cells.obs["plate"] = np.arange(cells.n_obs) % 2
    cells.write_h5mu(tmp_path / "donors.h5mu")
    options = ("--time", "time_h", "--donor", "plate", "--latent-dim", 2, "--epochs", 1, "--steps", 1, "--device", "cpu")
    assert run("train", tmp_path / "donors.h5mu", *options, "--out", tmp_path / "model") == 0
    columns = VirtualCell.load(tmp_path / "model").settings.columns
    assert (columns.donor, columns.growth) == ("plate", None)


def test_a_landscape_without_a_finite_height_is_refused_and_not_written(model, tmp_path, capsys):
    broken = VirtualCell.load(model)
    with torch.no_grad():
        broken.dynamics.potential.last[0] = torch.nan
    broken.save(tmp_path / "broken")
    asked = ("landscape", tmp_path / "broken", "--out", tmp_path / "u.json", "--resolution", 16)
    said = refused(capsys, *asked)
    assert "no finite height" in said
    assert "broken" in said, "the model is named"
    assert not (tmp_path / "u.json").exists()


def test_check_reads_the_demo_and_warns_of_what_cannot_be_told_apart(capsys):
    assert run("check", A549) == 0
    said = capsys.readouterr().out
    assert "2,641 cells" in said
    assert "--time time_h" in said
    assert "same variable" in said
    assert "These cells can be used." in said


def test_demos_are_listed(capsys):
    assert run("demos") == 0
    said = capsys.readouterr().out
    for name in ("a549", "larry", "norman", "kang", "cite", "simulated", "switch", "assays"):
        assert name in said


def make_wrong(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.h5ad"
    cells = anndata.read_h5ad(KANG)[:60].copy()
    if kind == "text":
        path.write_text("gene,cell1,cell2\nISG15,3,0\n")
        return path
    if kind == "truncated":
        path.write_bytes(KANG.read_bytes()[:40_000])
        return path
    if kind == "empty":
        path.touch()
        return path
    counts = cells.X.toarray() if hasattr(cells.X, "toarray") else np.array(cells.X)
    counts = counts.astype(np.float32)
    if kind == "nan":
        counts[3, 5] = np.nan
    elif kind == "negative":
        counts[3, 5] = -1
    cells.X, cells.layers = counts, {}
    cells.write_h5ad(path)
    return path


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("text", "text.h5ad"),
        ("truncated", "truncated.h5ad"),
        ("empty", "empty.h5ad"),
        ("nan", "NaN|not numbers|missing"),
        ("negative", "below zero"),
    ],
)
def test_wrong_files_are_explained(kind, complaint, tmp_path, capsys):
    path = make_wrong(kind, tmp_path)
    for command in (["train", path, "--out", tmp_path / "model"], ["check", path]):
        capsys.readouterr()
        assert run(*command) == 2
        said = capsys.readouterr()
        text = " ".join((said.err + said.out).split())
        assert "Traceback" not in text
        assert re.search(complaint, text, re.IGNORECASE), text
    assert not (tmp_path / "model").exists()


def test_a_missing_time_column_is_explained(tmp_path, capsys):
    said = refused(capsys, "train", KANG, "--time", "hours", "--out", tmp_path / "model")
    assert "kang_ifnb_pbmc.h5ad" in said
    assert "no column 'hours'" in said
    assert "What to do" in said
    assert not (tmp_path / "model").exists()


def test_other_mistakes_are_explained(model, small, tmp_path, capsys):
    out = tmp_path / "x.h5ad"
    predict = ["predict", model, small, "--out", out]
    assert "There is no such file" in refused(capsys, "check", tmp_path / "nowhere.h5ad")
    assert "choose one of 0, 1, 3" in refused(capsys, *predict, "--from", 2, "--to", 3)
    assert "not after the start" in refused(capsys, *predict, "--from", 3, "--to", 1)
    assert "'aspirin' was not measured" in refused(capsys, *predict, "--to", 3, "--treatment", "aspirin")
    assert "end its name in .h5ad" in refused(
        capsys, "translate", model, small, "--source", "rna", "--target", "atac", "--out", "x.txt"
    )
    assert "no target modality" in refused(capsys, "translate", model, small, "--source", "rna", "--target", "prot", "--out", out)
    assert "does not read the gene 'XYZ'" in refused(
        capsys, "perturb", model, small, "--gene", "XYZ", "--out", tmp_path / "x.csv"
    )
    assert "either --treatment or --gene" in refused(capsys, "perturb", model, small, "--out", tmp_path / "x.csv")
    assert "model.json" in refused(capsys, "landscape", tmp_path, "--out", tmp_path / "u.npz")
    assert "is not known" in refused(capsys, "embed", model, small, "--out", out, "--device", "abacus")
    assert "no demo named 'moon'" in refused(capsys, "train", "--demo", "moon")
    assert "either a file with cells or --demo" in refused(capsys, "train")
    assert "columns of a demo are known" in refused(capsys, "train", "--demo", "a549", "--time", "time_h")
    assert not out.exists()


def test_as_a_program_a_wrong_file_gives_one_message_and_status_2(tmp_path):
    path = make_wrong("text", tmp_path)
    command = [sys.executable, "-m", "virtualcell", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 2
    assert done.stderr.startswith("virtualcell: ")
    assert "What to do:" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout

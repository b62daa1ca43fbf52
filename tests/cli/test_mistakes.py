"""Of a wrong file or option the command says what is wrong: one message, status 2, no traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pytest

from tests.cli.commands import KANG, refused, run


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

"""A subset of the A549 cells, and the model that the command trains on it."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest

from tests.cli.commands import A549, run
from virtualcell.data.read import read


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def model(small, tmp_path_factory) -> Path:
    """Trained by the command itself."""
    folder = tmp_path_factory.mktemp("model") / "deep" / "a549"
    run("train", small, "--time", "time_h", "--latent-dim", 8, "--epochs", 3, "--steps", 60, "--device", "cpu", "--out", folder)
    return folder

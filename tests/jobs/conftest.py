"""A folder of runs for each test, and no process left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

from virtualcell.jobs import queue
from virtualcell.jobs.folder import LOCK
from virtualcell.jobs.locks import holder
from virtualcell.schema import AutoencoderSettings, Columns, PredictorSettings, PreprocessSettings, Settings

TINY = Settings(
    preprocess=PreprocessSettings(n_components=8),
    autoencoder=AutoencoderSettings(latent_dim=2, hidden=8, epochs=3, min_steps=3),
    predictor=PredictorSettings(width=8, steps=100, warm_steps=40, rollouts=32, euler_steps=6, refits=0, turning=False),
)
# The size of the culture is known, so that a landscape is learned and no straight slope taken in its place.
COLUMNS = Columns(time="time", time_unit="d", population_size="size")


def some_cells(n: int = 120, seed: int = 0) -> MuData:
    """Counts of 40 genes at three times, a fifth of them rising."""
    rng = np.random.default_rng(seed)
    time_of = np.repeat([0.0, 1.0, 2.0], n // 3)
    mean = np.full((len(time_of), 40), 2.0)
    mean[:, :8] *= np.exp(0.8 * time_of)[:, None]
    table = AnnData(rng.poisson(mean).astype(np.float32))
    table.var_names = [f"GENE{i}" for i in range(40)]
    table.obs_names = [f"cell{i}" for i in range(len(time_of))]
    cells = MuData({"rna": table})
    cells.obs = pd.DataFrame({"time": time_of, "size": 1000.0}, index=table.obs_names)
    return cells


def wait_until(true: Callable[[], bool], seconds: float = 250.0) -> None:
    """Looks again and again; fails after so long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def clean(home: Path) -> None:
    """Ends the runner and the workers of a folder."""
    for runner in queue._runners:
        runner.kill()
        runner.wait()
    queue._runners.clear()
    for lock in home.glob(f"*/{LOCK}"):
        pid = holder(lock)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of runs."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("VIRTUALCELL_RUNS", str(folder))
    monkeypatch.delenv("VIRTUALCELL_JOBS", raising=False)
    yield folder
    clean(folder)

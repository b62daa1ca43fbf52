"""Run a peer in its own environment."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.peers.cells import Cells
from benchmarks.peers.result import PeerResult
from virtualcell.schema import DataError

VARIABLE = "VIRTUALCELL_PEERS"
WORKER = Path(__file__).with_name("worker.py")
DEFAULTS: dict[str, dict[str, Any]] = {
    "multivi": {"max_epochs": 500, "every": 25},
    "univi": {"max_epochs": 400, "every": 25},
    "totalvi": {"max_epochs": 1000, "every": 25},
    "throughput": {"max_epochs": 4, "batch_size": 128},
}
"""Most epochs, where a method does not stop by itself before, and how often its translation is looked at."""


def peers_python() -> Path | None:
    """The Python of the environment that VIRTUALCELL_PEERS names; None where the variable is not set. Raises DataError."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    for place in ("bin/python", "Scripts/python.exe"):
        if (Path(folder) / place).is_file():
            return Path(folder) / place
    raise DataError(
        f"{VARIABLE} names {folder}, which holds no Python.",
        next_step="Name the folder of a virtual environment with scvi-tools 1.4.2, univi 1.2.1 and mudata, or unset it.",
    )


def run_peer(
    method: str,
    train: Mapping[str, sp.csr_matrix],
    test: Mapping[str, sp.csr_matrix],
    batch_train: np.ndarray,
    batch_test: np.ndarray,
    seed: int,
    settings: Mapping[str, Any],
    *,
    threads: int = 1,
    cache: Path | None = None,
    log: Path | None = None,
) -> PeerResult:
    """Train ``method`` on the training cells and let it predict the test cells.

    method: "multivi", "univi", "totalvi" or "throughput" (then settings["method"] says of which, and test cells are not read).
    train, test: raw counts by modality, CSR (cells, features). cache: an npz file that is read where it was computed from the
    same cells, method, seed and settings, and written otherwise. log: where the checkpoints are written while it trains.
    Raises DataError without an environment of peers, RuntimeError with the peer's own words where it fails.
    """
    cells = Cells(train, test, batch_train, batch_test)
    whole = DEFAULTS[method] | dict(settings)
    digest = hashlib.sha256(f"{cells.digest()} {method} {seed} {json.dumps(whole, sort_keys=True)}".encode()).hexdigest()
    if cache is not None and cache.is_file():
        found = PeerResult.load(cache)
        if found.digest == digest:
            return found
    python = peers_python()
    if python is None:
        raise DataError(
            f"There is no environment with {method}.",
            next_step=f"Set {VARIABLE} to the folder of a virtual environment with scvi-tools 1.4.2, univi 1.2.1 and mudata.",
        )
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        given, out = Path(folder) / "cells.npz", Path(folder) / "result.npz"
        told = log or Path(folder) / "log"
        cells.save(given)
        command = [str(python), str(WORKER), method, str(given), str(out)]
        command += ["--settings", json.dumps(whole), "--seed", str(seed), "--threads", str(threads)]
        limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}  # ours, not the peers'
        environment = {name: value for name, value in os.environ.items() if name not in hidden} | limits
        with told.open("w") as file:
            done = subprocess.run(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False)
        if done.returncode or not out.is_file():
            end = "\n".join(told.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"{method} ended with status {done.returncode}:\n{end}")
        result = dataclasses.replace(PeerResult.load(out), digest=digest)
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        result.save(cache)
    return result

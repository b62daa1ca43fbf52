"""Training speed at equal widths: cells per CPU-second on one thread, ours and the peers' in the same run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from benchmarks.multiomics.splits import Split
from benchmarks.peers.run import peers_python, run_peer
from benchmarks.peers.simulate import simulate
from virtualcell.data.catalogue import load_demo
from virtualcell.evaluation.report import Claim, Row
from virtualcell.schema import AutoencoderSettings
from virtualcell.training.autoencoder import train_autoencoder
from virtualcell.training.described import nats_of_average, nats_of_cells
from virtualcell.training.table import CellTable

EPOCHS = 4
PEERS: dict[str, dict[str, Any]] = {
    "multivi": {},
    "univi": {"rna_hidden": [100, 100], "atac_hidden": [100, 100], "latent_dim": 10},
}
"""UniVI at the widths that MULTIVI has by itself; its own three layers of up to 512 are slower."""
BATCH, LARGE_BATCH = 128, 512
CPU = torch.device("cpu")
BLOCK_GAIN = "gain over the average cell, nats a cell"
EVERY = ", every peak scored in every step"


def speed(counts: dict[str, sp.csr_matrix], hidden: int, d: int, batch: int = BATCH, **more: Any) -> float:
    """Training cells per CPU-second of the median epoch after the first: every objective of the default settings, thinning and
    validation included; of the peaks a random block is scored in each step (``features_per_step``). more: settings other than the
    default ones."""
    n = next(iter(counts.values())).shape[0]
    table = CellTable(dict(counts), np.ones((n, len(counts)), dtype=bool), np.zeros(n, dtype=np.int64))
    settings = AutoencoderSettings(
        latent_dim=d, hidden=hidden, epochs=EPOCHS, min_steps=1, patience=EPOCHS, batch_size=batch, **more
    )
    marks: list[float] = []

    def mark(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
        marks.append(time.process_time())

    torch.set_num_threads(1)
    fit = train_autoencoder(table, settings, {m: m for m in counts}, 50, 1, 0, CPU, mark)
    return float(len(fit.training) / np.median(np.diff(marks)))


def run(cache: Path | None = None) -> dict[str, dict[str, Any]]:
    """By method: cells per CPU-second with the widths used; peers only where VIRTUALCELL_PEERS names their environment.

    Ours is measured at each peer's widths, right after the peer.
    """
    counts = simulate()
    n = counts["rna"].shape[0]
    batch = np.arange(n) % 2
    found: dict[str, dict[str, Any]] = {}
    if peers_python() is None:
        found["VirtualCell"] = {"cells": speed(counts, 128, 16), "hidden": 128, "latent": 16, "batch": BATCH}
        return found
    for peer, settings in PEERS.items():
        empty = {m: x[:2] for m, x in counts.items()}
        result = run_peer("throughput", counts, empty, batch, batch[:2], 0, settings | {"method": peer, "batch_size": BATCH})
        hidden, d = _widths(result.notes)
        found[peer] = {"cells": result.cells_per_second, "hidden": hidden, "latent": d, "batch": BATCH}
        for size in (BATCH, LARGE_BATCH):
            name = f"VirtualCell at the widths of {peer}, batch {size}"
            found[name] = {"cells": speed(counts, hidden, d, size), "hidden": hidden, "latent": d, "batch": size}
        every = speed(counts, hidden, d, BATCH, features_per_step=max(x.shape[1] for x in counts.values()))
        name = f"VirtualCell at the widths of {peer}, batch {BATCH}{EVERY}"
        found[name] = {"cells": every, "hidden": hidden, "latent": d, "batch": BATCH}
    return found


def quality(seeds: Sequence[int]) -> list[Row]:
    """What scoring blocks of peaks costs: A549, nats a test cell over the average training cell, by features scored in a step."""
    rows = []
    splits = [Split.of(load_demo("a549"), seed) for seed in seeds]
    peaks = len(splits[0].features["atac"])
    for some in (peaks, 2500, 1250):
        gains = []
        for split in splits:
            train, test = split.tables
            settings = AutoencoderSettings(features_per_step=some)
            fit = train_autoencoder(train, settings, split.kinds, 50, 1, split.seed, CPU)
            everyone = np.arange(test.n_cells)
            gain = nats_of_cells(fit.model, test, everyone, CPU) - nats_of_average(fit.model, test, everyone, CPU)
            gains.append(float(gain.sum(1).mean()))
        name = f"VirtualCell, {'every peak' if some == peaks else f'about {some:,} peaks'} scored in a step"
        rows.append(Row.over_seeds(name, BLOCK_GAIN, gains, where="a549, held-out cells", seeds=tuple(seeds)))
    return rows


def _widths(notes: dict[str, Any]) -> tuple[int, int]:
    """Hidden width and latent size of a peer; where its layers differ, the widest, which is the slowest for us."""
    hidden = notes["hidden"]
    layers = [width for part in hidden.values() for width in np.ravel(part)] if isinstance(hidden, dict) else [hidden]
    return int(max(layers)), int(notes["latent"])


def table(seeds: Sequence[int]) -> tuple[list[Row], list[Claim]]:
    """Rows and, where peers were there, claims."""
    found = run()
    where = "simulated, 4,000 cells, 2,000 genes, 10,000 peaks, one thread"
    rows = []
    for method, f in found.items():
        name = f"{method} (hidden {f['hidden']}, latent {f['latent']}, batch {f['batch']})"
        rows.append(Row(name, "training cells per CPU-second", f["cells"], where=where))
    claims = [
        Claim(
            f"training speed over {peer} at equal widths, {how}",
            found[f"VirtualCell at the widths of {peer}, batch {BATCH}{ending}"]["cells"] / found[peer]["cells"],
            ">=",
            3.0,
        )
        for peer in ("multivi", "univi")
        if peer in found
        for how, ending in (("a random quarter of the peaks scored a step", ""), ("every peak scored in every step", EVERY))
    ]
    return rows + quality(seeds), claims

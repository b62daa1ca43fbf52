"""Held-out time: every cell of one time point is kept from all training, and its population is predicted from the one before.

    python -m benchmarks.heldout_time --demo a549 --json

The whole model is fitted without the held-out cells (choice of genes, components, autoencoder and predictor); then the measured
cells of the time before are carried to the held-out time and compared with the cells measured there, embedded by the same frozen
encoder. Beside it: no change, the shift of the mean and linear optimal-transport interpolation (McCann) in the same latent, our
predictor without its steady-state prior, and the distance between two halves of the measured cells. Expression is compared as
change of the population mean of log1p counts per 10,000, where the truth does not pass through the model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mudata import MuData

from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.demo import DEMO_SETTINGS, bar
from virtualcell.evaluation.baselines import mccann, mean_shift, no_change
from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.intervals import Interval, bootstrap_interval, seed_interval
from virtualcell.evaluation.metrics import energy_distance, pearson_delta, wasserstein1
from virtualcell.evaluation.report import Claim, Row, emit, payload
from virtualcell.model import VirtualCell
from virtualcell.schema import Settings

OURS, ABLATED = "VirtualCell", "VirtualCell without steady-state prior"
COPIES = 1
KNOWN_RISING = {"a549": ("FKBP5", "PER1", "TSC22D3")}


def take(cells: MuData, rows: np.ndarray) -> MuData:
    """Those cells, as a MuData of their own."""
    return cells[np.flatnonzero(rows)].copy()


def pseudobulk(cells: MuData, genes: list[str]) -> np.ndarray:
    """log1p of the mean counts per 10,000 over the given genes, (genes,)."""
    adata = cells.mod["rna"]
    counts = counts_of(adata, modality="rna")[:, adata.var_names.get_indexer(genes)]
    share = counts.multiply(1e4 / np.maximum(np.asarray(counts.sum(1)), 1.0))
    return np.log1p(np.asarray(share.mean(0)).ravel())


def weighted_pseudobulk(model: VirtualCell, states: np.ndarray, log_weights: np.ndarray) -> np.ndarray:
    weight = np.exp(log_weights - log_weights.max())
    return np.log1p((model.decode(states) * weight[:, None]).sum(0) / weight.sum())


def one_seed(cells: MuData, key: str, held: float, settings: Settings, progress: Any = None) -> dict[str, Any]:
    """Fits without the cells of time ``held`` and measures every method at that time."""
    columns = DEMOS[key].columns
    time = cells.obs[columns.time].to_numpy(dtype=float)
    times = np.unique(time)
    at = int(np.searchsorted(times, held))
    before, after = times[at - 1], times[at + 1]
    u = (held - before) / (after - before)
    training = take(cells, time != held)
    arguments: dict[str, Any] = {
        "time": columns.time,
        "time_unit": columns.time_unit,
        "clones": columns.clones,
        "device": "cpu",
        "progress": progress,
    }
    model = VirtualCell(settings).fit(training, **arguments)
    genes = model.features()
    start_cells, true_cells, end_cells = (take(cells, time == t) for t in (before, held, after))
    start, true, end = (model.embed(c) for c in (start_cells, true_cells, end_cells))
    bulk_start, bulk_true, bulk_end = (pseudobulk(c, genes) for c in (start_cells, true_cells, end_cells))
    found: dict[str, dict[str, float]] = {}

    def measure(name: str, states: np.ndarray, bulk: np.ndarray, weights: np.ndarray | None = None) -> None:
        found[name] = {"W1": wasserstein1(states, true, weights), "energy distance": energy_distance(states, true, weights)}
        found[name]["RMSE of mean log expression"] = float(np.sqrt(((bulk - bulk_true) ** 2).mean()))
        if name != "no change":
            found[name]["Pearson of change"] = pearson_delta(bulk, bulk_true, bulk_start)

    measure("no change", no_change(start, end, u), bulk_start)
    measure("mean shift", mean_shift(start, end, u), bulk_start + u * (bulk_end - bulk_start))
    measure("linear transport (McCann)", mccann(start, end, u, settings.seed), bulk_start + u * (bulk_end - bulk_start))
    ablated = dataclasses.replace(settings, predictor=dataclasses.replace(settings.predictor, stationary_weight=0.0))
    without = VirtualCell(ablated).fit(training, **arguments)
    curves: dict[str, Any] = {}
    for name, m in ((OURS, model), (ABLATED, without)):
        # The two fits share the seed and so the encoder: their states are the same coordinates.
        path = m.predict(states=start, duration=held - before, copies=COPIES, frames=2, seed=settings.seed)
        weights = np.exp(path.log_weights[-1])
        change = weighted_pseudobulk(m, path.states[-1], path.log_weights[-1]) - weighted_pseudobulk(
            m, path.states[0], path.log_weights[0]
        )
        measure(name, path.states[-1], bulk_start + change, weights)
        if name == OURS:
            whole = m.predict(states=start, duration=after - before, frames=13, seed=settings.seed)
            curves = {
                "times": (before + whole.times).tolist(),
                "genes": {
                    g: np.log1p(
                        [
                            np.average(m.decode(s, features=[g])[:, 0], weights=np.exp(w))
                            for s, w in zip(whole.states, whole.log_weights, strict=True)
                        ]
                    ).tolist()
                    for g in KNOWN_RISING.get(key, ())
                },
            }
    rng_seed = settings.seed
    found["floor: two halves of the measured cells"] = {
        "W1": float(split_half(true, 5, rng_seed).mean()),
        "energy distance": float(split_half(true, 5, rng_seed, energy_distance).mean()),
    }
    # How far new cells would move the figures of ours and of no change: over cells, at this seed.
    moved = m_states(model, start, held - before, settings.seed)
    cells_interval = bootstrap_interval(lambda a, b: energy_distance(a, b), moved, true, n_resamples=100, seed=rng_seed)
    return {"figures": found, "curves": curves, "n_true": len(true), "energy_over_cells": cells_interval}


def m_states(model: VirtualCell, start: np.ndarray, duration: float, seed: int) -> np.ndarray:
    """End states of a prediction, resampled by their weights so that every state counts once."""
    path = model.predict(states=start, duration=duration, frames=2, seed=seed)
    weight = np.exp(path.log_weights[-1])
    pick = np.random.default_rng(seed).choice(len(weight), len(weight), p=weight / weight.sum())
    return path.states[-1][pick]


def run(
    key: str, seeds: Sequence[int], settings: Settings | None = None, held: float | None = None, progress: Any = None
) -> tuple[list[Row], list[Claim], dict[str, Any]]:
    """Rows, claims and predicted gene curves of a demo's held-out middle time point."""
    demo = DEMOS[key]
    cells = load_demo(key)
    times = np.unique(cells.obs[demo.columns.time].to_numpy(dtype=float))
    if len(times) < 3:
        raise SystemExit(f"{key} has {len(times)} time points: one can be held out only between two others.")
    held = float(times[len(times) // 2]) if held is None else held
    base = settings or DEMO_SETTINGS[key]
    results = [one_seed(cells, key, held, dataclasses.replace(base, seed=s), progress) for s in seeds]
    where = f"{key}, {held:g} {demo.columns.time_unit} held out"
    rows: list[Row] = []
    intervals: dict[tuple[str, str], Interval] = {}
    for method in results[0]["figures"]:
        for metric in results[0]["figures"][method]:
            values = [r["figures"][method][metric] for r in results]
            interval = (
                seed_interval(values)
                if len(values) > 1
                else Interval(values[0], values[0], values[0], 0.95, "one seed, no interval")
            )
            intervals[method, metric] = interval
            rows.append(Row.of(method, metric, interval, where=where, seeds=tuple(seeds), n_cells=results[0]["n_true"]))
    rows.append(
        Row.of(
            OURS,
            "energy distance over cells",
            results[0]["energy_over_cells"],
            where=where,
            seeds=(seeds[0],),
            n_cells=results[0]["n_true"],
        )
    )
    claims = [
        Claim(f"{metric} below {other} by more than seed noise", intervals[OURS, metric].high, "<", intervals[other, metric].low)
        for other in ("no change", "linear transport (McCann)")
        for metric in ("W1", "energy distance")
    ]
    for gene in KNOWN_RISING.get(key, ()):
        steps = [[c[len(c) // 3] - c[0], c[-1] - c[len(c) // 3]] for c in (r["curves"]["genes"][gene] for r in results)]
        claims.append(
            Claim(
                f"{gene} rises in the prediction, smallest step over seeds (log1p counts per 10,000)",
                float(np.min(steps)),
                ">",
                0.0,
            )
        )
    return rows, claims, {"curves": results[0]["curves"], "held": held}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", default="a549", choices=[k for k, d in DEMOS.items() if d.dynamics])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--out", type=Path, help="also write the JSON object to this file")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shown, progress = bar()
    with shown:
        rows, claims, extra = run(chosen.demo, chosen.seeds, progress=progress)
    if chosen.out:
        chosen.out.write_text(json.dumps(payload(rows, claims) | extra, indent=1) + "\n")
    emit(rows, claims, chosen.json)


if __name__ == "__main__":
    main()

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
from virtualcell.evaluation.intervals import half_sample_interval
from virtualcell.evaluation.metrics import energy_distance, pearson_delta, wasserstein1
from virtualcell.evaluation.report import Claim, Row, emit, payload
from virtualcell.model import VirtualCell
from virtualcell.schema import Settings

OURS, ABLATED = "VirtualCell", "VirtualCell without steady-state prior"
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
    # One half of the start cells makes the predictions, the other is what the measured change is taken from: noise that is shared
    # between the two would make every method look right.
    order = np.random.default_rng(settings.seed).permutation(len(start))
    here, there = np.sort(order[::2]), np.sort(order[1::2])
    bulk_here, bulk_there = (pseudobulk(start_cells[rows].copy(), genes) for rows in (here, there))
    true_change = pseudobulk(true_cells, genes) - bulk_there
    shift = u * (pseudobulk(end_cells, genes) - bulk_here)
    found: dict[str, dict[str, float]] = {}

    def measure(name: str, states: np.ndarray, change: np.ndarray | None, weights: np.ndarray | None = None) -> None:
        found[name] = {"W1": wasserstein1(states, true, weights), "energy distance": energy_distance(states, true, weights)}
        if change is not None:
            found[name]["RMSE of change"] = float(np.sqrt(((change - true_change) ** 2).mean()))
        if change is not None and change.any():
            found[name]["Pearson of change"] = pearson_delta(change, true_change, np.zeros_like(change))

    measure("no change", no_change(start, end, u), np.zeros(len(genes)))
    measure("mean shift", mean_shift(start, end, u), shift)
    # Its change of the mean is that of the mean shift.
    measure("linear transport (McCann)", mccann(start, end, u, settings.seed), None)
    ablated = dataclasses.replace(settings, predictor=dataclasses.replace(settings.predictor, stationary_weight=0.0))
    without = VirtualCell(ablated).fit(training, **arguments)
    curves: dict[str, Any] = {}
    for name, m in ((OURS, model), (ABLATED, without)):
        # The two fits share the seed and so the encoder: their states are the same coordinates.
        path = m.predict(states=start, duration=held - before, frames=2, seed=settings.seed)
        weights = np.exp(path.log_weights[-1])
        first, last = (weighted_pseudobulk(m, path.states[i][here], path.log_weights[i][here]) for i in (0, -1))
        measure(name, path.states[-1], last - first, weights)
        if name == OURS:
            packed = np.c_[path.states[-1], weights]
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
    found["floor: two halves of the measured cells"] = {
        "W1": float(split_half(true, 5, settings.seed).mean()),
        "energy distance": float(split_half(true, 5, settings.seed, energy_distance).mean()),
    }
    # How far new cells, not a new seed, would move our figure.
    over_cells = half_sample_interval(
        lambda a, b: energy_distance(a[:, :-1], b, a[:, -1]), packed, true, n_resamples=50, seed=settings.seed
    )
    return {"figures": found, "curves": curves, "n_true": len(true), "energy_over_cells": over_cells}


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
    for method in results[0]["figures"]:
        for metric in results[0]["figures"][method]:
            values = [r["figures"][method][metric] for r in results]
            rows.append(Row.over_seeds(method, metric, values, where=where, seeds=tuple(seeds), n_cells=results[0]["n_true"]))
    bounds = {(row.method, row.metric): (row.low, row.high) for row in rows if row.low is not None and row.high is not None}
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
        Claim(f"{metric} below {other} by more than seed noise", bounds[OURS, metric][1], "<", bounds[other, metric][0])
        for other in ("no change", "linear transport (McCann)")
        for metric in ("W1", "energy distance")
        if bounds  # one seed has no noise to compare with
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

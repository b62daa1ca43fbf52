"""Held-out time: every cell of one time point is kept from all training, and its population is predicted from the one before.

    python -m benchmarks.heldout_time --demo a549 --json

The whole model is fitted without the held-out cells (choice of genes, components, autoencoder and predictor); then the measured
cells of the time before are carried to the held-out time and compared with the cells measured there, embedded by the same frozen
encoder. Beside it, in the same latent: every simple rule, our flows between measured times (from both sides, all growths
pooled), our predictor without its steady-state prior, and the distance between two halves of the measured cells. W1 falls with
the number of cells predicted, so ours follows each start cell through as many futures as make no fewer than were measured.
Expression is compared as change of the population mean of log1p counts per 10,000, where the truth does not pass through the
model.

Then the last time is hidden too (``--no-extrapolate`` leaves this out): everything is fitted without its cells and predicts them
from the time before. How far beyond the last time no change was beaten on every seed is the horizon of the demo. "choice" is the
predictor that hiding the other inner times names for the gap (``virtualcell.evaluation.choice``, first seed).
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mudata import MuData

from benchmarks.arguments import parser, report
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.demo import DEMO_SETTINGS, bar
from virtualcell.evaluation.choice import choose
from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.horizon import Horizon, Step
from virtualcell.evaluation.intervals import half_sample_interval
from virtualcell.evaluation.metrics import energy_distance, mmd, pearson_delta, wasserstein1
from virtualcell.evaluation.report import Claim, Row
from virtualcell.evaluation.rules import BETWEEN_ONLY, rules
from virtualcell.model import VirtualCell
from virtualcell.predictor.population import Population, Snapshots
from virtualcell.schema import Settings, Trajectory
from virtualcell.training.both_sides import BothSides
from virtualcell.training.on_landscape import OnLandscape

OURS, ABLATED, FLOWS = "VirtualCell", "VirtualCell without steady-state prior", "VirtualCell flows"
FLOOR = "floor: two halves of the measured cells"
EQUAL = "W1, as many cells as measured"
HORIZON_SEEDS = (0, 1, 2)
KNOWN_RISING = {"a549": ("FKBP5", "PER1", "TSC22D3")}


def untreated(key: str) -> MuData:
    """The cells of a demo that no treatment moved, where it has one apart from time."""
    cells, columns = load_demo(key), DEMOS[key].columns
    return cells if columns.perturbation is None else take(cells, (cells.obs[columns.perturbation] == columns.control).to_numpy())


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


def forward(model: VirtualCell, start: np.ndarray, duration: float, n_true: int) -> Trajectory:
    """First and last frame of the start cells carried on, each through as many futures as make n_true or more."""
    copies = math.ceil(n_true / len(start))
    return model.predict(states=start, duration=duration, frames=2, copies=copies, seed=model.settings.seed)


def distances(predicted: Population, true: np.ndarray, seed: int) -> dict[str, float]:
    """Of a weighted population to the cells measured; W1 falls with more cells, so it stands there twice."""
    return {
        "W1": wasserstein1(predicted.states, true, predicted.weights),
        EQUAL: wasserstein1(predicted.even(len(true), seed), true),
        "energy distance": energy_distance(predicted.states, true, predicted.weights),
        "MMD": mmd(predicted.states, true, predicted.weights),
    }


def floor(true: np.ndarray, seed: int) -> dict[str, float]:
    """Between two halves of the measured cells, five times: nearer than that nothing can be told."""
    return {
        "W1": float(split_half(true, 5, seed).mean()),
        "energy distance": float(split_half(true, 5, seed, energy_distance).mean()),
    }


def of_change(change: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """How near a predicted change of expression (genes,) is to the measured one; no change has no direction to compare."""
    found = {"RMSE of change": float(np.sqrt(((change - measured) ** 2).mean()))}
    return found | ({"Pearson of change": pearson_delta(change, measured, np.zeros_like(change))} if change.any() else {})


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
    start, true = (model.embed(c) for c in (start_cells, true_cells))
    seen: Snapshots = {float(t): model.embed(take(cells, time == t)) for t in times if t != held}
    # One half of the start cells makes the predictions, the other is what the measured change is taken from: noise that is shared
    # between the two would make every method look right.
    order = np.random.default_rng(settings.seed).permutation(len(start))
    here, there = np.sort(order[::2]), np.sort(order[1::2])
    bulk_here, bulk_there = (pseudobulk(start_cells[rows].copy(), genes) for rows in (here, there))
    true_change = pseudobulk(true_cells, genes) - bulk_there
    shift = u * (pseudobulk(end_cells, genes) - bulk_here)
    found: dict[str, dict[str, float]] = {}

    def measure(name: str, predicted: Population, change: np.ndarray | None) -> None:
        found[name] = distances(predicted, true, settings.seed) | ({} if change is None else of_change(change, true_change))

    # The other rules and the flows have no genes of their own: they move states.
    changes = {"no change": np.zeros(len(genes)), "mean shift": shift}
    for predictor in [*rules(), BothSides(name=FLOWS)]:
        given = predictor.fit(seen, settings.seed).carry(seen[before], before, held, settings.seed)
        measure(predictor.name, given, changes.get(predictor.name))
    ablated = dataclasses.replace(settings, predictor=dataclasses.replace(settings.predictor, stationary_weight=0.0))
    without = VirtualCell(ablated).fit(training, **arguments)
    curves: dict[str, Any] = {}
    for name, m in ((OURS, model), (ABLATED, without)):
        # The two fits share the seed and so the encoder: their states are the same coordinates.
        path = forward(m, start, held - before, len(true))
        weights = np.exp(path.log_weights[-1])
        half = np.isin(path.start, here)
        first, last = (weighted_pseudobulk(m, path.states[i][half], path.log_weights[i][half]) for i in (0, -1))
        measure(name, Population.of(path.states[-1], weights), last - first)
        if name == OURS:
            # One future of each cell: several of one cell are not several cells.
            packed = np.c_[path.states[-1], weights][np.unique(path.start, return_index=True)[1]]
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
    found[FLOOR] = floor(true, settings.seed)
    # How far new cells, not a new seed, would move our figure.
    over_cells = half_sample_interval(
        lambda a, b: energy_distance(a[:, :-1], b, a[:, -1]), packed, true, n_resamples=50, seed=settings.seed
    )
    # Which of them a reader should have trusted for this gap, had the time never been measured: by the other times alone.
    candidates = [OnLandscape(settings.predictor, OURS), *rules(), BothSides(name=FLOWS)]
    choice = choose(candidates, seen, default=OURS, seeds=(settings.seed,))
    return {
        "figures": found,
        "curves": curves,
        "n_true": len(true),
        "energy_over_cells": over_cells,
        "choice": {"name": choice.name, "reason": choice.reason, "table": choice.table()},
    }


def beyond(cells: MuData, key: str, settings: Settings, progress: Any = None) -> tuple[dict[str, dict[str, float]], list[Step]]:
    """Method -> metric -> value at the last time, predicted from the one before without a look at it, and the steps of ours."""
    columns = DEMOS[key].columns
    time = cells.obs[columns.time].to_numpy(dtype=float)
    *earlier, last, hidden = (float(t) for t in np.unique(time))
    model = VirtualCell(settings).fit(
        take(cells, time != hidden),
        time=columns.time,
        time_unit=columns.time_unit,
        clones=columns.clones,
        device="cpu",
        progress=progress,
    )
    seen: Snapshots = {t: model.embed(take(cells, time == t)) for t in (*earlier, last)}
    start, true, seed = seen[last], model.embed(take(cells, time == hidden)), settings.seed
    path = forward(model, start, hidden - last, len(true))
    given = {OURS: Population.of(path.states[-1], np.exp(path.log_weights[-1]))}
    for predictor in [*rules(), BothSides(name=FLOWS)]:
        if predictor.name not in BETWEEN_ONLY:
            given[predictor.name] = predictor.fit(seen, seed).carry(start, last, hidden, seed)
    found = {name: distances(population, true, seed) for name, population in given.items()}
    found[FLOOR] = floor(true, seed)
    return found, [Step.of(name, last, hidden, seed, given[name], start, true) for name in (OURS, FLOWS)]


def extrapolate(
    key: str, seeds: Sequence[int] = HORIZON_SEEDS, settings: Settings | None = None, progress: Any = None
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the last time, hidden, and the horizons of our two predictors: "horizon" (what pages draw), "horizon_flows"."""
    demo, cells = DEMOS[key], untreated(key)
    unit = demo.columns.time_unit
    base = (settings or DEMO_SETTINGS[key]).plain()
    results = [beyond(cells, key, dataclasses.replace(base, seed=seed), progress) for seed in seeds]
    steps = [step for _, of_seed in results for step in of_seed]
    where = f"{key}, {steps[0].time:g} {unit} held out, beyond the last time"
    n_true = int((cells.obs[demo.columns.time].to_numpy(dtype=float) == steps[0].time).sum())
    rows = [
        Row.over_seeds(
            method, metric, [found[method][metric] for found, _ in results], where=where, seeds=tuple(seeds), n_cells=n_true
        )
        for method, metrics in results[0][0].items()
        for metric in metrics
    ]
    of = {name: Horizon.of([step for step in steps if step.method == name], unit).to_dict() for name in (OURS, FLOWS)}
    return rows, {"horizon": of[OURS], "horizon_flows": of[FLOWS]}


def run(
    key: str, seeds: Sequence[int], settings: Settings | None = None, held: float | None = None, progress: Any = None
) -> tuple[list[Row], list[Claim], dict[str, Any]]:
    """Rows, claims and predicted gene curves of a demo's held-out middle time point."""
    demo = DEMOS[key]
    cells = untreated(key)
    times = np.unique(cells.obs[demo.columns.time].to_numpy(dtype=float))
    if len(times) < 3:
        raise SystemExit(f"{key} has {len(times)} time points: one can be held out only between two others.")
    held = float(times[len(times) // 2]) if held is None else held
    base = (settings or DEMO_SETTINGS[key]).plain()
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
    return rows, claims, {"curves": results[0]["curves"], "held": held, "choice": results[0]["choice"]}


def main(arguments: Sequence[str] | None = None) -> None:
    known = parser("heldout_time", __doc__)
    known.add_argument("--demo", default="a549", choices=[k for k, d in DEMOS.items() if d.dynamics])
    known.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    known.add_argument(
        "--extrapolate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help=f"also hide the last time, for the horizon (seeds {', '.join(map(str, HORIZON_SEEDS))})",
    )
    chosen = known.parse_args(arguments)
    torch.set_num_threads(1)
    shown, progress = bar()
    with shown:
        rows, claims, extra = run(chosen.demo, chosen.seeds, progress=progress)
        if chosen.extrapolate:
            more, horizons = extrapolate(chosen.demo, progress=progress)
            rows, extra = [*rows, *more], extra | horizons
    report(chosen, rows, claims, extra)


if __name__ == "__main__":
    main()

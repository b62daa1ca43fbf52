"""Held-out time: every cell of one time point is kept from all training, and its population is predicted from the one before.

    python -m benchmarks.heldout_time --demo a549 --json

What is compared with what: ``virtualcell.evaluation.heldout_time``.

Then the last time is hidden too (``--no-extrapolate`` leaves this out): everything is fitted without its cells and predicts them
from the time before. How far beyond the last time no change was beaten on every seed is the horizon of the demo. "choice" is the
predictor that hiding the other inner times names for the gap (``virtualcell.evaluation.choice``, first seed).
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mudata import MuData

from benchmarks.arguments import parser, report
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.demo import DEMO_SETTINGS, bar
from virtualcell.evaluation import heldout_time
from virtualcell.evaluation.heldout_time import (
    EQUAL,
    FLOOR,
    FLOWS,
    OURS,
    OVER_CELLS,
    HeldOut,
    distances,
    floor,
    forward,
    hold_out,
    pseudobulk,
    rows_of,
    take,
)
from virtualcell.evaluation.horizon import Horizon, Step
from virtualcell.evaluation.report import Claim, Row
from virtualcell.evaluation.rules import BETWEEN_ONLY, rules
from virtualcell.model import VirtualCell
from virtualcell.predictor.population import Population, Snapshots
from virtualcell.schema import Settings
from virtualcell.training.both_sides import BothSides

__all__ = ["EQUAL", "FLOWS", "OURS", "extrapolate", "forward", "one_seed", "pseudobulk", "run", "untreated"]

HORIZON_SEEDS = (0, 1, 2)
KNOWN_RISING = {"a549": ("FKBP5", "PER1", "TSC22D3")}


def untreated(key: str) -> MuData:
    """The cells of a demo that no treatment moved, where it has one apart from time."""
    return heldout_time.untreated(load_demo(key), DEMOS[key].columns)


def one_seed(cells: MuData, key: str, held: float, settings: Settings, progress: Any = None) -> HeldOut:
    """Fits without the cells of time ``held`` and measures every method at that time."""
    c = DEMOS[key].columns

    def fit(training: MuData, chosen: Settings) -> VirtualCell:
        return VirtualCell(chosen).fit(
            training, time=c.time, time_unit=c.time_unit, clones=c.clones, device="cpu", progress=progress
        )

    return hold_out(cells, dataclasses.replace(settings, columns=c), held, fit, genes=KNOWN_RISING.get(key, ()))


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
    rows = rows_of(results, seeds, where)
    bounds = {
        (row.method, row.metric): (row.low, row.high)
        for row in rows
        if row.low is not None and row.high is not None and row.metric != OVER_CELLS
    }
    claims = [
        Claim(f"{metric} below {other} by more than seed noise", bounds[OURS, metric][1], "<", bounds[other, metric][0])
        for other in ("no change", "linear transport (McCann)")
        for metric in ("W1", "energy distance")
        if bounds  # one seed has no noise to compare with
    ]
    for gene in KNOWN_RISING.get(key, ()):
        steps = [[c[len(c) // 3] - c[0], c[-1] - c[len(c) // 3]] for c in (r.curves["genes"][gene] for r in results)]
        claims.append(
            Claim(
                f"{gene} rises in the prediction, smallest step over seeds (log1p counts per 10,000)",
                float(np.min(steps)),
                ">",
                0.0,
            )
        )
    return rows, claims, {"curves": results[0].curves, "held": held, "choice": results[0].choice}


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

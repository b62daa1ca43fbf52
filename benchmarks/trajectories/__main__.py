"""Populations at times that were left out, predicted from the others: every rule, every learned predictor, the same judge.

    python -m benchmarks.trajectories --json

Protocol of torchcfm's runner (Tong et al. 2024): embryoid body cells, one of times 1, 2, 3 left out of all fitting, the measured
cells of the time before carried to it, exact 1-Wasserstein distance to all cells measured there. Beside it the unbiased energy
distance and MMD; the floor (two halves of the measured cells); skill, the share of the way from McCann's interpolation to the
floor; extrapolation to the last time; a rollout from the first time; the same with 30 pilot cells of the time left out, scored on
the other cells; the same with the scaling fitted without the time left out.

Ours pools flows from hardly any growth to nearly free growth, because snapshots do not tell which it was, and carries both
measured neighbours to the time left out; nothing is chosen by time or space. Its grid of strengths, its half curve and its
smoothing, both sides, and what calibration weighs, were set with held-out scores of the 5 PCs in view. 10 and 50 PCs are other
coordinates of the same cells; A549 and LARRY (genes chosen by their sources from all cells; two times left, so no curve) test
pooling and both sides alone. What each strength gives alone, forward, stands beside it. "Chosen on hidden training times" is the
predictor that ``virtualcell.evaluation.choice`` names for each gap without its cells. Where torchcfm is installed (pip install
--no-deps torchcfm) its own I-CFM and OT-CFM run in the same call.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.arguments import parser, report
from benchmarks.trajectories.data import COMPONENTS, HELD, LAST, LATENTS, SIMULATED, components, populations
from benchmarks.trajectories.torchcfm_peers import peers
from benchmarks.trajectories.where_next import where_next
from virtualcell.demo import bar
from virtualcell.evaluation.choice import Choice, choose
from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.horizon import Horizon, last_times
from virtualcell.evaluation.metrics import energy_distance, mmd, wasserstein1
from virtualcell.evaluation.report import Claim, Row
from virtualcell.evaluation.rules import BETWEEN_ONLY, Rule, rules
from virtualcell.predictor.population import Population, Predictor, mixture
from virtualcell.training.both_sides import BothSides, SomeGrowth
from virtualcell.training.ensemble import STRENGTHS, FlowMatching, blurred, calibrate

PILOT, PILOT_DRAWS = 30, 5
LEAK_FREE_SEEDS = 2
NEXT_SPACE, NEXT_SEEDS = "EB, 5 PCs", 3
DRAWS = 2
EQUAL = "W1, as many cells as measured"
SPREAD = "total variance, share of the measured"
OURS, CALIBRATED = "VirtualCell flows", "VirtualCell flows, 30 pilot cells"
FORWARD = "VirtualCell flows, forward only"
CHOSEN = "VirtualCell, chosen on hidden training times"
GAIN = f"share of the energy distance of {OURS} that is taken away at hidden training times"
BLURRED, RAW = "30 pilot cells alone, blurred", "30 pilot cells alone, as they are"
LEAK_FREE = "VirtualCell flows, scaled without the time"
FLOOR = "floor: two halves of the measured cells"
MCCANN = "linear transport (McCann)"
METRICS = {"W1": wasserstein1, "energy distance": energy_distance, "MMD": mmd}

Found = dict[str, dict[str, dict[tuple[float, int], float]]]
"""Method -> metric -> (time left out, seed) -> value."""


def ours() -> list[Predictor]:
    """Ours, and what else it could have been: pools of little, middling and much growth out of the same fit."""
    flows = BothSides(name=OURS)
    return [
        flows,
        SomeGrowth(flows, STRENGTHS[:2], f"{OURS}, little growth"),
        SomeGrowth(flows, STRENGTHS[1:4], f"{OURS}, middling growth"),
        SomeGrowth(flows, STRENGTHS[3:], f"{OURS}, much growth"),
    ]


def others() -> list[FlowMatching]:
    """The flow matching of the field, with its paths and noise; five of one kind show what pooling alone gives."""
    return [
        FlowMatching("independent", name="I-CFM", curvature=0.0, smoothing=0.1, steps=1500),
        FlowMatching("exact", name="OT-CFM, one plan an interval", curvature=0.0, smoothing=0.1, steps=1500),
        FlowMatching("exact", name="OT-CFM, five pooled", members=5, curvature=0.0, smoothing=0.1, steps=1500),
    ]


@dataclass
class Collected:
    """What a run gathers: every figure, and every choice with its evidence by (time left out, seed)."""

    found: Found = field(default_factory=dict)
    choices: dict[tuple[float, int], Choice] = field(default_factory=dict)


def note(found: Found, method: str, at: tuple[float, int], predicted: Population, true: np.ndarray) -> None:
    values = {metric: float(distance(predicted.states, true, predicted.weights)) for metric, distance in METRICS.items()}
    # W1 falls with more cells, so a method that gives many, or weighted ones, is also judged by as many as were measured.
    values[EQUAL] = values["W1"]
    if len(predicted.states) != len(true) or np.ptp(predicted.weights) > 1e-12:
        values[EQUAL] = float(np.mean([wasserstein1(predicted.even(len(true), draw), true) for draw in range(DRAWS)]))
    about = ((predicted.states - predicted.mean) ** 2).sum(1)
    values[SPREAD] = float(predicted.weights @ about / true.var(0).sum())
    for metric, value in values.items():
        found.setdefault(method, {}).setdefault(metric, {})[at] = value


def leave_out(space: str, held: float, seed: int, run: Collected) -> None:
    """Every method at one time left out. In given components, rules that draw nothing are run at the first seed alone; a latent
    is another one at every seed."""
    found = run.found
    cells = populations(space, held, seed)
    seen = {t: x for t, x in cells.items() if t != held}
    before, at = max(t for t in seen if t < held), (held, seed)
    beyond = held > max(seen)
    mine = ours()
    candidates: list[Predictor] = [*rules(), *mine]
    given: dict[str, Population] = {}
    for predictor in [*candidates, *others(), *peers()]:
        if beyond and predictor.name in BETWEEN_ONLY:
            continue
        given[predictor.name] = predictor.fit(seen, seed).carry(cells[before], before, held, seed)
        again = seed > 0 and space in COMPONENTS and isinstance(predictor, Rule)
        if not again:
            note(found, predictor.name, at, given[predictor.name], cells[held])
        if isinstance(predictor, FlowMatching) and not beyond and min(seen) < before:
            whole = predictor.carry(cells[min(seen)], min(seen), held, seed)
            rolled = wasserstein1(whole.states, cells[held], whole.weights)
            found[predictor.name].setdefault("W1, rolled out from the first time", {})[at] = rolled
    flows = next(predictor for predictor in mine if isinstance(predictor, BothSides))
    members = flows.members(cells[before], before, [held])[0]
    for strength, member in zip(flows.plan, members, strict=True):
        note(found, f"one flow, growth at {strength:g}", at, member, cells[held])
    if beyond:
        return
    note(found, FORWARD, at, mixture(members), cells[held])
    pilots(flows, cells, held, seed, found)
    # Last, as it fits all candidates anew without each hidden time.
    choice = run.choices[at] = choose(candidates, seen, default=OURS, seeds=(seed,))
    note(found, CHOSEN, at, given[choice.name], cells[held])
    for metric, distance in METRICS.items():
        halves = split_half(cells[held], 10, seed, distance).mean()
        found.setdefault(FLOOR, {}).setdefault(metric, {})[at] = float(halves)


def pilots(predictor: FlowMatching, cells: dict[float, np.ndarray], held: float, seed: int, found: Found) -> None:
    """Calibrated on 30 cells, judged on the others; the mean of five draws of the 30."""
    values: dict[tuple[str, str], list[float]] = {}
    before = max(t for t in cells if t < held)
    for draw in range(PILOT_DRAWS):
        order = np.random.default_rng((seed, draw)).permutation(len(cells[held]))
        pilot, rest = cells[held][order[:PILOT]], cells[held][order[PILOT:]]
        given, _ = calibrate(predictor, pilot, cells[before], before, held, seed=seed)
        for method, population in ((CALIBRATED, given), (BLURRED, blurred(pilot, seed)), (RAW, None)):
            drawn = pilot if population is None else population.draw(len(rest), seed)
            for metric, distance in METRICS.items():
                values.setdefault((method, metric), []).append(float(distance(drawn, rest)))
    for (method, metric), of_draws in values.items():
        found.setdefault(method, {}).setdefault(metric, {})[held, seed] = float(np.mean(of_draws))


def leak_free(space: str, held: float, seed: int, found: Found) -> None:
    """Ours with components scaled without the time left out; distances in the protocol's scaling."""
    cells, own = components(space), components(space, held)
    a, b = cells[0.0], own[0.0]
    slope = a.std(0) / b.std(0)
    back = a.mean(0) - slope * b.mean(0)
    predictor = BothSides(name=LEAK_FREE).fit({t: x for t, x in own.items() if t != held}, seed)
    given = predictor.carry(own[held - 1], held - 1, held, seed)
    note(found, LEAK_FREE, (held, seed), Population.of(slope * given.states + back, given.weights), cells[held])


def rows_of(space: str, found: Found) -> list[Row]:
    """One row a method and metric, mean over the times left out, with an interval over seeds where anything was drawn."""
    rows = []
    parts = {"interpolation": HELD[space]}
    if len(HELD[space]) > 1:
        parts |= {f"t = {t:g}": (t,) for t in HELD[space]}
    if space in LAST:
        parts[f"extrapolation to t = {LAST[space]:g}"] = (LAST[space],)
    for method, metrics in found.items():
        for metric, values in metrics.items():
            for name, times in parts.items():
                if all((t, 0) in values for t in times):
                    by_seed = means(found, method, metric, times)
                    seeds = tuple(range(len(by_seed)))
                    rows.append(Row.over_seeds(method, metric, by_seed, where=f"{space}, {name}", seeds=seeds))
        if "W1" in metrics and all((t, 0) in metrics["W1"] for t in HELD[space]):
            skills = skill(space, found, method)
            where, seeds = f"{space}, interpolation", tuple(range(len(skills)))
            rows.append(Row.over_seeds(method, "skill", skills, where=where, seeds=seeds))
    return rows


def means(found: Found, method: str, metric: str, times: Sequence[float]) -> list[float]:
    """Mean over times, one value a seed."""
    values = found[method][metric]
    seeds = sorted({seed for t, seed in values if t in times})
    return [float(np.mean([values[t, seed] for t in times])) for seed in seeds]


def beside(space: str, found: Found, method: str, other: str, metric: str = "W1") -> list[tuple[float, float]]:
    """(method, other) of each seed; what was run once stands beside every seed."""
    ours, theirs = (means(found, name, metric, HELD[space]) for name in (method, other))
    return [(value, theirs[min(i, len(theirs) - 1)]) for i, value in enumerate(ours)]


def skill(space: str, found: Found, method: str) -> list[float]:
    """Share of the way from McCann's W1 to the floor of halves (optimistic: that floor is too high), one value a seed."""
    ours = beside(space, found, method, MCCANN)
    floors = means(found, FLOOR, "W1", HELD[space])
    return [(mccann - value) / (mccann - floors[min(i, len(floors) - 1)]) for i, (value, mccann) in enumerate(ours)]


def choices_of(space: str, choices: dict[tuple[float, int], Choice]) -> list[Row]:
    """What each choice rested on: a row a candidate and time left out, and how often it was chosen."""
    rows = []
    for held in sorted({t for t, _ in choices}):
        seeds = tuple(sorted(seed for t, seed in choices if t == held))
        tables = [choices[held, seed].table() for seed in seeds]
        for name in [row["candidate"] for row in tables[0]]:
            mine = [next(row for row in table if row["candidate"] == name) for table in tables]
            where = f"{space}, {held:g} left out, hidden: {', '.join(f'{t:g}' for t in mine[0]['times'])}"
            rows.append(Row.over_seeds(name, GAIN, [row["gain"] for row in mine], where=where, seeds=seeds))
            rows.append(Row(name, "share of seeds that chose it", sum(row["chosen"] for row in mine) / len(mine), where=where))
    return rows


def horizon_of(space: str) -> Row:
    """How far beyond the last time ours has beaten no change wherever the last times were hidden, three seeds."""
    steps = last_times(BothSides(name=OURS), components(space))
    seeds = tuple(sorted({step.seed for step in steps}))
    reached = Horizon.of(steps, "times").beyond_last
    return Row(OURS, "horizon beyond the last time", reached, where=f"{space}, the last times hidden", seeds=seeds)


def claims_of(space: str, found: Found) -> list[Claim]:
    ours, pilot = (
        {metric: float(np.mean(means(found, method, metric, HELD[space]))) for metric in METRICS} for method in (OURS, CALIBRATED)
    )
    claims = []
    if space == "EB, 5 PCs":
        claims += [
            Claim(f"{space}: W1, mean of times and seeds", ours["W1"], "<=", 0.85),
            Claim(
                f"{space}: {EQUAL}, mean of times and seeds", float(np.mean(means(found, OURS, EQUAL, HELD[space]))), "<=", 0.85
            ),
            Claim(f"{space}: energy distance, mean of times and seeds", ours["energy distance"], "<=", 0.125),
            Claim(f"{space}: W1 with 30 pilot cells", pilot["W1"], "<=", 0.76),
            Claim(f"{space}: energy distance with 30 pilot cells", pilot["energy distance"], "<=", 0.065),
        ]
    for metric in ("W1", EQUAL, "energy distance"):
        differences = [value - other for value, other in beside(space, found, OURS, MCCANN, metric)]
        upper = Row.over_seeds(OURS, metric, differences).high
        if upper is not None:
            name = f"{space}: {metric} minus McCann's, upper end of the interval over training seeds (same cells and times)"
            claims.append(Claim(name, upper, "<", 0.0))
    return claims


def main(arguments: Sequence[str] | None = None) -> None:
    spaces = [*COMPONENTS, *LATENTS, *SIMULATED]
    known = parser("trajectories", __doc__)
    known.add_argument("--spaces", nargs="+", default=spaces, choices=spaces)
    known.add_argument("--seeds", type=int, default=5, help="how many")
    chosen = known.parse_args(arguments)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    rows: list[Row] = []
    claims: list[Claim] = []
    shown, progress = bar()
    with shown:
        for space in chosen.spaces:
            run = Collected()
            times = [*HELD[space], *([LAST[space]] if space in LAST else [])]
            for seed in range(chosen.seeds):
                for i, held in enumerate(times):
                    leave_out(space, held, seed, run)
                    if space == "EB, 5 PCs" and held in HELD[space] and seed < LEAK_FREE_SEEDS:
                        leak_free(space, held, seed, run.found)
                    progress(space, seed * len(times) + i + 1, chosen.seeds * len(times), {"time left out": held})
            rows += [*rows_of(space, run.found), *choices_of(space, run.choices)]
            claims += claims_of(space, run.found)
            if space == NEXT_SPACE:
                rows += [*where_next(space, range(min(chosen.seeds, NEXT_SEEDS))), horizon_of(space)]
    report(chosen, rows, claims)


if __name__ == "__main__":
    main()

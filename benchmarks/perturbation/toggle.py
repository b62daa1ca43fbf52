"""A switch of two genes under a push whose critical size is known: learned from cells that were pushed less."""

from __future__ import annotations

import dataclasses

import numpy as np

from benchmarks.landscape.__main__ import SETTINGS
from benchmarks.perturbation.kang import Progress
from virtualcell.data.known.system import KnownSystem
from virtualcell.data.known_systems import KNOWN_SYSTEMS
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.release import critical_dose, push_and_release
from virtualcell.training.refits import fit_dynamics

PUSH = np.array([0.0, 1.0])
"""Makes the second gene, which is off."""

MEASURED = 0.15
"""Size of the push that was measured: less than half of the critical one."""

CELLS, NEAR, FIRST_SEED = 1000, 0.3, 70
CONTROL, PUSHED, OURS = "control", "inducer", "VirtualCell"


def true_critical(system: KnownSystem, halvings: int = 30) -> float:
    """The least size of the push for the measured period after which the noiseless cell does not come back in as long."""

    def carried(z: np.ndarray, force: np.ndarray) -> np.ndarray:
        for _ in range(round(system.span / system.step)):
            z = z + system.step * (system.drift(z[None])[0] + force)
        return z

    low, high = 0.0, 4.0
    for _ in range(halvings):
        middle = (low + high) / 2
        end = carried(carried(system.places[0], middle * PUSH), np.zeros(2))
        back = np.linalg.norm(end - system.places[0]) < NEAR
        low, high = (middle, high) if back else (low, middle)
    return high


def simulated(system: KnownSystem, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, times in spans and treatments of untreated and of pushed cells, other cells at every time."""
    pushed = dataclasses.replace(system, drift=lambda xy: system.drift(xy) + MEASURED * PUSH)
    free, forced = system.snapshots(seed, CELLS), pushed.snapshots(seed + 1000, CELLS)
    later = forced.time > 0  # at the start none of them was pushed
    names = np.repeat([CONTROL, PUSHED], [len(free.xy), later.sum()])
    return np.concatenate([free.xy, forced.xy[later]]), np.concatenate([free.spans, forced.spans[later]]), names


def one(system: KnownSystem, seed: int, critical: float) -> dict[str, float]:
    """What the fit says of the critical push, as a share of the true one, and of pushes on both sides of it."""
    xy, time, names = simulated(system, seed)
    found = fit_dynamics(
        xy.astype(np.float32),
        dataclasses.replace(SETTINGS, refits=0, turning=False),
        time=time,
        treatment=names,
        control=CONTROL,
        seed=seed,
        diffusion=system.diffusion * system.span,
        diffusion_known=True,
        growth="none",
    ).dynamics
    start = system.places[0].astype(np.float32)
    dose = critical_dose(found, start, PUSHED, near=NEAR)
    sides = {}
    for share in (0.8, 1.2):
        end = push_and_release(found, start[None], PUSHED, dose=share * critical / MEASURED, near=NEAR)
        sides[share] = float(end.back[0])
    force = found.forces.detach().numpy()[0] / system.span
    return {
        "critical push, error in %": 100 * abs((np.inf if dose is None else dose * MEASURED) / critical - 1),
        "critical push over the true one": (np.inf if dose is None else dose * MEASURED) / critical,
        "rolls back from 0.8 of the true critical push": sides[0.8],
        "rolls back from 1.2 of it": sides[1.2],
        "measured push over the true one": float(force @ PUSH / MEASURED),
    }


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Data seeds from 70 on, as ``benchmarks.landscape``."""
    system = KNOWN_SYSTEMS["toggle switch"]
    critical = true_critical(system)
    found = []
    used = [FIRST_SEED + seed for seed in seeds]
    for i, seed in enumerate(used):
        found.append(one(system, seed, critical))
        progress("toggle switch", i + 1, len(used), {})
    where = "toggle switch, simulated"
    rows = [
        Row.over_seeds(OURS, metric, [figures[metric] for figures in found], where=where, seeds=tuple(used))
        for metric in found[0]
        if all(np.isfinite(figures[metric]) for figures in found)
    ]
    rows.append(Row("truth", "critical push", critical, where=where))
    worst = max(figures["critical push, error in %"] for figures in found)
    claims = [
        Claim("toggle switch: critical push, error in %, worst seed", min(worst, 1e6), "<=", 20.0),
        Claim(
            "toggle switch: seeds in which it rolls back from 0.8 of the critical push",
            sum(figures["rolls back from 0.8 of the true critical push"] for figures in found) / len(found),
            ">=",
            1.0,
        ),
    ]
    return rows, claims

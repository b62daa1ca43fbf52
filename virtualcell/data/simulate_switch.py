"""Simulated cells of a switch of two genes, without and with an inducer, so that a push over the hill has a known answer."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from mudata import MuData
from scipy.integrate import solve_ivp

from virtualcell.data.known.system import KnownSystem, Snapshots
from virtualcell.data.known.toggle_switch import TOGGLE_SWITCH
from virtualcell.data.simulate import DECODER_SEED, INVERSE_DISPERSION, N_GENES, N_MARKERS, draw_counts, named, simulated_cells

PUSH = np.array([0.0, 1.0])
"""The inducer makes the second gene, which is off at the start."""

MEASURED = 0.15
"""Size of the push that is measured: less than half of the one that it takes."""

CONTROL, PUSHED = "control", "inducer"
FIRST = next(iter(TOGGLE_SWITCH.attractors))
"""Where cells start, and where the inducer leads away from."""

NEAR = 0.3
"""Within so much of where it was, a cell is back."""


def pushed_by(force: float) -> KnownSystem:
    """The switch while so much of the inducer is there."""
    return dataclasses.replace(TOGGLE_SWITCH, drift=lambda xy: TOGGLE_SWITCH.drift(xy) + force * PUSH)


def true_critical(duration: float | None = None, rest: float | None = None, halvings: int = 30) -> float:
    """The least size of the push for ``duration`` after which the noiseless cell does not come back in ``rest`` without it; both
    the measured period by default. Infinite where the largest tried, 8, is not enough."""
    start = TOGGLE_SWITCH.places[0]
    lasting, after = (TOGGLE_SWITCH.span if time is None else time for time in (duration, rest))
    if not (lasting > 0 and after > 0):
        raise ValueError(f"A push of {lasting} and a rest of {after}: both take some time.")

    def carried(z: np.ndarray, force: float, time: float) -> np.ndarray:
        drift = pushed_by(force).drift
        return solve_ivp(lambda _, at: drift(at[None])[0], (0.0, time), z, method="LSODA", rtol=1e-8, atol=1e-10).y[:, -1]

    def back(force: float) -> bool:
        end = carried(carried(start, force, lasting), 0.0, after)
        return bool(np.linalg.norm(end - start) < NEAR)

    low, high = 0.0, 8.0
    if back(high):
        return np.inf
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (middle, high) if back(middle) else (low, middle)
    return high


def mean_expression(xy: np.ndarray) -> np.ndarray:
    """Share of each gene in a cell's molecules at places (n, 2): (n, 300), rows add up to 1.

    Logarithms are linear in the two genes of the switch: FIRST1 to FIRST5 follow the first, SECOND1 to SECOND5 the second, six in
    ten of the others both.
    """
    rng = np.random.default_rng(DECODER_SEED)
    slope = rng.normal(scale=0.5, size=(2, N_GENES)) * (rng.random(N_GENES) < 0.6)
    slope[:, : 2 * N_MARKERS] = np.repeat(1.2 * np.eye(2), N_MARKERS, axis=1)
    logits = rng.normal(size=N_GENES) + (xy - TOGGLE_SWITCH.places.mean(0)) @ slope
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    return share / share.sum(axis=1, keepdims=True)


def screened(seed: int, n: int) -> tuple[Snapshots, Snapshots]:
    """n untreated cells at each time, and as many that the inducer pushes, other cells each time."""
    return TOGGLE_SWITCH.snapshots(seed, n), pushed_by(MEASURED).snapshots(seed + 1000, n)


def simulate_switch(seed: int = 0, n_per_time: int = 250) -> MuData:
    """Counts of 300 invented genes in cells of the toggle switch, untreated and, later than the start, under an inducer.

    ``obs``: ``time`` (number), ``treatment`` ("control", "inducer"), ``state`` (name of the nearest attractor).
    ``obsm["true_latent"]``: places (cells, 2). ``uns["simulated"]`` is True; ``uns["switch"]``: the parameters and the least push
    for one measured period that keeps a cell away.
    """
    rng = np.random.default_rng(seed)
    free, forced = screened(seed, n_per_time)
    later = forced.time > 0
    places = np.concatenate([free.xy, forced.xy[later]])
    obs = pd.DataFrame(
        {
            "time": np.concatenate([free.time, forced.time[later]]),
            "treatment": pd.Categorical(np.repeat([CONTROL, PUSHED], [len(free.xy), int(later.sum())])),
            "state": pd.Categorical(np.concatenate([free.state, forced.state[later]])),
        }
    )
    mdata = simulated_cells(draw_counts(mean_expression(places), rng), named("FIRST", "SECOND"), obs, places)
    mdata.uns["switch"] = {
        "seed": seed,
        "diffusion": TOGGLE_SWITCH.diffusion,
        "push": MEASURED,
        "critical_push": true_critical(),
        "inverse_dispersion": INVERSE_DISPERSION,
    }
    return mdata


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the simulated switch to a .h5mu file.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", type=int, default=250, help="cells at each time of each treatment")
    arguments = parser.parse_args()
    simulate_switch(seed=arguments.seed, n_per_time=arguments.cells).write_h5mu(arguments.out, compression="gzip")


if __name__ == "__main__":
    main()

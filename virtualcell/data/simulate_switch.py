"""Simulated cells of a switch of two genes, without and with an inducer, so that a push over the hill has a known answer."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

from virtualcell.data.known.system import KnownSystem, Snapshots
from virtualcell.data.known.toggle_switch import TOGGLE_SWITCH
from virtualcell.data.simulate import INVERSE_DISPERSION, draw_counts, expression, named
from virtualcell.schema import MEASURED_KEY

PUSH = np.array([0.0, 1.0])
"""The inducer makes the second gene, which is off at the start."""

MEASURED = 0.15
"""Size of the push that is measured: less than half of the one that it takes."""

CONTROL, PUSHED = "control", "inducer"
NEAR = 0.3
"""Within so much of where it was, a cell is back."""


def pushed_by(force: float) -> KnownSystem:
    """The switch while so much of the inducer is there."""
    return dataclasses.replace(TOGGLE_SWITCH, drift=lambda xy: TOGGLE_SWITCH.drift(xy) + force * PUSH)


def true_critical(duration: float | None = None, halvings: int = 30) -> float:
    """The least size of the push for ``duration`` (default: the measured period) after which the noiseless cell does not come
    back in a measured period without it."""
    system = TOGGLE_SWITCH

    def carried(z: np.ndarray, force: float, time: float) -> np.ndarray:
        for _ in range(round(time / system.step)):
            z = z + system.step * (system.drift(z[None])[0] + force * PUSH)
        return z

    low, high = 0.0, 4.0
    for _ in range(halvings):
        middle = (low + high) / 2
        end = carried(carried(system.places[0], middle, duration or system.span), 0.0, system.span)
        back = np.linalg.norm(end - system.places[0]) < NEAR
        low, high = (middle, high) if back else (low, middle)
    return high


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
    centres = np.stack(np.meshgrid(np.linspace(-0.6, 2.8, 5), np.linspace(-0.6, 2.8, 5)), axis=-1).reshape(-1, 2)
    cells = [f"simulated-{i:05d}" for i in range(len(places))]
    obs = pd.DataFrame(
        {
            "time": np.concatenate([free.time, forced.time[later]]),
            "treatment": np.repeat([CONTROL, PUSHED], [len(free.xy), int(later.sum())]),
            "state": np.concatenate([free.state, forced.state[later]]),
        },
        index=cells,
    )
    counts = draw_counts(expression(places, centres, TOGGLE_SWITCH.places), rng)
    rna = AnnData(counts, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=named("FIRST", "SECOND")))
    mdata = MuData({"rna": rna})
    mdata.obs = obs.astype({"treatment": "category", "state": "category"})
    mdata.obsm["true_latent"] = places
    mdata.obsm[MEASURED_KEY] = np.ones((len(places), 1), dtype=bool)
    mdata.uns["simulated"] = True
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

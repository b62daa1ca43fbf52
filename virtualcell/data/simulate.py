"""Simulated cells on the landscape of three wells, so that what a model finds can be compared with what was put in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.data.three_wells import (
    CENTRES,
    CONFINEMENT,
    DEPTHS,
    DIFFUSION,
    NAMES,
    WIDTHS,
    gradient,
    hessian,
    potential,
    wells,
)
from virtualcell.schema import MEASURED_KEY

__all__ = ["euler_maruyama", "gradient", "mean_expression", "potential", "simulate_three_wells", "wells"]

TIMES = (0.0, 2.0, 4.0, 8.0)
STEP = 0.01
N_GENES = 300
N_MARKERS = 5
"""Genes that are high near each well: PROG1 to PROG5, FATEA1 to FATEA5, FATEB1 to FATEB5."""
INVERSE_DISPERSION = 5.0
"""r of the negative binomial: variance = mean + mean^2 / r."""
MEDIAN_DEPTH = 3000.0
DEPTH_SPREAD = 0.35
"""Standard deviation of the logarithm of a cell's depth."""
DECODER_SEED = 2_018
"""The genes are part of the system, not of the sample: they stay the same whatever seed draws the cells."""


def euler_maruyama(
    xy: np.ndarray, duration: float, rng: np.random.Generator, *, growth: float = 0.0, step: float = STEP
) -> tuple[np.ndarray, np.ndarray]:
    """Carry cells (n, 2) along dx = -grad U dt + sqrt(2 D) dW in float64; returns places (n, 2) and log weights (n,).

    The log weight of a cell is the integral of the growth rate over its path: ``growth`` times Fate B's bump, 0 to 1, there.
    """
    xy = np.array(xy, dtype=np.float64)
    log_weight = np.zeros(len(xy))
    n_steps = max(round(duration / step), 1) if duration > 0 else 0
    dt = duration / n_steps if n_steps else 0.0
    for _ in range(n_steps):
        log_weight += growth * np.exp(-((xy - CENTRES[2]) ** 2).sum(axis=1) / (2 * WIDTHS[2] ** 2)) * dt
        xy += -gradient(xy) * dt + np.sqrt(2 * DIFFUSION * dt) * rng.standard_normal(xy.shape)
    return xy, log_weight


def mean_expression(xy: np.ndarray) -> np.ndarray:
    """Share of each gene in a cell's molecules at places (n, 2): (n, 300), rows add up to 1. Smooth, the same for every seed."""
    centres = np.stack(np.meshgrid(np.linspace(-1.4, 1.4, 4), np.linspace(-1.1, 1.5, 4)), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(DECODER_SEED)
    weights = rng.normal(scale=0.9, size=(len(centres), N_GENES)) * (rng.random(N_GENES) < 0.6)
    logits = rng.normal(scale=1.0, size=N_GENES) + _bell(xy, centres, 0.7) @ weights
    logits[:, : 3 * N_MARKERS] = 3.0 * np.repeat(_bell(xy, CENTRES, 0.6), N_MARKERS, axis=1)
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    return share / share.sum(axis=1, keepdims=True)


def draw_counts(share: np.ndarray, rng: np.random.Generator) -> sp.csr_matrix:
    """Counts of cells with shares (n, genes), negative binomial, of log-normal depth."""
    depth = rng.lognormal(np.log(MEDIAN_DEPTH), DEPTH_SPREAD, size=len(share))
    mean = share * depth[:, None]
    return sp.csr_matrix(rng.poisson(rng.gamma(INVERSE_DISPERSION, mean / INVERSE_DISPERSION)).astype(np.float32))


def gene_names() -> list[str]:
    """The 300 invented names, markers first."""
    return named("PROG", "FATEA", "FATEB")


def named(*markers: str) -> list[str]:
    """300 names: five of each marker, then those of the other genes."""
    first = [f"{name}{i + 1}" for name in markers for i in range(N_MARKERS)]
    return first + [f"SIM{i + 1:03d}" for i in range(N_GENES - len(first))]


def simulate_three_wells(seed: int = 0, n_per_time: int = 300, times: Sequence[float] = TIMES, *, growth: float = 0.0) -> MuData:
    """Counts of 300 invented genes in cells that start in the progenitor well; other cells at every time, as when measuring.

    growth: rate at which cells near Fate B divide, per unit of time. ``obs``: ``time`` (number), ``state`` (name of the nearest
    well). ``obsm["true_latent"]``: places (cells, 2). ``uns["simulated"]`` is True; ``uns["three_wells"]``: the parameters.
    """
    rng = np.random.default_rng(seed)
    places = np.concatenate([_sample(time, n_per_time, growth, rng) for time in times])
    minima = np.stack([well.xy for well in wells()])
    nearest = ((places[:, None] - minima) ** 2).sum(axis=-1).argmin(axis=1)
    obs = pd.DataFrame(
        {"time": np.repeat(np.asarray(times, dtype=float), n_per_time), "state": pd.Categorical.from_codes(nearest, list(NAMES))}
    )
    mdata = simulated_cells(draw_counts(mean_expression(places), rng), gene_names(), obs, places)
    mdata.uns["three_wells"] = {
        "seed": seed,
        "growth": growth,
        "diffusion": DIFFUSION,
        "confinement": CONFINEMENT,
        "names": np.array(NAMES),
        "centres": CENTRES.copy(),
        "depths": DEPTHS.copy(),
        "widths": WIDTHS.copy(),
        "inverse_dispersion": INVERSE_DISPERSION,
    }
    return mdata


def simulated_cells(counts: sp.csr_matrix, genes: list[str], obs: pd.DataFrame, places: np.ndarray) -> MuData:
    """Counts (cells, genes) as measured cells are read, with their true places (cells, 2), and called simulated; obs: columns."""
    cells = [f"simulated-{i:05d}" for i in range(len(places))]
    rna = AnnData(counts, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=genes))
    mdata = MuData({"rna": rna})
    mdata.obs = obs.set_axis(cells)
    mdata.obsm["true_latent"] = places
    mdata.obsm[MEASURED_KEY] = np.ones((len(places), 1), dtype=bool)
    mdata.uns["simulated"] = True
    return mdata


def _sample(time: float, n: int, growth: float, rng: np.random.Generator) -> np.ndarray:
    """Places (n, 2) of a population at a time: started in the progenitor well, grown, then sampled by the number of cells."""
    pool = n if growth == 0 else 8 * n
    start = wells()[0].xy
    spread = np.linalg.cholesky(DIFFUSION * np.linalg.inv(hessian(start)))  # Boltzmann in the well's own parabola
    places, log_weight = euler_maruyama(start + rng.standard_normal((pool, 2)) @ spread.T, time, rng, growth=growth)
    if growth == 0:
        return places
    weight = np.exp(log_weight - log_weight.max())
    return places[rng.choice(pool, size=n, p=weight / weight.sum())]


def _bell(xy: np.ndarray, centres: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((xy[:, None, :] - centres) ** 2).sum(axis=-1) / (2 * width**2))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the simulated demo cells to a .h5mu file.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", type=int, default=300, help="cells at each time")
    arguments = parser.parse_args()
    simulate_three_wells(seed=arguments.seed, n_per_time=arguments.cells).write_h5mu(arguments.out, compression="gzip")


if __name__ == "__main__":
    main()

"""The populations that predictors are compared on: embryoid bodies in principal components, demos in a latent of their own."""

from __future__ import annotations

import dataclasses

import anndata as ad
import numpy as np

from virtualcell.data.catalogue import DEMOS, data_folder, load_demo
from virtualcell.data.simulate import simulate_three_wells
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.model import VirtualCell

COMPONENTS = {"EB, 5 PCs": (5, True), "EB, 10 PCs": (10, False), "EB, 50 PCs": (50, False)}
"""Number of components, and whether each is scaled to unit variance."""
LATENTS = {"A549, latent": "a549", "LARRY, latent": "larry"}
"""Demos whose middle time is left out of the autoencoder too; only the sources' choice of genes has seen it."""
SIMULATED = {"three wells, simulated": (0.0, 1.0, 2.0, 4.0, 8.0)}
"""Times at which 300 other cells of a known system are measured, in its two true coordinates; new cells at every seed."""
HELD = dict.fromkeys(COMPONENTS, (1.0, 2.0, 3.0)) | {
    "A549, latent": (1.0,),
    "LARRY, latent": (4.0,),
    "three wells, simulated": (1.0, 2.0, 4.0),
}
"""Times left out between others."""
LAST = dict.fromkeys(COMPONENTS, 4.0)
"""Times left out at the end."""


def components(space: str, held: float | None = None) -> dict[float, np.ndarray]:
    """Time index -> cells (550, d), float64. Components come from all cells, as their source gives no others.

    held: a time whose cells shall not have a say in the scaling; by default all have, as in the protocol (Tong et al. 2024).
    """
    d, scaled = COMPONENTS[space]
    cells = ad.read_h5ad(data_folder() / "embryoid_body_pca.h5ad")
    x, time = np.asarray(cells.X, dtype=np.float64)[:, :d], cells.obs["time_bin"].to_numpy(dtype=float)
    if scaled:
        seen = x if held is None else x[time != held]
        x = (x - seen.mean(0)) / seen.std(0)
    return {float(t): x[time == t] for t in np.unique(time)}


def populations(space: str, held: float, seed: int) -> dict[float, np.ndarray]:
    """Time -> cells (cells, d) of any space; ``held`` matters for latents, ``seed`` for latents and simulated cells."""
    if space in LATENTS:
        return latents(space, held, seed)
    return simulated(space, seed) if space in SIMULATED else components(space)


def simulated(space: str, seed: int) -> dict[float, np.ndarray]:
    """Time -> cells (300, 2), where they truly are."""
    cells = simulate_three_wells(seed, times=SIMULATED[space])
    time, states = cells.obs["time"].to_numpy(dtype=float), np.asarray(cells.obsm["true_latent"], dtype=np.float64)
    return {float(t): states[time == t] for t in np.unique(time)}


def latents(space: str, held: float, seed: int) -> dict[float, np.ndarray]:
    """Time -> cell states (cells, d) of a demo, by an autoencoder (and choice of genes) that never saw the cells of ``held``."""
    demo, cells = DEMOS[LATENTS[space]], load_demo(LATENTS[space])
    time = cells.obs[demo.columns.time].to_numpy(dtype=float)
    settings = DEMO_SETTINGS[demo.key].plain()
    # The predictor is not asked anything here.
    settings = dataclasses.replace(settings, seed=seed, predictor=dataclasses.replace(settings.predictor, steps=6, warm_steps=1))
    model = VirtualCell(settings).fit(cells[np.flatnonzero(time != held)].copy(), time=demo.columns.time, device="cpu")
    states = model.embed(cells)
    return {float(t): np.asarray(states[time == t], dtype=np.float64) for t in np.unique(time)}

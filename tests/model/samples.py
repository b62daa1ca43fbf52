"""A few hundred measured cells, and settings with which a model is fitted to them in seconds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

from virtualcell.data.catalogue import load_demo
from virtualcell.schema import MEASURED_KEY, AutoencoderSettings, PredictorSettings, PreprocessSettings, Settings

SMALL = Settings(
    preprocess=PreprocessSettings(n_components=10),
    autoencoder=AutoencoderSettings(latent_dim=4, hidden=16, epochs=3, min_steps=30),
    predictor=PredictorSettings(width=16, steps=15, warm_steps=20, rollouts=32, euler_steps=8),
)


PLAIN = replace(SMALL, preprocess=PreprocessSettings(n_components=6))


def part(cells: MuData, rows: np.ndarray, n_features: int) -> MuData:
    """Some cells with the features that are seen in most of them."""
    cells = cells[rows].copy()
    picked = {}
    for name, adata in cells.mod.items():
        seen = np.asarray((adata.X > 0).sum(0)).ravel()
        picked[name] = adata[:, np.sort(np.argsort(-seen, kind="stable")[:n_features])].copy()
    small = MuData(picked)
    small.obs = cells.obs.copy()
    small.obsm[MEASURED_KEY] = cells.obsm[MEASURED_KEY]
    return small


def some(n_cells: int, n: int, seed: int = 0) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).choice(n_cells, n, replace=False))


def a549(seed: int = 0, n: int = 400) -> MuData:
    cells = load_demo("a549")
    return part(cells, some(cells.n_obs, n, seed), 200)


def markers(n: int = 200, name: str = "cytof") -> MuData:
    """Twelve markers on a continuous scale, of three hidden dimensions."""
    rng = np.random.default_rng(0)
    values = 5 * rng.normal(size=(n, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=(n, 12)) - 3
    names = [f"cell-{i}" for i in range(n)]
    table = AnnData(
        values.astype(np.float32), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=[f"M{i}" for i in range(12)])
    )
    return MuData({name: table})


def drifting(n: int = 120, rate: float = 0.3) -> MuData:
    """Twelve markers of cells that drift to the right in one valley, at 0, 1 and 4 h; they divide, all alike, ``rate`` times an
    hour: as ``obs["rate"]``, and as the size of the whole culture in ``obs["size"]``."""
    rng = np.random.default_rng(0)
    time = np.repeat([0.0, 1.0, 4.0], n)
    hidden = 0.6 * rng.normal(size=(3 * n, 3)) + np.stack([2 - 3 * np.exp(-0.5 * time), 0 * time, 0 * time], 1)
    names = [f"cell-{i}" for i in range(3 * n)]
    obs = pd.DataFrame({"time": time, "rate": rate, "size": 1000 * np.exp(rate * time), "dose": "none"}, index=names)
    values = 5 * hidden @ rng.normal(size=(3, 12)) + rng.normal(size=(3 * n, 12))
    table = AnnData(
        values.astype(np.float32), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=[f"M{i}" for i in range(12)])
    )
    cells = MuData({"cytof": table})
    cells.obs = obs
    return cells

"""Small measured cells, made anew for every test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.schema import MEASURED_KEY


def make_adata(n_cells: int = 40, n_features: int = 30, *, seed: int = 0, prefix: str = "GENE", first_cell: int = 0) -> AnnData:
    """Poisson counts with a few strong features, named cells and two annotations."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(1.0, 1.5, size=n_features), size=(n_cells, n_features)).astype(np.float32)
    cells = [f"cell{first_cell + i}" for i in range(n_cells)]
    order = np.arange(first_cell, first_cell + n_cells)
    obs = pd.DataFrame(
        {"time": order % 3 * 1.0, "kind": pd.Categorical(np.where(order % 2 == 0, "T cell", "B cell"))}, index=cells
    )
    return AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=[f"{prefix}{i}" for i in range(n_features)]))


def make_mudata(**modalities: AnnData) -> MuData:
    """As ``read`` gives it: plain columns in obs, explicit measured mask."""
    mdata = MuData(modalities)
    parts = pd.concat([adata.obs for adata in modalities.values()])
    mdata.obs = parts[~parts.index.duplicated()].reindex(mdata.obs_names)
    mdata.obsm[MEASURED_KEY] = np.stack([np.asarray(mdata.obsmap[name]).ravel() > 0 for name in mdata.mod], axis=1)
    return mdata


@pytest.fixture
def adata_of() -> Callable[..., AnnData]:
    return make_adata


@pytest.fixture
def mudata_of() -> Callable[..., MuData]:
    return make_mudata

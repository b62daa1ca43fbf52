"""Small cells with known differences, prepared as real ones are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.data.preprocess import preprocess
from virtualcell.schema import PreprocessSettings


def adata(counts: np.ndarray, prefix: str = "GENE", names: list[str] | None = None, first: int = 0) -> AnnData:
    """Raw counts as a modality; cells are called C0, C1, ..."""
    obs = pd.DataFrame(index=[f"C{i + first}" for i in range(len(counts))])
    var = pd.DataFrame(index=names or [f"{prefix}{i}" for i in range(counts.shape[1])])
    return AnnData(sp.csr_matrix(counts.astype(np.float32)), obs=obs, var=var)


def prepared(**counts: np.ndarray | AnnData) -> MuData:
    """rna=..., atac=..., prot=... counts (cells, features), through the product's own preparation."""
    given = {name: values if isinstance(values, AnnData) else adata(values, name) for name, values in counts.items()}
    return preprocess(MuData(given), PreprocessSettings(min_cells=1, n_variable_genes=10_000))


def poisson(rates: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """n cells of Poisson counts with rates (features,) and depths that differ between cells."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.uniform(0.5, 1.5, (n, 1)) * rates)


def donors(
    n_donors: int,
    cells: int,
    genes: int,
    *,
    spread: float = 0.5,
    changed: int = 0,
    fold: float = 3.0,
    both: bool = False,
    seed: int = 0,
) -> tuple[AnnData, np.ndarray, np.ndarray]:
    """RNA of donors whose genes differ by log-normal factors (``spread``): cells, side (bool) and donor of every cell.

    The first half of the donors is on the first side (or each donor on both); the first ``changed`` genes are ``fold`` times as
    strong there; nothing else differs but the donors.
    """
    rng = np.random.default_rng(seed)
    base = rng.uniform(2, 10, genes)
    donor = np.repeat(np.arange(n_donors), cells)
    side = np.arange(len(donor)) % 2 == 0 if both else donor < n_donors // 2
    own = np.exp(rng.normal(0, spread, (n_donors, genes)))
    rates = base * own[donor] * np.where((np.arange(genes) < changed) & side[:, None], fold, 1.0)
    return prepared(rna=rng.poisson(rates)).mod["rna"], side, np.array([f"D{d}" for d in donor])

"""Simulated cells with planted factors: a state and two continuous programs of known value, so that codes learned from counts can
be compared with what made the counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.schema import MEASURED_KEY

STATES = ("Stem", "Early A", "Late A", "Early B", "Rare B")
SHARES = (0.34, 0.26, 0.20, 0.13, 0.07)
"""Of the cells in each state: uneven, the rarest has one cell in fourteen."""
BRANCH = (0, 1, 1, 2, 2)
"""States of one branch share a program, so that not all states are equally far from each other."""
FACTORS = ("progress", "activation")
"""Columns of ``obs``, uniform on [0, 1], independent of each other and of the state."""

STRENGTH = {"branch": 0.7, "state": 0.65, "progress": 1.5, "activation": 1.1, "nuisance": 0.25}
"""Standard deviation over the genes of a program of the log fold change: between states; from one end of a factor to the other;
for one standard deviation of the nuisance."""
GENES = {"branch": 0.12, "state": 0.12, "progress": 0.25, "activation": 0.2, "nuisance": 0.3}
"""Share of the genes in a program. Each program draws its genes by itself, so most genes of one are in another too."""
STATE_SPREAD = 0.15
"""Standard deviation over states and factors of the log of how strongly a factor acts in a state."""
INVERSE_DISPERSION = 5.0
"""r of the negative binomial: variance = mean + mean^2 / r."""
DEPTH, DEPTH_SPREAD = 2_000.0, 0.35
"""Median molecules a cell, and standard deviation of the logarithm."""


@dataclass(frozen=True)
class _Course:
    """How the log rates of genes follow a factor in [0, 1]: amplitude (genes,) times a course from 0.

    kind (genes,): 0 straight, 1 a switch (logistic, steepness 10), 2 a passing peak (Gaussian, width 0.25), both at ``place``.
    """

    amplitude: np.ndarray
    kind: np.ndarray
    place: np.ndarray

    @classmethod
    def draw(cls, name: str, n_genes: int, shares: tuple[float, float, float], rng: np.random.Generator) -> _Course:
        kind = rng.choice(3, size=n_genes, p=shares)
        return cls(_program(name, n_genes, rng), kind, rng.uniform(0.2, 0.8, size=n_genes))

    def __call__(self, factor: np.ndarray) -> np.ndarray:
        """(cells,) to (cells, genes)."""
        x, at = factor[:, None], self.place
        switch = 1 / (1 + np.exp(-10 * (x - at)))
        peak = np.exp(-0.5 * ((x - at) / 0.25) ** 2)
        return self.amplitude * np.select([self.kind == 0, self.kind == 1], [np.broadcast_to(x, switch.shape), switch], peak)


def simulate_factors(n_cells: int = 2500, n_genes: int = 600, seed: int = 0) -> MuData:
    """RNA counts of cells whose state and two continuous factors are known.

    ``obs``: ``state``, one of five in uneven shares; ``progress``, the stronger program, half of whose genes switch or pass a
    peak; ``activation``, the weaker, whose genes go straight or switch. Both are uniform on [0, 1] and independent. Their
    effect on the log rates differs a little between states, and a weak normal nuisance that is written nowhere acts on a third
    of the genes. Counts are negative binomial with log-normal depths. Raises ValueError for fewer than 50 cells or genes.
    """
    if n_cells < 50 or n_genes < 50:
        raise ValueError(f"{n_cells} cells and {n_genes} genes are too few: at least 50 of each are needed.")
    rng = np.random.default_rng(seed)
    state = rng.choice(len(STATES), size=n_cells, p=SHARES)
    factors = rng.random((n_cells, len(FACTORS)))
    log_rate = rng.normal(0, 1, size=n_genes) + np.zeros((n_cells, 1))
    branches = np.stack([_program("branch", n_genes, rng) for _ in range(max(BRANCH) + 1)])
    states = np.stack([_program("state", n_genes, rng) for _ in STATES])
    log_rate += (branches[list(BRANCH)] + states)[state]
    courses = (
        _Course.draw("progress", n_genes, (0.5, 0.3, 0.2), rng),
        _Course.draw("activation", n_genes, (0.5, 0.5, 0.0), rng),
    )
    strength = np.exp(STATE_SPREAD * rng.standard_normal((len(FACTORS), len(STATES))))
    for factor, course, in_state in zip(factors.T, courses, strength, strict=True):
        log_rate += in_state[state][:, None] * course(factor)
    log_rate += rng.standard_normal((n_cells, 1)) * _program("nuisance", n_genes, rng)
    share = np.exp(log_rate)
    share /= share.sum(axis=1, keepdims=True)
    mean = share * rng.lognormal(np.log(DEPTH), DEPTH_SPREAD, size=(n_cells, 1))
    counts = sp.csr_matrix(rng.poisson(rng.gamma(INVERSE_DISPERSION, mean / INVERSE_DISPERSION)).astype(np.float32))
    obs = pd.DataFrame(
        {"state": pd.Categorical.from_codes(state, list(STATES)), **dict(zip(FACTORS, factors.T, strict=True))},
        index=[f"simulated-{i:05d}" for i in range(n_cells)],
    )
    rna = AnnData(counts, obs=pd.DataFrame(index=obs.index), var=pd.DataFrame(index=[f"SIM{i + 1:04d}" for i in range(n_genes)]))
    mdata = MuData({"rna": rna})
    mdata.obs = obs
    mdata.obsm[MEASURED_KEY] = np.ones((n_cells, 1), dtype=bool)
    mdata.uns["simulated"] = True
    mdata.uns["simulated_factors"] = {"seed": seed}
    return mdata


def _program(name: str, n_genes: int, rng: np.random.Generator) -> np.ndarray:
    """Log fold changes (genes,), 0 outside of the program."""
    return STRENGTH[name] * rng.standard_normal(n_genes) * (rng.random(n_genes) < GENES[name])

"""Simulated cells with several modalities whose relation is known, so that a translation can be compared with the best possible
one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.schema import MEASURED_KEY

Relation = Literal["linear", "nonlinear", "unrelated"]

MODALITIES = ("rna", "atac", "prot")
PAIRS = (("rna", "atac"), ("atac", "prot"), ("rna", "prot"))
"""Blocks of the standard mosaic: every two modalities meet, no cell has all three."""
STATES = ("East", "North", "West", "South")
N_SHARED = 4
"""Places on two circles, so that the dimensions have mean 0, variance 1 and no correlation."""
N_PRIVATE = 2
"""Standard normal dimensions that one modality alone has."""
INVERSE_DISPERSION = 10.0
"""r of the negative binomial of RNA and protein: variance = mean + mean^2 / r."""
RNA_DEPTH, PROTEIN_DEPTH = 10_000.0, 4_000.0
"""Median molecules a cell. RNA is deep on purpose: what it cannot say of chromatin then lies in the relation, not in noise."""
LOG_OPENING = (-1.2, 0.5)
"""Mean and standard deviation over peaks of the log rate of fragments at the median depth: about 265 of 800 peaks are open."""
DEPTH_SPREAD = 0.35
"""Standard deviation of the logarithm of a cell's depth, in each modality by itself."""
EFFECT = {"rna": 0.25, "atac": 0.5, "prot": 0.5}
"""Root mean square over features of the log fold change for one standard deviation of a shared dimension. Small in RNA: there the
logarithm that normalises counts is straight over the whole range, and what is nonlinear stays nonlinear."""
PRIVATE_SHARE = 0.5
"""Effect of a private dimension in relation to a shared one."""
NODES = 9
"""Of the Gauss-Hermite quadrature over what translation does not know."""
ANGLES = 32
"""Of the quadrature over a circle."""


@dataclass(frozen=True)
class _Decoder:
    """Log rates of features: base (features,) + shared latent @ shared (4, features) + private latent @ private (2, features)."""

    base: np.ndarray
    shared: np.ndarray
    private: np.ndarray

    @classmethod
    def draw(cls, n_features: int, effect: float, base: tuple[float, float], rng: np.random.Generator) -> _Decoder:
        if n_features <= N_SHARED + N_PRIVATE:
            raise ValueError(f"{n_features} features are too few to carry {N_SHARED + N_PRIVATE} independent dimensions.")
        log_rate = rng.normal(*base, size=n_features)
        loadings = rng.normal(size=(N_SHARED + N_PRIVATE, n_features))
        # White over features weighted by their share: to second order a cell's total is then the same all around the circles, and
        # dividing by it brings no square of the latent into normalised RNA.
        share = np.exp(log_rate) / np.exp(log_rate).sum()
        loadings = loadings - (loadings @ share)[:, None]
        loadings = np.linalg.solve(np.linalg.cholesky((loadings * share) @ loadings.T), loadings)
        return cls(log_rate, effect * loadings[:N_SHARED], PRIVATE_SHARE * effect * loadings[N_SHARED:])

    def log_rate(self, latent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(cells, features) with each cell's private part drawn."""
        return self.base + latent @ self.shared + rng.standard_normal((len(latent), N_PRIVATE)) @ self.private


def simulate_pairs(
    relation: Relation = "linear", n_cells: int = 2000, n_genes: int = 400, n_peaks: int = 800, seed: int = 0
) -> MuData:
    """RNA counts and open peaks (0 or 1) of the same cells, related in a known way.

    relation: the log rates of peaks are linear in the shared latent that RNA reads ("linear"); in its double angles, that is in
    squares and products without any correlation with it ("nonlinear"); or in a latent of their own ("unrelated"). RNA is linear
    in the shared latent before counting. ``obs``: ``time`` 0, 1 or 2, read from the shared latent with noise, and ``state``.
    ``obsm["true_latent"]``: shared latent of RNA (cells, 4); that of ATAC in ``mdata["atac"].obsm["true_latent"]``. Depths are
    log-normal and independent of everything. ``oracle_probability`` and ``oracle_gain`` give the best possible translation.
    """
    if relation not in get_args(Relation):
        raise ValueError(f"relation must be one of {', '.join(get_args(Relation))}, not {relation!r}.")
    rng = np.random.default_rng(seed)
    latent = _circles(rng.uniform(0, 2 * np.pi, size=(n_cells, 2)))
    if relation == "linear":
        atac_latent = latent
    elif relation == "nonlinear":
        atac_latent = _double_angles(latent)
    else:
        atac_latent = _circles(rng.uniform(0, 2 * np.pi, size=(n_cells, 2)))
    obs = _annotate(latent, rng)
    rna, atac = _rna(latent, n_genes, rng), _atac(atac_latent, n_peaks, rng)
    return _assemble({"rna": rna, "atac": atac}, obs, latent, {"relation": relation, "seed": seed})


def simulate_mosaic(
    patterns: Sequence[Sequence[str]] = PAIRS,
    n_cells: int = 2100,
    n_genes: int = 400,
    n_peaks: int = 800,
    n_proteins: int = 40,
    seed: int = 0,
) -> tuple[MuData, dict[str, sp.csr_matrix]]:
    """RNA, open peaks and protein counts of one linear shared latent, of which each cell keeps one pattern of modalities.

    patterns: modalities measured together, such as ``[("rna", "atac"), ("atac", "prot")]``, where RNA and protein never meet; the
    cells are dealt to them at random in equal numbers (``obs["block"]``). Returns the cells, with ``obsm["measured"]`` and rows
    of zeros where nothing was measured, and the known answer: complete counts (cells, features) by modality.
    """
    blocks = [tuple(pattern) for pattern in patterns]
    unknown = set(chain(*blocks)) - set(MODALITIES)
    if not blocks or unknown or not all(blocks):
        raise ValueError(f"patterns must be lists of {', '.join(MODALITIES)}, none of them empty; got {patterns!r}.")
    rng = np.random.default_rng(seed)
    latent = _circles(rng.uniform(0, 2 * np.pi, size=(n_cells, 2)))
    obs = _annotate(latent, rng)
    made = {"rna": _rna(latent, n_genes, rng), "atac": _atac(latent, n_peaks, rng), "prot": _protein(latent, n_proteins, rng)}
    made = {name: made[name] for name in MODALITIES if name in set(chain(*blocks))}
    block = rng.permutation(np.arange(n_cells) % len(blocks))
    obs["block"] = pd.Categorical(["+".join(blocks[i]) for i in block])
    measured = np.array([[name in pattern for name in made] for pattern in blocks])[block]
    truth = {name: part.X.copy() for name, part in made.items()}
    for name, seen in zip(made, measured.T, strict=True):
        made[name].X = (sp.diags(seen.astype(np.float32)) @ truth[name]).tocsr().astype(np.float32)
        made[name].X.eliminate_zeros()
    mdata = _assemble(made, obs, latent, {"relation": "linear", "seed": seed})
    mdata.obsm[MEASURED_KEY] = measured
    return mdata, truth


def oracle_probability(mdata: MuData) -> np.ndarray:
    """True probability that each peak is seen open in each cell given the cell's true RNA latent; (cells, peaks), float64.

    The best that any translation from RNA can know: depth and the private latent of ATAC are integrated out (together they are
    one normal variable in the log rate). Where the modalities are unrelated, all cells have the probability of the average cell.
    """
    if mdata.uns["simulated_pairs"]["relation"] == "unrelated":
        return np.tile(_base_probability(mdata["atac"]), (mdata.n_obs, 1))
    return _seen(mdata["atac"], mdata["atac"].obsm["true_latent"])


def oracle_gain(mdata: MuData, rows: np.ndarray | None = None) -> float:
    """Log-likelihood that ``oracle_probability`` gains over the true per-peak mean: nats a cell, in expectation over counts.

    rows: cells to average over, all by default. It is the mean Kullback-Leibler divergence of the oracle from the per-peak mean,
    so it has none of the noise of counting, is never negative, and is 0 for unrelated modalities.
    """
    p, base = oracle_probability(mdata), _base_probability(mdata["atac"])
    p = p if rows is None else p[rows]
    return float((p * np.log(p / base) + (1 - p) * np.log((1 - p) / (1 - base))).sum(axis=1).mean())


def _seen(atac: AnnData, latent: np.ndarray) -> np.ndarray:
    """P(open) at latents (n, 4), averaged over depth and private latent by Gauss-Hermite quadrature: (n, peaks)."""
    log_rate = atac.var["log_rate"].to_numpy() + latent @ atac.varm["loadings"].T
    spread = np.sqrt(DEPTH_SPREAD**2 + (atac.varm["private_loadings"] ** 2).sum(axis=1))
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    rate, closed = np.exp(log_rate), np.zeros_like(log_rate)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        closed += weight * np.exp(-rate * np.exp(node * spread))
    return 1 - closed


def _base_probability(atac: AnnData) -> np.ndarray:
    """P(open) of each peak over all cells that could be drawn, (peaks,): the latent is integrated over its two circles."""
    angles = np.arange(ANGLES) * 2 * np.pi / ANGLES
    return _seen(atac, _circles(np.stack(np.meshgrid(angles, angles), axis=-1).reshape(-1, 2))).mean(axis=0)


def _circles(angles: np.ndarray) -> np.ndarray:
    """Angles (n, 2) to places on two circles of radius sqrt 2, (n, 4)."""
    return np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(len(angles), N_SHARED)


def _double_angles(latent: np.ndarray) -> np.ndarray:
    """Places at twice the angles: cos 2a = cos^2 a - sin^2 a, sin 2a = 2 sin a cos a; as uniform on the circles, uncorrelated."""
    x, y = latent[:, ::2], latent[:, 1::2]
    return np.stack([x**2 - y**2, 2 * x * y], axis=-1).reshape(latent.shape) / np.sqrt(2)


def _annotate(latent: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Time from where a cell is on the first circle, with noise; state from the quarter of the second."""
    clock = latent[:, 0] + 0.5 * rng.standard_normal(len(latent))
    quarter = np.stack([latent[:, 2], latent[:, 3], -latent[:, 2], -latent[:, 3]]).argmax(axis=0)
    return pd.DataFrame(
        {"time": np.digitize(clock, [-0.6, 0.6]).astype(float), "state": pd.Categorical.from_codes(quarter, list(STATES))},
        index=[f"simulated-{i:05d}" for i in range(len(latent))],
    )


def _counts(share: np.ndarray, depth: float, rng: np.random.Generator) -> sp.csr_matrix:
    """Negative binomial counts with cells' depths log-normal around a median."""
    mean = share * rng.lognormal(np.log(depth), DEPTH_SPREAD, size=(len(share), 1))
    return sp.csr_matrix(rng.poisson(rng.gamma(INVERSE_DISPERSION, mean / INVERSE_DISPERSION)).astype(np.float32))


def _rna(latent: np.ndarray, n_genes: int, rng: np.random.Generator) -> AnnData:
    rate = np.exp(_Decoder.draw(n_genes, EFFECT["rna"], (0.0, 0.5), rng).log_rate(latent, rng))
    counts = _counts(rate / rate.sum(axis=1, keepdims=True), RNA_DEPTH, rng)
    return AnnData(counts, var=pd.DataFrame(index=[f"SIM{i + 1:04d}" for i in range(n_genes)]))


def _atac(latent: np.ndarray, n_peaks: int, rng: np.random.Generator) -> AnnData:
    decoder = _Decoder.draw(n_peaks, EFFECT["atac"], LOG_OPENING, rng)
    depth = rng.lognormal(0, DEPTH_SPREAD, size=(len(latent), 1))
    opened = rng.random((len(latent), n_peaks)) < -np.expm1(-depth * np.exp(decoder.log_rate(latent, rng)))
    var = pd.DataFrame({"log_rate": decoder.base}, index=[f"peak-{i + 1:05d}" for i in range(n_peaks)])
    atac = AnnData(sp.csr_matrix(opened.astype(np.float32)), var=var)
    atac.varm["loadings"], atac.varm["private_loadings"] = decoder.shared.T.copy(), decoder.private.T.copy()
    atac.obsm["true_latent"] = latent.copy()
    return atac


def _protein(latent: np.ndarray, n_proteins: int, rng: np.random.Generator) -> AnnData:
    """An antibody's background, the same in all cells, and above it what the latent says."""
    background = rng.lognormal(-2.0, 0.5, size=n_proteins)
    rate = background + np.exp(_Decoder.draw(n_proteins, EFFECT["prot"], (0.0, 0.5), rng).log_rate(latent, rng))
    # Divided by the mean cell's total, not by each cell's own: tags do not compete as molecules of RNA do.
    counts = _counts(rate / rate.sum(axis=1).mean(), PROTEIN_DEPTH, rng)
    return AnnData(counts, var=pd.DataFrame(index=[f"CDS{i + 1:03d}" for i in range(n_proteins)]))


def _assemble(parts: dict[str, AnnData], obs: pd.DataFrame, latent: np.ndarray, about: dict[str, str | int]) -> MuData:
    for part in parts.values():
        part.obs_names = obs.index
    mdata = MuData(parts)
    mdata.obs = obs
    mdata.obsm["true_latent"] = latent
    mdata.obsm[MEASURED_KEY] = np.ones((len(obs), len(parts)), dtype=bool)
    mdata.uns["simulated"] = True
    mdata.uns["simulated_pairs"] = about
    return mdata

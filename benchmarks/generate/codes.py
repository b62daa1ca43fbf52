"""Interpretable codes of cell states: do they agree with planted factors, and with what is known of the demos' cells?

A fifth of the cells is drawn for testing with each seed; neither the autoencoder (fitted without time and treatment) nor the
codes saw them. No label is used in any fit. Beside the codes stand k-means and mixtures with as many groups, fitted to the same
states, and principal and independent components of what is left within the groups of the best mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mudata import MuData
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, FastICA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from benchmarks.generate.codes_drawn import ENERGY, PLANTED_SPREAD, beside_measured, distance, planted_spread
from benchmarks.peers.splits import rows as halves
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.simulate_factors import FACTORS, STATES, simulate_factors
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.report import Claim, Row
from virtualcell.generative.infogan import N_CONTINUOUS, Codes, fit_codes
from virtualcell.generative.infogan_codes import standardised
from virtualcell.generative.infogan_start import fit_mixture
from virtualcell.generative.infogan_training import CodeSettings
from virtualcell.generative.material import Material
from virtualcell.model import VirtualCell
from virtualcell.schema import Settings

PLANTED = "simulated cells with planted factors"
OURS, MANY, COLD, START = "codes", "codes, 8 categories", "codes from a random start", "codes, start only"
ARI = "ARI with the state"
LEAST_ARI, LEAST_RHO = 0.8, 0.8
DEMO_KEYS = ("kang", "larry", "simulated", "a549")
DEMO_SEEDS = 3
"""The first so many of the seeds: each demo's autoencoder is trained anew for each."""
VARIANTS: dict[str, tuple[int, CodeSettings]] = {
    OURS: (len(STATES), CodeSettings()),
    MANY: (8, CodeSettings(starts=1)),
    COLD: (len(STATES), CodeSettings(starts=1, warm_start=False)),
    START: (len(STATES), CodeSettings(starts=1, steps=1, short_steps=1)),
}
"""Name -> number of categories and settings, on the simulated cells."""


@dataclass(frozen=True)
class Embedded:
    """States (cells, d) of all cells, and the rows: ``learned`` by the autoencoder, from which codes learn, and ``test``."""

    states: np.ndarray
    learned: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, cells: MuData, settings: Settings, seed: int, progress: Any = None, **columns: str | None) -> Embedded:
        """The autoencoder is fitted to the training cells alone, without time and treatment."""
        training, test = halves(cells.n_obs, seed)
        known = cells[training].copy()
        model = VirtualCell(replace(settings, seed=seed)).fit(known, device="cpu", progress=progress, **columns)
        states = model.embed(cells)
        # As a user's model does: codes learn from cells read as if they were new.
        states[training] = Material.of(model._fitted, known, as_new=True).states
        return cls(states, training, test)


def correlations(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """|Spearman's rho| of every code (n, C) with every factor (n, F): (C, F); 0 for a code that is constant."""
    found = np.zeros((codes.shape[1], factors.shape[1]))
    for i in np.flatnonzero(np.ptp(codes, axis=0) > 0):
        found[i] = [abs(spearmanr(codes[:, i], factor).statistic) for factor in factors.T]
    return found


def matched(rho: np.ndarray) -> np.ndarray:
    """Of a matrix (C, F) the entries of the best one-to-one pairing, in the order of the factors: (F,)."""
    code, factor = linear_sum_assignment(-rho)
    return rho[code, factor][np.argsort(factor)]


def grouped(data: Embedded, n: int, seed: int) -> dict[str, np.ndarray]:
    """Groups of the test cells by each baseline; standardised states are drawn in as for the codes."""
    z, z_test = data.states[data.learned], data.states[data.test]
    mean, scale = z.mean(0), z.std(0)
    x, x_test = standardised(z, mean, scale), standardised(z_test, mean, scale)
    means = {"": (z, z_test), ", standardised": (x, x_test)}
    found = {
        f"k-means{name}": KMeans(n, n_init=10, random_state=seed).fit(known).predict(new) for name, (known, new) in means.items()
    }
    full = GaussianMixture(n, n_init=5, random_state=seed, reg_covar=1e-3).fit(x)
    tied = fit_mixture(x, n, CodeSettings().mixture_tries, seed)
    return found | {"Gaussian mixture": full.predict(x_test), "Gaussian mixture, one covariance": tied.predict(x_test)}


def components(data: Embedded, n: int, seed: int) -> dict[str, np.ndarray]:
    """Continuous readings (test cells, 2) of each baseline, from what is left within groups."""
    z, z_test = data.states[data.learned], data.states[data.test]
    mean, scale = z.mean(0), z.std(0)
    mixture = fit_mixture(standardised(z, mean, scale), n, CodeSettings().mixture_tries, seed)
    groups, groups_test = (mixture.predict(standardised(part, mean, scale)) for part in (z, z_test))
    centres = np.stack([z[groups == g].mean(0) if (groups == g).any() else mean for g in range(n)])
    parts = PCA(N_CONTINUOUS).fit(z - centres[groups])
    scores, scores_test = parts.transform(z - centres[groups]), parts.transform(z_test - centres[groups_test])
    turned = FastICA(whiten="unit-variance", random_state=seed, max_iter=500).fit(scores)
    return {
        "principal components within groups": scores_test,
        "independent components within groups": turned.transform(scores_test),
        "principal components of all cells": PCA(N_CONTINUOUS).fit(z).transform(z_test),
    }


def planted(seed: int, progress: Any = None) -> dict[str, dict[str, float]]:
    """Method -> figures on one set of simulated cells."""
    cells = simulate_factors(seed=seed)
    data = Embedded.of(cells, Settings(), seed, progress)
    state = cells.obs["state"].astype(str).to_numpy()[data.test]
    factors = cells.obs[list(FACTORS)].to_numpy(dtype=float)[data.test]
    found: dict[str, dict[str, float]] = {}
    for name, (k, settings) in VARIANTS.items():
        codes = fit_codes(data.states, data.learned, n_categories=k, settings=settings, seed=seed, progress=progress)
        probabilities, continuous = codes.read(data.states[data.test])
        found[name] = _agreement(continuous, factors) | {ARI: adjusted_rand_score(state, probabilities.argmax(1))}
        found[name] |= beside_measured(codes, data.states[data.test], seed)
        found[name][PLANTED_SPREAD] = planted_spread(codes, data.states[data.test], state, factors, seed)
        if name == OURS:
            found[name] |= _of_training(codes)
    rng = np.random.default_rng(seed)
    same = data.states[rng.choice(data.learned, len(data.test), replace=False)]
    found["measured cells, learned from"] = {ENERGY: distance(codes, same, data.states[data.test])}
    for name, groups in grouped(data, len(STATES), seed).items():
        found[name] = {ARI: adjusted_rand_score(state, groups)}
    for name, read in components(data, len(STATES), seed).items():
        found[name] = _agreement(read, factors)
    return found


def demo(key: str, seed: int, progress: Any = None) -> dict[str, dict[str, float]]:
    """Method -> figures on a demo; the number of categories is the codes' own choice."""
    cells, columns = load_demo(key), DEMOS[key].columns
    data = Embedded.of(cells, DEMO_SETTINGS[key], seed, progress, batch=columns.batch, donor=columns.donor)
    codes = fit_codes(data.states, data.learned, settings=CodeSettings(starts=1), seed=seed, progress=progress)
    probabilities, continuous = codes.read(data.states[data.test])
    found: dict[str, dict[str, float]] = {OURS: {"categories chosen": float(codes.n_categories)} | _of_training(codes)}
    found[OURS] |= beside_measured(codes, data.states[data.test], seed)
    if columns.state is not None:
        state = cells.obs[columns.state].astype(str).to_numpy()[data.test]
        found[OURS][ARI] = adjusted_rand_score(state, probabilities.argmax(1))
        for name, groups in grouped(data, codes.n_categories, seed).items():
            found[name] = {ARI: adjusted_rand_score(state, groups)}
    if columns.time is not None:
        time = cells.obs[columns.time].to_numpy(dtype=float)[data.test]
        read = {OURS: continuous} | components(data, codes.n_categories, seed)
        for name, values in read.items():
            best = float(correlations(values, time[:, None]).max())
            found.setdefault(name, {})["|rho| of the best with time"] = best
        # Few times are nearly groups: the category may carry what a continuous code then has no need to.
        groups = {OURS: probabilities.argmax(1)} | grouped(data, codes.n_categories, seed)
        for name, group in groups.items():
            found.setdefault(name, {})["ARI with time"] = adjusted_rand_score(time, group)
    return found


def run(seeds: Sequence[int], progress: Any = None, demos: Sequence[str] | None = None) -> tuple[list[Row], list[Claim]]:
    """Rows and claims; demos: of ``DEMO_KEYS`` (all by default, each on the first three seeds)."""
    found = [planted(seed, progress) for seed in seeds]
    rows = _rows(found, PLANTED, seeds)
    ours = [one[OURS] for one in found]
    claims = [Claim(f"planted factors: {ARI}, mean of the seeds", float(np.mean([one[ARI] for one in ours])), ">=", LEAST_ARI)]
    for name in FACTORS:
        value = float(np.mean([one[f"|rho| of its code with {name}"] for one in ours]))
        claims.append(
            Claim(f"planted factors: |rho| of a code of its own with {name}, mean of the seeds", value, ">=", LEAST_RHO)
        )
    least = min(one["least |rho| of the two codes"] for one in ours)
    claims.append(Claim("planted factors: least |rho| of the two codes, worst seed", least, ">=", LEAST_RHO))
    claims.append(Claim(f"planted factors: {ARI}, worst seed", min(one[ARI] for one in ours), ">=", LEAST_ARI))
    fell = max(one["entropy of each code at the end, share of the start"] for one in ours)
    claims.append(
        Claim("planted factors: entropy of each cell's code at the end, share of the start, worst seed", fell, "<", 0.5)
    )
    for key in DEMO_KEYS if demos is None else [key for key in demos if key in DEMO_KEYS]:
        few = tuple(seeds)[:DEMO_SEEDS]
        rows += _rows([demo(key, seed, progress) for seed in few], f"{key}, codes, held-out cells", few)
    return rows, claims


def _agreement(read: np.ndarray, factors: np.ndarray) -> dict[str, float]:
    """Figures of continuous readings (n, 2): the best pairing with factors (n, 2), and the whole matrix, codes in its order."""
    rho = correlations(read, factors)
    code, factor = linear_sum_assignment(-rho)
    ordered = rho[code[np.argsort(factor)]]
    best = matched(rho)
    figures = {f"|rho| of its code with {name}": float(value) for name, value in zip(FACTORS, best, strict=True)}
    figures |= {f"|rho| of the code of {FACTORS[i]} with {FACTORS[1 - i]}": float(ordered[i, 1 - i]) for i in range(2)}
    return figures | {"least |rho| of the two codes": float(best.min())}


def _of_training(codes: Codes) -> dict[str, float]:
    first, last = codes.log[0], codes.log[-1]
    return {
        "entropy of each code at the end, share of the start": last["entropy_of_code"] / first["entropy_of_code"],
        "mutual information, lower bound, nats": last["mutual_information"],
        "spread of drawn over measured cells": last["spread"],
    }


def _rows(found: Sequence[dict[str, dict[str, float]]], where: str, seeds: Sequence[int]) -> list[Row]:
    return [
        Row.over_seeds(method, metric, [one[method][metric] for one in found], where=where, seeds=tuple(seeds))
        for method, figures in found[0].items()
        for metric in figures
    ]

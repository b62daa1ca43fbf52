"""The linear floor: the latent, and what each modality alone can say of it, found by SVD and ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

from virtualcell.schema import DataError

ALPHAS = np.logspace(-2, 4, 7)
DEPTH_CORRELATION = 0.75
"""A component that follows sequencing depth more closely than this says how deep a cell was read, not what it is."""


@dataclass(frozen=True)
class LinearCore:
    """weight[m]: (inputs, d), bias[m]: (d,), r2[m]: (d,) out-of-fold share of the latent's variance that modality m explains."""

    weight: dict[str, np.ndarray]
    bias: dict[str, np.ndarray]
    r2: dict[str, np.ndarray]
    latent: np.ndarray
    scale: np.ndarray


def share_dimensions(names: list[str], available: dict[str, int], d: int) -> dict[str, int]:
    """How many of d latent dimensions start from each modality's components: RNA counts 5 to 3 against every other modality."""
    weight = {name: (5.0 if name == "rna" else 3.0) for name in names}
    total = sum(weight.values())
    shares = {name: min(available[name], max(1, int(np.floor(d * weight[name] / total)))) for name in names}
    for name in sorted(names, key=lambda n: -weight[n]) * d:
        if sum(shares.values()) >= d:
            break
        if shares[name] < available[name]:
            shares[name] += 1
    return shares


def fit_linear_core(scores: dict[str, np.ndarray], measured: dict[str, np.ndarray], d: int, seed: int) -> LinearCore:
    """Linear encoders of every modality into one latent of d dimensions.

    scores[m]: (cells, components + 1), the last column is standardised log depth; measured[m]: (cells,) bool. The latent is made
    of the leading components of each modality that do not merely follow depth, each of unit variance; a modality is then
    regressed on the components of every other one, on cells where both were measured, with ridge strength and R^2 from
    cross-validation.
    """
    names = list(scores)
    n = len(next(iter(scores.values())))
    kept: dict[str, np.ndarray] = {}
    for name in names:
        here = scores[name][measured[name]]
        depth = here[:, -1]
        follows = np.array(
            [abs(np.corrcoef(here[:, j], depth)[0, 1]) if here[:, j].std() > 1e-9 else 1.0 for j in range(here.shape[1] - 1)]
        )
        kept[name] = np.flatnonzero(follows < DEPTH_CORRELATION)
    shares = share_dimensions(names, {name: len(kept[name]) for name in names}, d)
    if sum(shares.values()) < d:
        raise DataError(
            f"{d} latent dimensions are more than the {sum(shares.values())} usable components of these cells.",
            next_step="choose a smaller latent_dim.",
            field="latent_dim",
        )
    latent, scale, owner = np.full((n, d), np.nan), np.ones(d), np.empty(d, dtype=object)
    at = 0
    for name in names:
        columns = slice(at, at + shares[name])
        block = scores[name][:, kept[name][: shares[name]]]
        rows = measured[name]
        scale[columns] = block[rows].std(0) + 1e-8
        latent[rows, columns] = (block[rows] - block[rows].mean(0)) / scale[columns]
        owner[columns] = name
        at += shares[name]
    weight, bias, r2 = {}, {}, {}
    folds = KFold(5, shuffle=True, random_state=seed)
    for name in names:
        inputs = scores[name]
        w, b, r = np.zeros((inputs.shape[1], d)), np.zeros(d), np.zeros(d)
        for other in names:
            owned = np.flatnonzero(owner == other)
            both = measured[name] & measured[other]
            if both.sum() < 50:
                continue  # never measured together: this modality says nothing of the other's dimensions
            x, y = inputs[both], latent[np.ix_(both, owned)]
            ridge = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y)
            guess = cross_val_predict(RidgeCV(ALPHAS, alpha_per_target=True), x, y, cv=folds)
            w[:, owned], b[owned] = np.atleast_2d(ridge.coef_).T, ridge.intercept_
            r[owned] = 1 - ((y - guess.reshape(y.shape)) ** 2).mean(0) / y.var(0)
        weight[name], bias[name], r2[name] = w, b, np.clip(r, 0.0, 0.95)
    return LinearCore(weight, bias, r2, latent, scale)

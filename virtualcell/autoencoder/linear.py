"""The linear floor: the latent, and what each modality alone can say of it, found by SVD and ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

from virtualcell.schema import DataError

ALPHAS = np.logspace(-2, 4, 7)
DEPTH_CORRELATION = 0.75
"""A component that follows sequencing depth more closely than this says how deep a cell was read, not what it is."""
SHARED_CELLS = 50
"""A regression is fitted on at least so many cells; modalities that share fewer count as never measured together."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearCore:
    """weight[m]: (inputs, d), bias[m]: (d,), r2[m]: (d,) out-of-fold share of the latent's variance that modality m explains.

    latent: (cells, d), NaN in the dimensions of a modality that the cell was not measured in; scale: (d,) natural size of each
    dimension; owner: d names, the modality whose component each dimension is.
    """

    weight: dict[str, np.ndarray]
    bias: dict[str, np.ndarray]
    r2: dict[str, np.ndarray]
    latent: np.ndarray
    scale: np.ndarray
    owner: tuple[str, ...] = ()


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
    # Fewer dimensions than modalities: the last ones read the dimensions of the others, and own none.
    for name in sorted(names, key=lambda n: (weight[n], -names.index(n))):
        if sum(shares.values()) > d and shares[name] > 0:
            shares[name] -= 1
    return shares


def fit_linear_core(scores: dict[str, np.ndarray], measured: dict[str, np.ndarray], d: int, seed: int) -> LinearCore:
    """Linear encoders of every modality into one latent of d dimensions.

    scores[m]: (cells, components + 1), the last column is standardised log depth; measured[m]: (cells,) bool, any pattern. The
    latent is made of the leading components of each modality that do not merely follow depth, each of unit variance; a modality
    is then regressed on the components of every other one, on cells where both were measured, with ridge strength and R^2 from
    cross-validation. Two modalities with fewer than SHARED_CELLS common cells are connected through a third one that shares
    enough cells with both, where there is one (``_through``); otherwise neither says anything of the other's dimensions.
    A modality measured in fewer than SHARED_CELLS cells owns no dimension where another one was measured in more.
    """
    names = list(scores)
    n = len(next(iter(scores.values())))
    kept: dict[str, np.ndarray] = {}
    enough = min(SHARED_CELLS, max(int(measured[name].sum()) for name in names))
    for name in names:
        if measured[name].sum() < max(enough, 2):
            kept[name] = np.array([], dtype=int)
            continue
        here = scores[name][measured[name]]
        depth = here[:, -1]
        follows = np.array([_correlation(here[:, j], depth) for j in range(here.shape[1] - 1)])
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
        if shares[name] == 0:
            continue
        columns = slice(at, at + shares[name])
        block = scores[name][:, kept[name][: shares[name]]]
        rows = measured[name]
        scale[columns] = block[rows].std(0) + 1e-8
        latent[rows, columns] = (block[rows] - block[rows].mean(0)) / scale[columns]
        owner[columns] = name
        at += shares[name]
    weight = {name: np.zeros((scores[name].shape[1], d)) for name in names}
    bias, r2 = {name: np.zeros(d) for name in names}, {name: np.zeros(d) for name in names}
    shared = {(a, b): int((measured[a] & measured[b]).sum()) for a in names for b in names}
    for name in names:
        for other in names:
            owned = np.flatnonzero(owner == other)
            if len(owned) == 0 or shared[name, other] < SHARED_CELLS:
                continue
            both = measured[name] & measured[other]
            y = latent[np.ix_(both, owned)]
            w, b, guess = _ridge(scores[name][both], y, seed)
            weight[name][:, owned], bias[name][owned] = w, b
            r2[name][owned] = np.clip(_explained(y, guess), 0.0, 0.95)
    for name in names:
        for other in names:
            owned = np.flatnonzero(owner == other)
            if len(owned) == 0 or shared[name, other] >= SHARED_CELLS:
                continue
            bridges = {m: min(shared[name, m], shared[m, other]) for m in names if m not in (name, other)}
            middle = max(bridges, key=lambda m: bridges[m], default=None)
            if middle is None or bridges[middle] < SHARED_CELLS:
                continue  # nothing connects them: this modality says nothing of the other's dimensions
            second = weight[middle][:, owned], bias[middle][owned], r2[middle][owned]
            found = _through(scores[name], scores[middle], measured[name], measured[middle], *second, seed)
            weight[name][:, owned], bias[name][owned], r2[name][owned] = found
    return LinearCore(weight, bias, r2, latent, scale, tuple(owner))


def _correlation(component: Array, depth: Array) -> float:
    """Absolute correlation with depth: 0 where the kind of measurement has no depth, 1 for a component that never varies."""
    if component.std() <= 1e-9:
        return 1.0
    return abs(float(np.corrcoef(component, depth)[0, 1])) if depth.std() > 1e-9 else 0.0


def _ridge(x: Array, y: Array, seed: int) -> tuple[Array, Array, Array]:
    """Ridge regression with a strength for each target: weight (inputs, targets), bias (targets,), out-of-fold guess as y."""
    ridge = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y)
    folds = KFold(5, shuffle=True, random_state=seed)
    guess = cross_val_predict(RidgeCV(ALPHAS, alpha_per_target=True), x, y, cv=folds)
    return np.atleast_2d(ridge.coef_).T, ridge.intercept_, guess.reshape(y.shape)


def _explained(y: Array, guess: Array) -> Array:
    """Share of the variance of each column of y that the guess explains; a column without variance: 0."""
    variance = y.var(0)
    return np.where(variance > 1e-12, 1 - ((y - guess) ** 2).mean(0) / np.maximum(variance, 1e-12), 0.0)


def _through(
    x: Array, middle: Array, seen: np.ndarray, middle_seen: np.ndarray, weight: Array, bias: Array, r2: Array, seed: int
) -> tuple[Array, Array, Array]:
    """Reads dimensions of a modality that was never measured with this one through a third that was measured with both.

    x, middle: scores (cells, inputs), seen, middle_seen: (cells,) where they were measured; weight, bias, r2: how the middle
    reads the dimensions. Returns weight (inputs, dimensions), bias, r2 of: scores of the middle predicted by ridge, then read by
    the middle. As no cell shows how well this does, r2 is the variance of the composed prediction (the dimensions have variance
    1), and at most the product of the two steps' R^2: what the middle does not see is not claimed.
    """
    both = seen & middle_seen
    first, offset, guess = _ridge(x[both], middle[both], seed)
    step = np.clip(_explained(middle[both] @ weight, guess @ weight), 0.0, 1.0)
    composed = first @ weight
    return composed, offset @ weight + bias, np.minimum((x[seen] @ composed).var(0), step * r2)

"""The linear map inside a sampler: a ridge regression that also holds where less is known of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold

PENALTIES = tuple(10.0**k for k in range(-1, 5))
FOLDS = 5
OF_LESS_KNOWN = 0.1


@dataclass(frozen=True)
class Linear:
    """target = intercept (d,) + condition @ coef (p, d); residuals (cells, d), each by a regression that did not see the cell."""

    coef: np.ndarray
    intercept: np.ndarray
    residuals: np.ndarray


def fit_linear(x: np.ndarray, y: np.ndarray, *, seed: int, masks: np.ndarray, chance: np.ndarray) -> Linear:
    """Ridge regression (Hoerl & Kennard 1970) of y (n, d) on x (n, p), cells counting as ``chance`` (n,) says.

    masks (k, p) of 0 and 1: what else may be unknown of a condition; each cell then also counts with these columns at 0, a tenth
    as much, so that the map holds for cells of which less is known. The penalty has the least squared error over five folds.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    scale = x.std(0) + 1e-2
    z = x / scale
    folds = list(KFold(min(FOLDS, len(z)), shuffle=True, random_state=seed).split(z))
    residuals = np.zeros((len(PENALTIES), *y.shape))
    for inside, outside in folds:
        gram = _Gram.of(z[inside], y[inside], masks, chance[inside])
        for i, penalty in enumerate(PENALTIES):
            coef, intercept = gram.solve(penalty)
            residuals[i, outside] = y[outside] - z[outside] @ coef - intercept
    best = int((residuals**2).sum((1, 2)).argmin())
    coef, intercept = _Gram.of(z, y, masks, chance).solve(PENALTIES[best])
    return Linear(coef / scale[:, None], intercept, residuals[best])


@dataclass(frozen=True)
class _Gram:
    """Weighted means and products, of which any ridge regression follows."""

    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, masks: np.ndarray, chance: np.ndarray) -> _Gram:
        weight = np.concatenate([chance if i == 0 else OF_LESS_KNOWN * chance for i in range(len(masks))])
        every, target = np.concatenate([x * mask for mask in masks]), np.concatenate([y] * len(masks))
        total = weight.sum()
        mx, my = weight @ every / total, weight @ target / total
        left = (every - mx) * weight[:, None]
        return cls(mx, my, left.T @ (every - mx), left.T @ (target - my))

    def solve(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Slopes (p, d) and intercept (d,)."""
        coef = np.linalg.solve(self.xx + penalty * np.eye(len(self.x)), self.xy)
        return coef, self.y - self.x @ coef

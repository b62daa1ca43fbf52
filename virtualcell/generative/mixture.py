"""Fits the mixture of a core: components of the residual alone, or joint with the embedding."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture

from virtualcell.generative.core import Core

FLOOR = 1e-3
"""Least variance of a component in whitened units."""
REGULAR = 1e-3
ITERATIONS = 80


@dataclass(frozen=True)
class Form:
    """k components; shape: covariances as scikit-learn names them; joint: fitted to embedding and residual together, so that the
    residual's mean bends with the embedding, else to the residual alone, with weights that a logistic regression gives; plain: of
    the target itself instead of its residual, which is the usual conditional Gaussian mixture."""

    k: int
    shape: str = "full"
    joint: bool = False
    plain: bool = False

    @property
    def name(self) -> str:
        if self.k == 1:
            return "one Gaussian"
        return f"{self.k} {self.shape}{', joint' if self.joint else ''}{', plain' if self.plain else ''}"

    def cells_needed(self, d: int) -> float:
        """Below which components would be of noise."""
        each = {"full": 20.0 * d, "tied": 12.0, "diag": 30.0, "spherical": 15.0}[self.shape]
        return self.k * each if self.k > 1 else 0.0


FORMS = (
    Form(1),
    *(Form(k) for k in (2, 3, 5)),
    Form(6, "diag", joint=True),
    *(Form(k, "full", joint=True, plain=True) for k in (2, 3)),
    *(Form(k, "tied", joint=True, plain=True) for k in (4, 8, 12, 18)),
    Form(6, "diag", joint=True, plain=True),
)


def fit_mixture(core: Core, form: Form, c: np.ndarray, u: np.ndarray, seed: int) -> Core:
    """Sets the mixture of a core to that of whitened residuals u (cells, d) under conditions c (cells, p), in place."""
    if form.k == 1:
        return core
    e = core.e if form.joint else 0
    scale = c[:, :e].std(0) + 1e-6
    together = np.concatenate([c[:, :e] / scale, u], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # judged on other cells, whether or not it came to its end
        found = GaussianMixture(
            form.k, covariance_type=form.shape, reg_covar=REGULAR, n_init=2, max_iter=ITERATIONS, random_state=seed
        ).fit(together)
    for j, whole in enumerate(_covariances(found)):
        of_x, of_u, across = whole[:e, :e], whole[e:, e:], whole[:e, e:]
        slope = np.linalg.solve(of_x, across) if e else across
        values, vectors = np.linalg.eigh(of_u - across.T @ slope)
        core.vectors[j] = torch.from_numpy(vectors)
        core.values[j] = torch.from_numpy(values.clip(min=FLOOR))
        core.means[j] = torch.from_numpy(found.means_[j, e:] - found.means_[j, :e] @ slope)
        core.share_bias[j] = float(np.log(max(found.weights_[j], 1e-12)))
        if e:
            root = np.linalg.inv(np.linalg.cholesky(of_x)).T
            core.slopes[j] = torch.from_numpy(slope / scale[:, None])
            core.places[j] = torch.from_numpy(found.means_[j, :e] * scale)
            core.roots[j] = torch.from_numpy(root / scale[:, None])
            core.share_bias[j] += float(np.log(np.diag(root)).sum())
    part = found.predict(together)
    if not e and c.shape[1] and len(np.unique(part)) == form.k:
        _set_shares(core, c, part)
    return core


def _set_shares(core: Core, c: np.ndarray, part: np.ndarray) -> None:
    """Weights of the components by a logistic regression of each cell's component on its condition."""
    spread = c.std(0) + 1e-2
    found = LogisticRegression(C=0.1, max_iter=200).fit(c / spread, part)
    coef, bias = found.coef_, found.intercept_
    if core.k == 2:  # sklearn then gives the logit of the second
        coef, bias = np.concatenate([0 * coef, coef]), np.concatenate([0 * bias, bias])
    core.share.copy_(torch.from_numpy((coef / spread).T))
    core.share_bias.copy_(torch.from_numpy(bias))


def _covariances(found: GaussianMixture) -> np.ndarray:
    """(k, d, d), whatever the shape."""
    k, d = found.means_.shape
    given = found.covariances_
    if found.covariance_type == "full":
        return np.asarray(given)
    if found.covariance_type == "tied":
        return np.broadcast_to(given, (k, d, d))
    return np.stack([np.diag(np.broadcast_to(row, (d,))) for row in given])

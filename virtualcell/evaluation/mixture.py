"""A Gaussian mixture from which a target is drawn given a condition: what every learned generator stands beside."""

from __future__ import annotations

import copy
import itertools
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from virtualcell.evaluation.generated import energy_score
from virtualcell.evaluation.populations import as_population

COMPONENTS = (1, 2, 3, 5, 8, 12)
RIDGES = (1e-3, 3e-2, 3e-1)
"""Added to the variances of standardised columns: few cells need a wide one."""
KINDS = ("full", "tied")
VALID_SHARE = 0.2
CHOOSING_DRAWS = 20


@dataclass(frozen=True)
class _Fit:
    """A mixture over the standardised columns [condition, target]."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    n_condition: int

    @classmethod
    def of(cls, joint: np.ndarray, n_condition: int, components: int, kind: str, ridge: float, seed: int) -> _Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a run cut off is judged by its likelihood like any other
            found = GaussianMixture(
                components, covariance_type=kind, reg_covar=ridge, n_init=2, max_iter=200, random_state=seed
            ).fit(joint)
        covariances = found.covariances_ if kind == "full" else np.repeat(found.covariances_[None], components, axis=0)
        return cls(found.weights_, found.means_, covariances, n_condition)

    def given(self, condition: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """log weights (cells, k), means (cells, k, d) and Cholesky factors (k, d, d) of the target at each condition."""
        c, log_weights, means, factors = self.n_condition, [], [], []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            if c:
                factor = np.linalg.cholesky(covariance[:c, :c])
                off = np.linalg.solve(factor, (condition - mean[:c]).T).T
                log_weights.append(np.log(weight) - np.log(np.diag(factor)).sum() - 0.5 * (off**2).sum(1))
                slope = np.linalg.solve(covariance[:c, :c], covariance[:c, c:])
                means.append(mean[c:] + (condition - mean[:c]) @ slope)
                left = covariance[c:, c:] - covariance[c:, :c] @ slope
            else:
                log_weights.append(np.full(len(condition), np.log(weight)))
                means.append(np.repeat(mean[None], len(condition), axis=0))
                left = covariance
            factors.append(np.linalg.cholesky((left + left.T) / 2))
        found = np.stack(log_weights, 1)
        return found - logsumexp(found, axis=1, keepdims=True), np.stack(means, 1), np.stack(factors)

    def draw(self, condition: np.ndarray, n_draws: int, seed: int) -> np.ndarray:
        """Standardised targets drawn for each condition (cells, c): (draws, cells, d)."""
        rng = np.random.default_rng(seed)
        log_weights, means, factors = self.given(condition)
        share = np.exp(log_weights).cumsum(1)
        n, d = len(condition), means.shape[2]
        drawn = np.empty((n_draws, n, d))
        for i in range(n_draws):
            which = (rng.random((n, 1)) * share[:, -1:] > share[:, :-1]).sum(1)
            noise = np.einsum("nij,nj->ni", factors[which], rng.standard_normal((n, d)))
            drawn[i] = means[np.arange(n), which] + noise
        return drawn

    def log_density(self, condition: np.ndarray, target: np.ndarray) -> np.ndarray:
        """log p(target | condition) of each cell, (cells,)."""
        log_weights, means, factors = self.given(condition)
        parts = []
        for k, factor in enumerate(factors):
            off = np.linalg.solve(factor, (target - means[:, k]).T).T
            parts.append(log_weights[:, k] - np.log(np.diag(factor)).sum() - 0.5 * (off**2).sum(1))
        return logsumexp(np.stack(parts, 1), axis=1) - 0.5 * target.shape[1] * np.log(2 * np.pi)


class ConditionalMixture:
    """Gaussian mixture on [condition, target], conditioned in closed form (Bishop 2006, eq. 2.81-2.82 and 9.7).

    Number of components (1 to 12), shared or own covariances and the ridge on variances are those under which a fifth of the
    training cells, kept aside, is most probable given its conditions; the mixture is then fitted to all of them.
    ``chosen_by_energy_score`` is the mixture whose 20 draws have the least energy score on these cells instead.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def fit(self, condition: np.ndarray, target: np.ndarray) -> ConditionalMixture:
        """condition: (cells, c), c may be 0; target: (cells, d); both finite. A label is given as 0 and 1 in a column each."""
        y = as_population(target, "target")
        x = np.asarray(condition, dtype=np.float64)
        if x.shape[:1] != y.shape[:1] or x.ndim != 2 or not np.isfinite(x).all():
            raise ValueError(f"condition {x.shape} and target {y.shape} must be finite tables of the same cells.")
        self._x = _Scale.of(x)
        self._y = _Scale.of(y)
        joint, c = np.hstack([self._x.into(x), self._y.into(y)]), x.shape[1]
        order = np.random.default_rng(self.seed).permutation(len(joint))
        n_valid = max(1, int(VALID_SHARE * len(joint)))
        valid, train = joint[order[:n_valid]], joint[order[n_valid:]]
        self.tried: dict[tuple[int, str, float], float] = {}
        """Mean log-likelihood of the cells kept aside (nats a cell) by components, kind of covariance and ridge."""
        self.scores: dict[tuple[int, str, float], float] = {}
        """Mean energy score of the same cells, in standardised units; lower is better."""
        for k, kind, ridge in itertools.product(COMPONENTS, KINDS, RIDGES):
            if k * 5 > len(train) or (k == 1 and kind == "tied"):
                continue
            fit = _Fit.of(train, c, k, kind, ridge, self.seed)
            self.tried[k, kind, ridge] = float(fit.log_density(valid[:, :c], valid[:, c:]).mean())
            drawn = fit.draw(valid[:, :c], CHOOSING_DRAWS, self.seed)
            self.scores[k, kind, ridge] = float(energy_score(drawn, valid[:, c:]).mean())
        self.chosen = max(self.tried, key=lambda key: self.tried[key])
        self._fit = _Fit.of(joint, c, *self.chosen, self.seed)
        self._joint = joint
        return self

    def chosen_by_energy_score(self) -> ConditionalMixture:
        """Of the same mixtures that with the best draws."""
        other = copy.copy(self)
        other.chosen = min(self.scores, key=lambda key: self.scores[key])
        other._fit = _Fit.of(self._joint, self._fit.n_condition, *other.chosen, self.seed)
        return other

    def draw(self, condition: np.ndarray, n_draws: int = 1, seed: int = 0) -> np.ndarray:
        """Targets drawn for each condition (cells, c): (draws, cells, d)."""
        return self._y.out(self._fit.draw(self._x.into(np.asarray(condition, dtype=np.float64)), n_draws, seed))

    def mean(self, condition: np.ndarray) -> np.ndarray:
        """Expected target at each condition, (cells, d)."""
        log_weights, means, _ = self._fit.given(self._x.into(np.asarray(condition, dtype=np.float64)))
        return self._y.out((np.exp(log_weights)[:, :, None] * means).sum(1))

    def log_density(self, condition: np.ndarray, target: np.ndarray) -> np.ndarray:
        """log p(target | condition) in nats, (cells,), in the units of the target."""
        found = self._fit.log_density(
            self._x.into(np.asarray(condition, dtype=np.float64)), self._y.into(np.asarray(target, dtype=np.float64))
        )
        return found - np.log(self._y.spread).sum()


@dataclass(frozen=True)
class _Scale:
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> _Scale:
        spread = values.std(0)
        return cls(values.mean(0), np.where(spread > 1e-12, spread, 1.0))

    def into(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.spread

    def out(self, values: np.ndarray) -> np.ndarray:
        return values * self.spread + self.mean

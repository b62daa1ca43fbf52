"""Do two measurements fit as those of one cell? What a joint normal distribution says of it, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 0.99
"""Canonical correlations are cut here: nearer to 1 the ratio has no bound."""


@dataclass(frozen=True)
class GaussianPairs:
    """Log-likelihood ratio of a joint normal distribution to the product of its margins, in canonical coordinates.

    With u, v the canonical variates of source and target (Hotelling 1936) and r their correlations, in nats

        log p(a, b) - log p(a) p(b) = sum over d of -log(1 - r^2) / 2 + (r u v - r^2 (u^2 + v^2) / 2) / (1 - r^2)

    source_mean (p,), source_map (p, k), target_mean (q,), target_map (q, k): inputs to variates; correlations (k,) in [0, 0.99].
    """

    source_mean: np.ndarray
    source_map: np.ndarray
    target_mean: np.ndarray
    target_map: np.ndarray
    correlations: np.ndarray

    @classmethod
    def fit(cls, source: np.ndarray, target: np.ndarray, *, ridge: float = 0.0, rank: int | None = None) -> GaussianPairs:
        """From matched rows (cells, p) and (cells, q).

        ridge: added to each input's variance, in units of its mean variance: directions of little variance are trusted less
        (Vinod 1976). rank: canonical dimensions kept, all by default. Each correlation is then lowered by what as many unrelated
        inputs would show by chance: r^2 becomes (r^2 - c) / (1 - c), not below 0, with c = (p + q) / cells, at most 1/2.
        """
        a, b = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
        n = len(a)
        means = a.mean(0), b.mean(0)
        a, b = a - means[0], b - means[1]
        whiteners = [_whitener(x.T @ x / n, ridge) for x in (a, b)]
        left, found, right = np.linalg.svd(whiteners[0].T @ (a.T @ b / n) @ whiteners[1])
        k = min(len(found), rank or len(found))
        maps = whiteners[0] @ left[:, :k], whiteners[1] @ right.T[:, :k]
        # A ridge makes variates of less than unit variance: the ratio wants unit variance and the correlation as it is.
        scales = [np.maximum((x @ m).std(0), 1e-12) for x, m in zip((a, b), maps, strict=True)]
        correlations = ((a @ maps[0]) * (b @ maps[1])).mean(0) / (scales[0] * scales[1])
        chance = min(0.5, (a.shape[1] + b.shape[1]) / n)
        shrunk = np.sqrt(np.clip((correlations**2 - chance) / (1 - chance), 0, MOST**2))
        return cls(means[0], maps[0] / scales[0], means[1], maps[1] / scales[1], shrunk)

    def take(self, rank: int) -> GaussianPairs:
        """The leading canonical dimensions alone."""
        return GaussianPairs(
            self.source_mean, self.source_map[:, :rank], self.target_mean, self.target_map[:, :rank], self.correlations[:rank]
        )

    def variates(self, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canonical variates of the two sides, (cells, k) each."""
        return (source - self.source_mean) @ self.source_map, (target - self.target_mean) @ self.target_map

    def score(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Nats, (cells,), of rows (cells, p) and (cells, q) that are asked to be of one cell."""
        u, v = self.variates(source, target)
        r = self.correlations
        each = -0.5 * np.log1p(-(r**2)) + (r * u * v - 0.5 * r**2 * (u**2 + v**2)) / (1 - r**2)
        return each.sum(1)

    def score_all(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Nats of every source with every target, (n, m)."""
        u, v = self.variates(source, target)
        r = self.correlations
        own = 0.5 * r**2 / (1 - r**2)
        return -0.5 * np.log1p(-(r**2)).sum() + (u * (r / (1 - r**2))) @ v.T - (u**2 @ own)[:, None] - (v**2 @ own)


def _whitener(covariance: np.ndarray, ridge: float) -> np.ndarray:
    """W (p, p) with W.T (covariance + ridge) W = 1 on directions that vary."""
    values, axes = np.linalg.eigh(covariance + ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))
    kept = values > 1e-10 * max(values[-1], 1e-300)
    return np.where(kept, axes / np.sqrt(np.where(kept, values, 1.0)), 0.0)

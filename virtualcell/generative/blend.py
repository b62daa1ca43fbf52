"""How much each law counts in a blend: the weights under which the blend scores best on cells kept aside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from virtualcell.generative.examples import Examples

POPULATIONS = 3
LEAST = 0.05
"""A law that would count less than this is left out."""


@dataclass(frozen=True)
class Blend:
    """Mean distances on cells kept aside, of which the score of every blend of laws follows.

    near (laws,): E|X - y|; apart (laws, laws): E|X - X'| of draws for the same cell; across (laws,), between (laws, laws) and
    within (): the same between different cells, for the target alone and for condition and target together, added up.
    """

    near: np.ndarray
    apart: np.ndarray
    across: np.ndarray
    between: np.ndarray
    within: float

    @classmethod
    def over(cls, draws: list[list[np.ndarray]], judged: list[Examples]) -> Blend:
        """From several sets of cells, each weighing as many cells as it has: draws[law][set] (k, cells, d)."""
        parts = [cls.of([of_law[i] for of_law in draws], cells.target, cells.embedding) for i, cells in enumerate(judged)]
        share = np.array([cells.n for cells in judged], dtype=float)
        share /= share.sum()
        names = ("near", "apart", "across", "between", "within")
        return cls(*(sum(w * getattr(part, name) for w, part in zip(share, parts, strict=True)) for name in names))

    @classmethod
    def of(cls, draws: list[np.ndarray], measured: np.ndarray, embedding: np.ndarray) -> Blend:
        """draws: of each law (k, cells, d), k > POPULATIONS; measured (cells, d); embedding (cells, e), the condition, e may be
        0."""
        n = len(draws)
        near = np.array([np.linalg.norm(drawn - measured, axis=2).mean() for drawn in draws])
        apart, across, between = np.zeros((n, n)), np.zeros(n), np.zeros((n, n))
        spaces = [np.zeros((len(measured), 0))] + ([embedding] if embedding.shape[1] else [])
        for a in range(n):
            across[a] = np.mean(
                [sum(_other(_with(s, draws[a][r]), _with(s, measured)) for s in spaces) for r in range(POPULATIONS)]
            )
            for b in range(a + 1):
                shifts = range(1, len(draws[a]))
                apart[a, b] = apart[b, a] = np.mean(
                    [np.linalg.norm(draws[a] - np.roll(draws[b], shift, axis=0), axis=2).mean() for shift in shifts]
                )
                between[a, b] = between[b, a] = np.mean(
                    [sum(_other(_with(s, draws[a][r]), _with(s, draws[b][r + 1])) for s in spaces) for r in range(POPULATIONS)]
                )
        within = sum(_other(_with(s, measured), _with(s, measured)) for s in spaces)
        return cls(near, apart, across, between, float(within))

    def score(self, weights: np.ndarray) -> float:
        """Energy score a cell of the blend (Gneiting & Raftery 2007, eq. 22), weights (laws,) adding up to 1; lower is better."""
        return float(weights @ self.near - weights @ self.apart @ weights / 2)

    def distance(self, weights: np.ndarray) -> float:
        """Energy distance of the blend's population from the measured one, of targets and of condition and target together,
        added up; without bias (pairs of the same cell are left out)."""
        return float(2 * weights @ self.across - weights @ self.between @ weights - self.within)

    def loss(self, weights: np.ndarray) -> float:
        """Both together, proper each: the one is of cells, the other of the population."""
        return self.score(weights) + self.distance(weights)

    def weights(self) -> np.ndarray:
        """Weights (laws,), none below 0, that add up to 1 and have the least loss: stacking (Yao et al. 2018) by a quadratic
        programme. A blend never scores worse than its laws do on average, because both terms are convex in the law."""
        n = len(self.near)
        best = np.eye(n)[int(np.argmin([self.loss(row) for row in np.eye(n)]))]
        for start in (best, np.full(n, 1 / n)):
            found = minimize(
                self.loss, start, method="SLSQP", bounds=[(0, 1)] * n, constraints={"type": "eq", "fun": lambda w: w.sum() - 1}
            ).x.clip(min=0)
            found = np.where(found >= LEAST, found, 0) if (found >= LEAST).any() else found
            found = found / found.sum()
            if self.loss(found) < self.loss(best):
                best = found
        return best


def _with(embedding: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.concatenate([embedding, values], 1)


def _other(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of a cell of a to another cell of b, both (cells, d) and in the same order of cells."""
    found = cdist(a, b)
    return float((found.sum() - np.trace(found)) / (len(a) * (len(a) - 1)))

"""How many cells arrive: the share of pushed cells that lie among the cells of a goal rather than where they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

COMPONENTS, FOLDS, INSIDE = 30, 5, 0.95

FEWEST = 10
"""Cells of start and of goal, below which neither can be told from the other and still be tested on cells left out."""


@dataclass(frozen=True)
class Share:
    """Of n cells, with Wilson's interval over cells (Wilson 1927), 95 %."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, arrived: np.ndarray) -> Share:
        """arrived (n,) bool."""
        found = binomtest(int(arrived.sum()), len(arrived)).proportion_ci(0.95, method="wilson")
        return cls(float(arrived.mean()), float(found.low), float(found.high))


class Arrival:
    """Tells cells that arrived from cells that did not, by measured cells of start (n, genes) and goal (m, genes).

    A cell has arrived that is more likely of the goal than of the start, by linear discriminants with a covariance shrunk by
    Ledoit & Wolf 2004, both as likely beforehand, and that lies no farther from the goal's middle (Mahalanobis) than 95 % of the
    goal's own cells: one that is pushed past the goal did not arrive. In five folds: a cell is judged by a rule that was
    fitted to neither it nor what it came from; components are of all. ValueError for fewer than ten cells on either side.
    """

    def __init__(self, start: np.ndarray, goal: np.ndarray, seed: int = 0) -> None:
        if min(len(start), len(goal)) < FEWEST:
            raise ValueError(f"Ten cells or more are needed on either side to say how many arrive: {len(start)} and {len(goal)}.")
        rng = np.random.default_rng(seed)
        both = np.concatenate([start, goal])
        self._space = PCA(min(COMPONENTS, *np.subtract(both.shape, 1)), random_state=seed).fit(both)
        here, there = self._space.transform(start), self._space.transform(goal)
        self._fold = rng.permutation(len(here)) % FOLDS
        of_goal = rng.permutation(len(there)) % FOLDS
        self._rules = [_Rule.of(here[self._fold != k], there[of_goal != k]) for k in range(FOLDS)]
        self.without_push = self.of(start)
        """Cells of the start that pass for cells of the goal as they are: what any push has to beat."""
        self.of_goal = Share.of(np.concatenate([self._rules[k](there[of_goal == k]) for k in range(FOLDS)]))
        """Cells of the goal that are known for such: no push is expected to bring more."""

    def of(self, pushed: np.ndarray) -> Share:
        """pushed (n, genes): the cells of the start after a push, in the same order."""
        if len(pushed) != len(self._fold):
            raise ValueError(f"{len(pushed)} cells were pushed of {len(self._fold)} at the start.")
        at, arrived = self._space.transform(pushed), np.zeros(len(pushed), dtype=bool)
        for k, rule in enumerate(self._rules):
            arrived[self._fold == k] = rule(at[self._fold == k])
        return Share.of(arrived)


@dataclass(frozen=True)
class _Rule:
    tell: LinearDiscriminantAnalysis
    middle: np.ndarray
    precision: np.ndarray
    reach: float

    @classmethod
    def of(cls, here: np.ndarray, there: np.ndarray) -> _Rule:
        tell = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
        tell.fit(np.concatenate([here, there]), np.repeat([0, 1], [len(here), len(there)]))
        precision, middle = np.linalg.pinv(tell.covariance_, hermitian=True), there.mean(0)
        return cls(tell, middle, precision, float(np.quantile(_far(there - middle, precision), INSIDE)))

    def __call__(self, cells: np.ndarray) -> np.ndarray:
        return (self.tell.predict(cells) == 1) & (_far(cells - self.middle, self.precision) <= self.reach)


def _far(apart: np.ndarray, precision: np.ndarray) -> np.ndarray:
    return np.einsum("ni,ij,nj->n", apart, precision, apart)

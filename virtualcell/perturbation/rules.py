"""Simple predictions of what a treatment changes, which every learned one must stand beside; all as ``ResponsePredictor``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from sklearn.decomposition import PCA

from virtualcell.perturbation.screen import ALL, Screen

COMPONENTS = 30


class Rule(ABC):
    """A rule knows the changes of whole groups, as measured: (treatment, group) -> (genes,)."""

    name = ""

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        """ValueError where no treatment has two cells, and two untreated ones, in one group."""
        self.screen, self.seed = screen, seed
        self.seen = {(name, group): screen.change(name, group) for name, group in screen.measured()}
        if not self.seen:
            raise ValueError("No treatment was measured in two cells or more of a group that has two untreated ones.")
        self.known = sorted({name for name, _ in self.seen})
        return self

    @abstractmethod
    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        """(n, genes). LookupError where nothing that was measured supports a prediction."""

    def groups_of(self, treatment: str) -> list[str]:
        """Where a treatment was measured. LookupError where it was nowhere."""
        found = [group for name, group in self.seen if name == treatment]
        if not found:
            raise LookupError(f"{treatment!r} was never measured.")
        return found

    def mean_change(self, treatment: str) -> np.ndarray:
        """By a treatment, over the groups where it was measured, (genes,). LookupError where it was nowhere."""
        return np.mean([self.seen[treatment, group] for group in self.groups_of(treatment)], axis=0)

    def components(self) -> PCA:
        """Components of all training cells."""
        n = min(COMPONENTS, *np.subtract(self.screen.expression.shape, 1))
        return PCA(n, random_state=self.seed).fit(self.screen.expression)


class SameForAll(Rule):
    """A rule that says one change of all cells it is given."""

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        return np.tile(self.one_change(cells, treatment), (len(cells), 1))

    @abstractmethod
    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        """The change of all of these cells, (genes,)."""


class NoChange(SameForAll):
    name = "no change"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        return np.zeros(cells.shape[1])


class TrainingMean(SameForAll):
    """The mean of all changes that were measured; of one treatment in other groups, where it was measured there."""

    name = "mean of training changes"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        same = [change for (name, _), change in self.seen.items() if name == treatment]
        return np.mean(same or list(self.seen.values()), axis=0)

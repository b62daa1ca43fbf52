"""Rules for a group of cells, as of one type, in which a treatment was never measured: from the groups in which it was."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from virtualcell.perturbation.pairs import partners
from virtualcell.perturbation.response import FEWEST_GROUPS, apart
from virtualcell.perturbation.rules import NoChange, Rule, SameForAll, TrainingMean
from virtualcell.perturbation.screen import ALL, ResponsePredictor, Screen


class RuleOfGroups(Rule):
    """A rule with one setting, chosen for each treatment as the response chooses its own: each group in which it was measured is
    left out in turn, and what is nearest to its treated cells by energy distance is taken. With fewer than three such groups it
    is ``usual``."""

    options: tuple[float, ...] = ()
    usual: float = 0.0

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        super().fit(screen, seed)
        self.prepare()
        self.chosen = {name: self._choose(name) for name in self.known}
        return self

    def prepare(self) -> None:
        """What the rule learns of all training cells, whatever its setting."""

    @abstractmethod
    def from_groups(self, cells: np.ndarray, treatment: str, groups: Sequence[str], option: float) -> np.ndarray:
        """What these groups say of the change of cells (n, genes): (n, genes) or, the same for all, (genes,)."""

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        found = self.from_groups(cells, treatment, self.groups_of(treatment), self.chosen[treatment])
        return np.broadcast_to(found, cells.shape).copy()

    def changes(self, treatment: str, groups: Sequence[str]) -> np.ndarray:
        """(groups, genes)."""
        return np.array([self.seen[treatment, group] for group in groups])

    def _choose(self, treatment: str) -> float:
        groups = self.groups_of(treatment)
        if len(groups) < FEWEST_GROUPS:
            return self.usual
        space, errors = self.components(), dict.fromkeys(self.options, 0.0)
        for held in groups:
            others = [group for group in groups if group != held]
            untreated = self.screen.untreated(held)
            there = space.transform(self.screen.treated(treatment, held))
            for option in self.options:
                predicted = untreated + self.from_groups(untreated, treatment, others, option)
                errors[option] += apart(space.transform(predicted), there)
        return min(errors, key=lambda option: errors[option])


def distances(rule: Rule, cells: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Of the mean of these cells from those of untreated groups, (groups,)."""
    return np.array([np.linalg.norm(rule.screen.untreated(group).mean(0) - cells.mean(0)) for group in groups])


class NearestGroup(SameForAll):
    """The change of the group whose untreated cells are most alike."""

    name = "change of the nearest group"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        groups = self.groups_of(treatment)
        return self.seen[treatment, groups[int(distances(self, cells, groups).argmin())]]


class NearestGroups(RuleOfGroups):
    """The mean change of the k groups whose untreated cells are most alike."""

    name = "k nearest groups"
    options, usual = (1, 2, 3, 4, 6), 2

    def from_groups(self, cells: np.ndarray, treatment: str, groups: Sequence[str], option: float) -> np.ndarray:
        near = np.argsort(distances(self, cells, groups), kind="stable")[: int(option)]
        return self.changes(treatment, groups)[near].mean(0)


class SimilarGroups(RuleOfGroups):
    """Changes of the other groups, weighted by exp(-(distance / (temperature times that of the nearest))^2)."""

    name = "changes weighted by likeness"
    options, usual = (0.5, 0.7, 1.0, 1.4, 2.0, 4.0, np.inf), 1.0

    def from_groups(self, cells: np.ndarray, treatment: str, groups: Sequence[str], option: float) -> np.ndarray:
        far = distances(self, cells, groups)
        nearest = max(far.min(), 1e-12)
        weight = np.exp(-(((far**2 - far.min() ** 2) / nearest**2) / option**2))
        return weight @ self.changes(treatment, groups) / weight.sum()


class RidgeOnComponents(RuleOfGroups):
    """A ridge from components of a group's untreated mean to its change: groups are its data, not cells. Setting: its strength,
    over the mean variance of the directions in which groups differ."""

    name = "ridge on components of groups"
    options, usual = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf), 1.0

    def from_groups(self, cells: np.ndarray, treatment: str, groups: Sequence[str], option: float) -> np.ndarray:
        means = np.array([self.screen.untreated(name).mean(0) for name in groups])
        changes = self.changes(treatment, groups)
        if not np.isfinite(option):
            return changes.mean(0)
        middle, spread = means.mean(0), means - means.mean(0)
        # In the space of groups, which are fewer than genes: all components of their means.
        inner = spread @ spread.T
        inner += option * max(np.trace(inner) / len(inner), 1e-12) * np.eye(len(inner))
        return changes.mean(0) + (cells.mean(0) - middle) @ spread.T @ np.linalg.solve(inner, changes - changes.mean(0))


class Latent(RuleOfGroups):
    """Arithmetic on components of all cells, groups of equal weight: the treated mean minus the untreated (scGen, Lotfollahi et
    al. 2019, with principal components in place of its autoencoder). Setting: how many components."""

    name = "latent arithmetic"
    options, usual = (3, 5, 10, 20, 30), 30

    def prepare(self) -> None:
        self.basis = self.components().components_

    def from_groups(self, cells: np.ndarray, treatment: str, groups: Sequence[str], option: float) -> np.ndarray:
        basis = self.basis[: int(option)]
        return basis.T @ (basis @ self.changes(treatment, groups).mean(0))


class Transported(RuleOfGroups):
    """Each cell changes as the k training cells nearest to it would, towards their soft partners by optimal transport."""

    name = "transport of the nearest cells"
    options, usual = (1, 3, 10, 30, 100), 10

    def prepare(self) -> None:
        self.space = self.components()
        self.pairs: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
        for name, group in self.seen:
            untreated, treated = self.screen.untreated(group), self.screen.treated(name, group)
            rows, weights = partners(self.space.transform(untreated), self.space.transform(treated), self.seed)
            self.pairs[name, group] = self.space.transform(untreated[rows]), weights @ treated - untreated[rows]

    def from_groups(self, cells: np.ndarray, treatment: str, groups: Sequence[str], option: float) -> np.ndarray:
        at, moved = (np.concatenate(part) for part in zip(*(self.pairs[treatment, group] for group in groups), strict=True))
        near = np.argsort(cdist(self.space.transform(cells), at), axis=1)[:, : int(option)]
        return np.mean([moved[nth] for nth in near.T], axis=0)


def rules_across_groups() -> list[ResponsePredictor]:
    """What can be said of a group in which the treatment was never measured."""
    return [
        NoChange(),
        TrainingMean(),
        NearestGroup(),
        NearestGroups(),
        SimilarGroups(),
        RidgeOnComponents(),
        Latent(),
        Transported(),
    ]

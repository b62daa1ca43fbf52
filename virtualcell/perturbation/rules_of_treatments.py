"""Rules for a combination of treatments that was never measured: from its parts, alone or in other combinations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import product
from typing import Self

import numpy as np

from virtualcell.perturbation.response import FEWEST_GROUPS
from virtualcell.perturbation.rules import COMPONENTS, NoChange, SameForAll, TrainingMean
from virtualcell.perturbation.rules_of_groups import Transported
from virtualcell.perturbation.screen import ALL, ResponsePredictor, Screen

Changes = Mapping[str, np.ndarray]
"""Treatment -> its measured change (genes,), mean over groups."""


class Additive(SameForAll):
    """The sum of the changes of the parts, as measured."""

    name = "additive"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        return np.sum([self.mean_change(part) for part in treatment.split("+")], axis=0)


class AdditiveMedian(SameForAll):
    """The same, from the median over the control and all treated means in place of the control: most genes are left alone by most
    treatments, so that it is the surer where control cells are few."""

    name = "additive, median as control"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        return np.sum(
            [np.mean([self._moved(part, group) for group in self.groups_of(part)], axis=0) for part in treatment.split("+")],
            axis=0,
        )

    def _moved(self, treatment: str, group: str) -> np.ndarray:
        treated = {name: self.screen.treated(name, group).mean(0) for name, where in self.seen if where == group}
        middle = np.median([self.screen.untreated(group).mean(0), *treated.values()], axis=0)
        return treated[treatment] - middle


class MatchingMean(SameForAll):
    """The mean of the changes of the parts (Systema, Vinas Torne et al. 2025)."""

    name = "matching mean"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        return np.mean([self.mean_change(part) for part in treatment.split("+")], axis=0)


class NearestTreatments(SameForAll):
    """The changes of training treatments that share a part, weighted by the share of parts in common (Jaccard)."""

    name = "treatments that share a gene"

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        asked = set(treatment.split("+"))
        parts = [set(name.split("+")) for name, _ in self.seen]
        weight = np.array([len(asked & own) / len(asked | own) for own in parts])
        if not weight.any():
            raise LookupError(f"No treatment with a part of {treatment!r} was measured.")
        return weight @ np.array(list(self.seen.values())) / weight.sum()


class LatentSum(SameForAll):
    """The sum of the changes of the parts in components of all cells (scGen's arithmetic, Lotfollahi et al. 2019, with principal
    components in place of its autoencoder)."""

    name = "latent arithmetic"

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        super().fit(screen, seed)
        self.basis = self.components().components_
        return self

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        moved = np.sum([self.mean_change(part) for part in treatment.split("+")], axis=0)
        return self.basis.T @ (self.basis @ moved)


class TransportedSum(Transported):
    """Each cell changes as the untreated cells nearest to it would under each part, towards their soft partners."""

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        return np.sum([super(TransportedSum, self).change(cells, part, group) for part in treatment.split("+")], axis=0)


class RuleOfTreatments(SameForAll):
    """A rule with settings, chosen by leaving out each measured combination in turn: those that come nearest to its change, in
    squared error over genes. With fewer than three combinations that others say something of they are ``usual``."""

    options: tuple[tuple[float, ...], ...] = ()
    usual: tuple[float, ...] = ()

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        super().fit(screen, seed)
        self.changes = {name: self.mean_change(name) for name in self.known}
        self.chosen = self._choose()
        return self

    @abstractmethod
    def from_changes(self, changes: Changes, treatment: str, option: tuple[float, ...]) -> np.ndarray:
        """What measured changes say of a treatment, (genes,). LookupError where no part of it is among them."""

    def one_change(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        return self.from_changes(self.changes, treatment, self.chosen)

    def _choose(self) -> tuple[float, ...]:
        errors, cases = dict.fromkeys(self.options, 0.0), 0
        for held in (name for name in self.known if "+" in name):
            others = {name: change for name, change in self.changes.items() if name != held}
            if supported(others, held):
                cases += 1
                for option in self.options:
                    errors[option] += float(((self.from_changes(others, held, option) - self.changes[held]) ** 2).sum())
        return min(errors, key=lambda option: errors[option]) if cases >= FEWEST_GROUPS else self.usual


def supported(changes: Changes, treatment: str) -> bool:
    """Whether some part of a treatment was measured, alone or in a combination."""
    return bool(set(treatment.split("+")) & {part for name in changes for part in name.split("+")})


class KNearestTreatments(RuleOfTreatments):
    """The mean change of the k treatments nearest in an embedding: components of the measured changes; a combination that was not
    measured lies where those of its parts that were measured alone add up to. Setting: k."""

    name = "k nearest treatments"
    options, usual = tuple((float(k),) for k in (1, 2, 3, 5, 8, 13)), (3.0,)

    def from_changes(self, changes: Changes, treatment: str, option: tuple[float, ...]) -> np.ndarray:
        parts = [part for part in treatment.split("+") if part in changes]
        if not supported(changes, treatment):
            raise LookupError(f"No treatment with a part of {treatment!r} was measured.")
        table = np.array(list(changes.values()))
        _, _, axes = np.linalg.svd(table, full_matrices=False)
        places = table @ axes[:COMPONENTS].T
        there = np.sum([changes[part] for part in parts], axis=0) if parts else np.zeros(table.shape[1])
        far = np.linalg.norm(places - axes[:COMPONENTS] @ there, axis=1)
        return table[np.argsort(far, kind="stable")[: int(option[0])]].mean(0)


class RidgeOnParts(RuleOfTreatments):
    """A ridge from the parts that a treatment has to components of its change, each part's own and one that all treatments share.
    Settings: strength, of one treatment's worth of evidence, and how many components."""

    name = "ridge on components of treatments"
    options = tuple(product((0.03, 0.1, 0.3, 1.0, 3.0), (3.0, 10.0, 30.0)))
    usual = (0.3, 10.0)

    def from_changes(self, changes: Changes, treatment: str, option: tuple[float, ...]) -> np.ndarray:
        if not supported(changes, treatment):
            raise LookupError(f"No treatment with a part of {treatment!r} was measured.")
        strength, n = option
        parts = sorted({part for name in changes for part in name.split("+")})
        given = np.array([[part in name.split("+") for part in parts] for name in changes], dtype=float)
        table = np.array(list(changes.values()))
        middle, apart = table.mean(0), table - table.mean(0)
        _, _, axes = np.linalg.svd(apart, full_matrices=False)
        axes = axes[: int(n)]
        centred = given - given.mean(0)
        inner = centred.T @ centred + strength * np.eye(len(parts))
        slope = np.linalg.solve(inner, centred.T @ (apart @ axes.T))
        asked = np.array([part in treatment.split("+") for part in parts], dtype=float)
        return middle + (asked - given.mean(0)) @ slope @ axes


def rules_across_treatments() -> list[ResponsePredictor]:
    """What can be said of a combination that was never measured, from its parts."""
    return [
        NoChange(),
        TrainingMean(),
        MatchingMean(),
        Additive(),
        AdditiveMedian(),
        NearestTreatments(),
        KNearestTreatments(),
        RidgeOnParts(),
        LatentSum(),
        TransportedSum(),
    ]

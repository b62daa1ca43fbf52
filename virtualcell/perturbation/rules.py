"""Simple predictions of what a treatment changes, which every learned one must stand beside; all as ``ResponsePredictor``."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from virtualcell.perturbation.pairs import partners
from virtualcell.perturbation.screen import ALL, ResponsePredictor, Screen

COMPONENTS, NEIGHBOURS = 30, 10


class Rule:
    """Changes of whole groups, as measured: treatment, group -> (genes,)."""

    name = ""

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        """ValueError where no treatment has two cells, and two untreated ones, in one group."""
        self.screen, self.seed = screen, seed
        self.seen = {(name, group): screen.change(name, group) for name, group in screen.measured()}
        if not self.seen:
            raise ValueError("No treatment was measured in two cells or more of a group that has two untreated ones.")
        return self

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        """(n, genes). LookupError where nothing that was measured supports a prediction."""
        return np.tile(self.of_group(cells, treatment, group), (len(cells), 1))

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        """The change of all of these cells, (genes,)."""
        raise NotImplementedError

    def elsewhere(self, treatment: str) -> dict[str, np.ndarray]:
        """Group -> change by a treatment. LookupError where it was measured in none."""
        found = {group: change for (name, group), change in self.seen.items() if name == treatment}
        if not found:
            raise LookupError(f"{treatment!r} was never measured.")
        return found

    def far(self, cells: np.ndarray, groups: list[str]) -> np.ndarray:
        """Distances of the mean of these cells from those of untreated groups."""
        return np.array([np.linalg.norm(self.screen.untreated(group).mean(0) - cells.mean(0)) for group in groups])


class NoChange(Rule):
    name = "no change"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        return np.zeros(cells.shape[1])


class TrainingMean(Rule):
    """The mean of all changes that were measured; of one treatment in other groups, where it was measured there (scGen's idea
    without its network: Lotfollahi et al. 2019)."""

    name = "mean of training changes"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        same = [change for (name, _), change in self.seen.items() if name == treatment]
        return np.mean(same or list(self.seen.values()), axis=0)


class NearestGroup(Rule):
    """The change of the group whose untreated cells are most alike."""

    name = "change of the nearest group"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        found = self.elsewhere(treatment)
        return list(found.values())[int(self.far(cells, list(found)).argmin())]


class SimilarGroups(Rule):
    """Changes of the other groups, weighted by exp(-(distance / that of the nearest)^2)."""

    name = "changes weighted by likeness"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        found = self.elsewhere(treatment)
        far = self.far(cells, list(found))
        weight = np.exp(-((far / max(far.min(), 1e-12)) ** 2))
        return weight @ np.array(list(found.values())) / weight.sum()


class RidgeOnComponents(Rule):
    """A ridge from components of a group's untreated mean to its change: groups are its data, not cells."""

    name = "ridge on components of groups"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        found = self.elsewhere(treatment)
        means = np.array([self.screen.untreated(name).mean(0) for name in found])
        changes = np.array(list(found.values()))
        middle, apart = means.mean(0), means - means.mean(0)
        # In the space of groups: fewer than genes. As strong as the mean direction.
        inner = apart @ apart.T
        inner += max(np.trace(inner) / len(inner), 1e-12) * np.eye(len(inner))
        return changes.mean(0) + (cells.mean(0) - middle) @ apart.T @ np.linalg.solve(inner, changes - changes.mean(0))


class Latent(Rule):
    """Arithmetic on components of all cells, groups of equal weight: the treated mean minus the untreated (scGen, Lotfollahi et
    al. 2019, with principal components in place of its autoencoder)."""

    name = "latent arithmetic"

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        super().fit(screen, seed)
        n = min(COMPONENTS, *np.subtract(screen.expression.shape, 1))
        self.space = PCA(n, random_state=seed).fit(screen.expression)
        return self

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        moved = np.mean(list(self.elsewhere(treatment).values()), axis=0)
        return self.space.components_.T @ (self.space.components_ @ moved)


class Transported(Rule):
    """Each cell changes as the ten training cells nearest to it would, towards their soft partners by optimal transport."""

    name = "transport of the nearest cells"

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        super().fit(screen, seed)
        n = min(COMPONENTS, *np.subtract(screen.expression.shape, 1))
        self.space = PCA(n, random_state=seed).fit(screen.expression)
        at: dict[str, list[np.ndarray]] = {}
        moved: dict[str, list[np.ndarray]] = {}
        for name, group in self.seen:
            untreated, treated = screen.untreated(group), screen.treated(name, group)
            rows, weights = partners(self.space.transform(untreated), self.space.transform(treated), seed)
            at.setdefault(name, []).append(self.space.transform(untreated[rows]))
            moved.setdefault(name, []).append(weights @ treated - untreated[rows])
        self.pairs = {name: (np.concatenate(at[name]), np.concatenate(moved[name])) for name in at}
        return self

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        if treatment not in self.pairs:
            raise LookupError(f"{treatment!r} was never measured.")
        at, moved = self.pairs[treatment]
        near = np.argsort(cdist(self.space.transform(cells), at), axis=1)[:, :NEIGHBOURS]
        return moved[near].mean(1)


class Additive(Rule):
    """The sum of the changes of the parts, as measured."""

    name = "additive"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        return np.sum([np.mean(list(self.elsewhere(part).values()), axis=0) for part in treatment.split("+")], axis=0)


class AdditiveMedian(Rule):
    """The same, from the median over the control and all treated means in place of the control: most genes are left alone by most
    treatments, so that it is the surer where control cells are few."""

    name = "additive, median as control"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        moved = []
        for part in treatment.split("+"):
            own = [self._moved(part, where) for name, where in self.seen if name == part]
            if not own:
                raise LookupError(f"{part!r} was never measured.")
            moved.append(np.mean(own, axis=0))
        return np.sum(moved, axis=0)

    def _moved(self, treatment: str, group: str) -> np.ndarray:
        treated = {name: self.screen.treated(name, group).mean(0) for name, where in self.seen if where == group}
        middle = np.median([self.screen.untreated(group).mean(0), *treated.values()], axis=0)
        return treated[treatment] - middle


class MatchingMean(Rule):
    """The mean of the changes of the parts (Systema, Vinas Torne et al. 2025)."""

    name = "matching mean"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        return np.mean([np.mean(list(self.elsewhere(part).values()), axis=0) for part in treatment.split("+")], axis=0)


class NearestTreatments(Rule):
    """The changes of training treatments that share a part, weighted by the share of parts in common (Jaccard)."""

    name = "nearest treatments"

    def of_group(self, cells: np.ndarray, treatment: str, group: str) -> np.ndarray:
        asked = set(treatment.split("+"))
        parts = [set(name.split("+")) for name, _ in self.seen]
        weight = np.array([len(asked & own) / len(asked | own) for own in parts])
        if not weight.any():
            raise LookupError(f"No treatment with a part of {treatment!r} was measured.")
        return weight @ np.array(list(self.seen.values())) / weight.sum()


def rules_across_groups() -> list[ResponsePredictor]:
    """What can be said of a group in which the treatment was never measured."""
    return [NoChange(), TrainingMean(), NearestGroup(), SimilarGroups(), RidgeOnComponents(), Latent(), Transported()]


def rules_across_treatments() -> list[ResponsePredictor]:
    """What can be said of a combination that was never measured, from its parts."""
    return [NoChange(), TrainingMean(), MatchingMean(), Additive(), AdditiveMedian(), NearestTreatments()]

"""How a treatment changes expression, and how that depends on what the cell was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from sklearn.decomposition import PCA

from virtualcell.perturbation.inverse_head import InverseHead
from virtualcell.perturbation.pairs import partners
from virtualcell.perturbation.screen import ALL, Screen
from virtualcell.perturbation.shrinkage import shrink
from virtualcell.predictor.distance import energy_distance

COMPONENTS = 30

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, np.inf)
"""Of the ridge, over pairs times the variance of the widest component; infinite: the change is the same in all cells."""

LEAST_VARIANCE = 1e-4
"""Of a gene's expression over cells: a gene that is zero in all of few cells is not known to be zero."""

FEWEST_GROUPS = 3
"""Of which one is left out, one measures nothing, and two say how a change differs between them."""


@dataclass(frozen=True)
class Ridge:
    """A change linear in components of the untreated cell: mean + (components - middle) slope."""

    middle: np.ndarray
    mean: np.ndarray
    slope: np.ndarray

    @classmethod
    def of(cls, pairs: list[tuple[np.ndarray, np.ndarray]], strength: float) -> Ridge:
        """pairs: (components (n, k), changes (n, genes)) of each group."""
        at, moved = (np.concatenate(part) for part in zip(*pairs, strict=True))
        middle, mean = at.mean(0), moved.mean(0)
        if not np.isfinite(strength):
            return cls(middle, mean, np.zeros((at.shape[1], moved.shape[1])))
        apart = at - middle
        inner = apart.T @ apart
        inner += strength * inner.diagonal().max() * np.eye(len(inner))
        return cls(middle, mean, np.linalg.solve(inner, apart.T @ (moved - mean)))

    def __call__(self, at: np.ndarray) -> np.ndarray:
        return self.mean + (at - self.middle) @ self.slope


@dataclass
class Response:
    """A treatment's change of expression: one part that all cells share, shrunk by what its error is, and one that is linear in
    what the untreated cell is like.

    The linear part is a ridge from components of untreated cells to the change towards their soft partners among the treated of
    their own group (``pairs.partners``); how strong it is, down to none, is decided by leaving each group of the training cells
    out in turn. Where fewer than three groups were measured nothing says how a change differs, and it is the same everywhere.
    Treatments add: "A+B" that was not measured changes what A and B change; what A+B was measured to do beyond that is kept
    as far as its error allows.
    """

    name: str = "VirtualCell"
    strengths: tuple[float, ...] = STRENGTHS
    depth: float = 1e4
    """Counts a cell to which expression was scaled."""
    choice: dict[str, dict[float, float]] = field(default_factory=dict)
    """Treatment -> strength -> mean energy distance over the groups left out."""
    head: InverseHead | None = None
    """Tells which treatment it was; fitted apart (``InverseHead.fit``), and missing from models of before there was one."""

    def fit(self, screen: Screen, seed: int = 0) -> Self:
        """ValueError where no treatment has two cells, and two untreated ones, in one group."""
        measured = list(screen.measured())
        if not measured:
            raise ValueError("No treatment was measured in two cells or more of a group that has two untreated ones.")
        self.treatments = sorted({name for name, _ in measured})
        untreated = screen.untreated()
        basis = PCA(min(COMPONENTS, *np.subtract(untreated.shape, 1)), random_state=seed).fit(untreated)
        self.centre, self.components = basis.mean_, basis.components_
        self.shared, self.error, self.common = shared_changes(screen, measured)
        self.middle: dict[str, np.ndarray] = {}
        self.slope: dict[str, np.ndarray] = {}
        self.choice = {}
        space = PCA(len(self.components), random_state=seed).fit(screen.expression)
        for name in self.treatments:
            groups = [group for known, group in measured if known == name]
            if len(groups) < FEWEST_GROUPS:
                continue
            pairs = {group: self._pairs(screen, name, group, space, seed) for group in groups}
            strength = self._choose(screen, name, pairs, space)
            if np.isfinite(strength):
                fitted = Ridge.of(list(pairs.values()), strength)
                self.middle[name], self.slope[name] = fitted.middle, fitted.slope
        return self

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        """(n, genes); the group says nothing that the cells do not say. LookupError for a treatment of which some part was never
        measured."""
        moved = np.zeros((len(cells), cells.shape[1]))
        at = self._at(cells)
        for part in self.parts(treatment):
            moved += self.shared[part]
            if part in self.slope:
                moved += (at - self.middle[part]) @ self.slope[part]
        return moved

    def otherwise(self, cells: np.ndarray, treatment: str) -> np.ndarray:
        """What it changes in these cells (n, genes) on average beyond what it changed in those it was learned from, (genes,)."""
        shared = np.sum([self.shared[part] for part in self.parts(treatment)], axis=0)
        return self.change(cells, treatment).mean(0) - shared

    def spread(self, treatment: str) -> np.ndarray:
        """Standard error of what all cells share of a change, as of a difference of means, (genes,): parts have the error of the
        untreated mean in common."""
        parts = self.parts(treatment)
        own = np.sum([self.error[part] ** 2 for part in parts], axis=0)
        return np.sqrt(own + np.sum([self.common[part] for part in parts], axis=0) ** 2)

    def parts(self, treatment: str) -> list[str]:
        """The measured treatments whose changes add up to that of a treatment."""
        parts = treatment.split("+")
        if len(set(parts)) < len(parts):
            raise LookupError(f"{treatment!r} names one treatment twice: twice of it was never measured.")
        same = [name for name in self.treatments if sorted(name.split("+")) == sorted(parts)]
        if same:
            return same[:1]
        missing = [part for part in parts if part not in self.treatments]
        if missing:
            raise LookupError(f"{missing[0]!r} was never measured, alone or as asked: nothing supports a prediction.")
        return parts

    def _at(self, cells: np.ndarray) -> np.ndarray:
        """Components of untreated cells."""
        return (cells - self.centre) @ self.components.T

    def _pairs(self, screen: Screen, name: str, group: str, space: PCA, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Components of untreated cells (n, k), and their changes towards their soft partners (n, genes)."""
        untreated, treated = screen.untreated(group), screen.treated(name, group)
        rows, weights = partners(space.transform(untreated), space.transform(treated), seed)
        return self._at(untreated[rows]), weights @ treated - untreated[rows]

    def _choose(self, screen: Screen, name: str, pairs: dict[str, tuple[np.ndarray, np.ndarray]], space: PCA) -> float:
        """The strength that is nearest to the treated cells of groups left out, by energy distance."""
        errors = self.choice[name] = {}
        for strength in self.strengths:
            found = []
            for held in pairs:
                fitted = Ridge.of([pair for group, pair in pairs.items() if group != held], strength)
                untreated = screen.untreated(held)
                predicted = untreated + fitted(self._at(untreated))
                found.append(apart(space.transform(predicted), space.transform(screen.treated(name, held))))
            errors[strength] = float(np.mean(found))
        return min(errors, key=lambda strength: errors[strength])


def shared_changes(screen: Screen, measured: list[tuple[str, str]]) -> tuple[dict[str, np.ndarray], ...]:
    """Treatment -> its mean change (genes,) in the groups where it was measured, each as heavy as its untreated cells, shrunk
    within each group (``shrinkage.shrink``); and the standard errors of its own mean and of the untreated one, not shrunk."""
    of: dict[str, list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]] = {}
    for group in dict.fromkeys(group for _, group in measured):
        names = [name for name, known in measured if known == group]
        untreated = screen.untreated(group)
        treated = [screen.treated(name, group) for name in names]
        errors = np.array([_error(cells) for cells in treated])
        means = np.array([cells.mean(0) for cells in treated], dtype=float)
        control = _error(untreated)
        found = shrink(means, errors, untreated.mean(0), control)
        for i, name in enumerate(names):
            of.setdefault(name, []).append((len(untreated), found.effect[i], errors[i], control))
    shared, own, common = {}, {}, {}
    for name, of_groups in of.items():
        share = np.array([n for n, *_ in of_groups], dtype=float)
        share /= share.sum()
        mean, error, control = (np.array([group[k] for group in of_groups]) for k in (1, 2, 3))
        shared[name], own[name], common[name] = share @ mean, np.sqrt(share**2 @ error**2), np.sqrt(share**2 @ control**2)
    return shared, own, common


def _error(cells: np.ndarray) -> np.ndarray:
    """Standard error of the mean of each gene."""
    return np.sqrt(np.maximum(cells.var(0, ddof=1), LEAST_VARIANCE) / len(cells))


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased energy distance."""
    return float(energy_distance(torch.from_numpy(a.astype(np.float32)), torch.from_numpy(b.astype(np.float32))))

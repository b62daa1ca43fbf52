"""Ways to tell which treatment a cell was given, the product's and others, with one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import log_softmax
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from benchmarks.perturbation.judge import halves
from virtualcell.perturbation.inverse_head import InverseHead
from virtualcell.perturbation.pairs import partners
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import Screen

COMPONENTS, STRENGTHS, FOLDS = 30, (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), 4


class Head(ABC):
    stated = True
    """Whether it states probabilities."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def fit(self, training: Screen, names: list[str], seed: int) -> None:
        """names: treatments, or the control, that can be asked for."""

    @abstractmethod
    def cells(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Log probability (m, names) for each of the goal's cells (m, genes), from untreated cells (n, genes)."""

    def population(self, start: np.ndarray, goal: np.ndarray, among: list[int]) -> np.ndarray:
        """Of all cells together, (among,): log probability, or the mean over cells where the head says nothing of populations."""
        return self.cells(start, goal)[:, among].mean(0)


class Bayes(Head):
    """The product's."""

    def fit(self, training: Screen, names: list[str], seed: int) -> None:
        self.names, self.head, self.response = names, InverseHead.fit(training, seed), Response().fit(training, seed)

    def cells(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return self.head.cells(start, goal, self.names, self._otherwise(start))

    def population(self, start: np.ndarray, goal: np.ndarray, among: list[int]) -> np.ndarray:
        return self.head.population(start, goal, [self.names[i] for i in among], self._otherwise(start))

    def _otherwise(self, start: np.ndarray) -> dict[str, np.ndarray]:
        return {name: self.response.otherwise(start, name) for name in self.names if name != self.head.control}


class OfResponse(Head):
    """Normal around start plus the response's own change, shrunk gene by gene; one covariance of all treatments' residuals in
    principal components (Ledoit & Wolf 2004)."""

    def fit(self, training: Screen, names: list[str], seed: int) -> None:
        self.names, self.control, self.response = names, training.control, Response().fit(training, seed)
        self.basis = PCA(COMPONENTS, random_state=seed).fit(training.expression).components_.T
        kinds = [(name, group) for group in training.groups for name in (training.control, *training.treatments)]
        of_kinds = [training.treated(*kind) @ self.basis for kind in kinds]
        residuals = np.concatenate([cells - cells.mean(0) for cells in of_kinds if len(cells)])
        self.precision = np.linalg.inv(LedoitWolf(assume_centered=True).fit(residuals).covariance_)

    def cells(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        middle = start.mean(0)
        ends = [middle if n == self.control else middle + self.response.change(start, n).mean(0) for n in self.names]
        apart = (goal[:, None] - np.array(ends)[None]) @ self.basis
        return log_softmax(-0.5 * np.einsum("nki,ij,nkj->nk", apart, self.precision, apart), axis=1)


class Logistic(Head):
    """Multinomial logistic regression on components of the treated cell, and of what is between it and its soft partner among
    untreated cells; its strength by log loss of training cells left out."""

    def __init__(self, name: str, *, start: bool) -> None:
        super().__init__(name)
        self.start = start

    def fit(self, training: Screen, names: list[str], seed: int) -> None:
        self.names, self.seed = names, seed
        self.space = PCA(COMPONENTS, random_state=seed).fit(training.expression)
        rng = np.random.default_rng(seed)
        features, given = [], []
        for group in training.groups:
            # An untreated cell's partner among all untreated cells would be itself.
            control = training.untreated(group)
            first, second = halves(np.arange(len(control)), rng)
            for name in names:
                own, start = (
                    (control[second], control[first]) if name == training.control else (training.treated(name, group), control)
                )
                if len(own) > 1:
                    features.append(self._features(start, own))
                    given += [names.index(name)] * len(own)
        search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": STRENGTHS}, scoring="neg_log_loss", cv=FOLDS)
        self.model = search.fit(np.concatenate(features), given)

    def cells(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return self.model.predict_log_proba(self._features(start, goal))

    def _features(self, start: np.ndarray, cells: np.ndarray) -> np.ndarray:
        here, at = self.space.transform(start), self.space.transform(cells)
        scale = np.sqrt(self.space.explained_variance_)
        if not self.start:
            return at / scale
        rows, weights = partners(at, here, self.seed)
        if len(rows) < len(at):
            raise ValueError("Cells were thinned: there would be cells without a partner.")
        return np.c_[at, at - weights @ here] / np.r_[scale, scale]


class Centroid(Head):
    """By distance to the mean of each treatment's training cells, in principal components; no probability is meant."""

    stated = False

    def fit(self, training: Screen, names: list[str], seed: int) -> None:
        self.space = PCA(COMPONENTS, random_state=seed).fit(training.expression)
        self.means = np.array([self.space.transform(training.expression[training.treatment == name]).mean(0) for name in names])

    def cells(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return -((self.space.transform(goal)[:, None] - self.means) ** 2).sum(-1)

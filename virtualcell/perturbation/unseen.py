"""What it does to switch a gene that was never switched, from genes that vary with it in untreated cells; or no answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np

from virtualcell.perturbation.response import Response

SEEN = 0.05
"""Share of cells that must show a gene for it to say how cells differ; targets themselves may be rarer."""

COMPONENTS, STRENGTHS, SHARES = (5, 10, 20), (0.03, 0.1, 0.3, 1.0, 3.0), (0.25, 0.5, 0.75, 1.0)
"""What is tried: components of co-expression, strength of the ridge, share of its answer that is taken."""

FEWEST = 8
"""Targets that were switched alone: with fewer, leaving one out says nothing."""

SHUFFLES, CHANCE = 199, 0.05
"""Times that co-expression is dealt out to the wrong targets, and how often it may then gain as much."""

Weights = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(places (targets, k), place (k,), setting) -> weight of each target's effect in the answer, (targets,)."""


@dataclass(frozen=True)
class CoExpression:
    """Which genes vary together in untreated cells. places: gene -> its correlation with each component of cells, times the
    component's width over the widest's, (k,)."""

    places: dict[str, np.ndarray]

    @classmethod
    def of(cls, expression: np.ndarray, genes: Sequence[str]) -> CoExpression:
        """expression (cells, genes) of untreated cells, logarithmic; genes that never vary have no place."""
        x = np.asarray(expression, dtype=float)
        spread = x.std(0)
        varies = spread > 0
        apart = (x - x.mean(0)) / np.where(varies, spread, 1.0)
        common = apart[:, varies & ((x > 0).mean(0) > SEEN)]
        if not common.shape[1]:
            raise ValueError(f"No gene varies and is seen in more than {SEEN:.0%} of the cells.")
        cells, width, _ = np.linalg.svd(common, full_matrices=False)
        k = min(max(COMPONENTS), len(width))
        table = (cells[:, :k] * (width[:k] / width[0])).T @ apart / np.sqrt(len(x))
        return cls({name: table[:, i] for i, name in enumerate(genes) if varies[i]})


def ridge(places: np.ndarray, place: np.ndarray, strength: float) -> np.ndarray:
    """Of a linear map from places to effects; strength over the mean variance of the directions in which targets differ."""
    n, middle = len(places), places.mean(0)
    spread = places - middle
    inner = spread @ spread.T
    inner += strength * max(np.trace(inner) / n, 1e-12) * np.eye(n)
    slope = np.linalg.solve(inner, spread @ (place - middle))
    return 1.0 / n + slope - slope.mean()


def as_measured(effects: np.ndarray) -> np.ndarray:
    return effects


class UnseenTargets:
    """Effects of genes that were never switched, where leaving out those that were says that there is something to be known.

    Each target that was switched alone is left out in turn and predicted from the others; the setting whose expected distance
    (L2) to a measurement of it is least is taken. It answers only if that is less than for no change and for the mean of the
    others, whichever is nearer, and if co-expression dealt out to the wrong targets hardly ever gains as much (a permutation test
    over the same choice of settings). Linear maps from embeddings of targets to their effects: Ahlmann-Eltze et al. 2025, Nature
    Methods 22; embeddings of untreated cells, which no treatment informs. ``known`` is done to the effects that answers are made
    of.
    """

    def __init__(
        self,
        name: str = "VirtualCell",
        weights: Weights = ridge,
        settings: Sequence[float] = STRENGTHS,
        known: Callable[[np.ndarray], np.ndarray] = as_measured,
    ):
        self.name, self.weights, self.settings, self.known = name, weights, tuple(settings), known

    def fit(self, response: Response, together: CoExpression, seed: int = 0) -> Self:
        self.together = together
        self.targets = [name for name in response.treatments if "+" not in name and name in together.places]
        self.chosen: tuple[int, float, float] | None = None
        self.gain, self.chance = float("nan"), 1.0
        n = len(self.targets)
        if n < FEWEST:
            return self
        self.effects = np.array([response.shared[name] for name in self.targets])
        # A measurement of an effect is as far from the truth as its own error makes it.
        noise = np.array([(response.spread(name) ** 2).sum() for name in self.targets])
        options = list(product(COMPONENTS, self.settings))
        table = np.array([self._left_out(*option) for option in options])
        inner, across, size = self._products()

        def best(table: np.ndarray) -> tuple[float, int, float]:
            """Least mean distance, and the number of the option and the share that reach it."""
            own, with_truth = np.einsum("oij,ijk,oik->oi", table, inner, table), np.einsum("oij,ij->oi", table, across)
            mean = [np.sqrt(np.maximum(share**2 * own - 2 * share * with_truth + size, 0.0) + noise).mean(1) for share in SHARES]
            share, option = np.unravel_index(int(np.argmin(mean)), (len(SHARES), len(options)))
            return float(np.min(mean)), int(option), SHARES[share]

        others = (self.effects.sum(0) - self.effects) / (n - 1)
        without = min(float(np.sqrt(((guess - self.effects) ** 2).sum(1) + noise).mean()) for guess in (0.0 * others, others))
        least, option, share = best(table)
        self.gain = without - least
        rng, as_large = np.random.default_rng(seed), 1
        for _ in range(SHUFFLES):
            mixed = rng.permutation(n)
            as_large += best(table[:, mixed][:, :, mixed])[0] <= least
        self.chance = as_large / (SHUFFLES + 1)
        if self.gain > 0 and self.chance <= CHANCE:
            self.chosen = (*options[option], share)
        return self

    def change(self, target: str) -> np.ndarray:
        """(genes,). LookupError where nothing supports an answer."""
        if target not in self.together.places:
            raise LookupError(f"{target!r} does not vary in the untreated cells: nothing says which genes go with it.")
        if self.chosen is None:
            raise LookupError(f"Nothing supports an answer for {target!r}: co-expression does not say what known genes do.")
        k, setting, share = self.chosen
        weights = self.weights(self._places(k), self.together.places[target][:k], setting)
        return share * (weights @ self.known(self.effects))

    def _places(self, k: int) -> np.ndarray:
        return np.array([self.together.places[name][:k] for name in self.targets])

    def _left_out(self, k: int, setting: float) -> np.ndarray:
        """Weights of the others in the answer for each target, (targets, targets), 0 of itself."""
        places, n = self._places(k), len(self.targets)
        table = np.zeros((n, n))
        for i in range(n):
            others = np.arange(n) != i
            table[i, others] = self.weights(places[others], places[i], setting)
        return table

    def _products(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the effects known without target i: with one another (i, n, n), with that of i (i, n), and its own square (i,). All
        that distances need, whichever target is dealt which place."""
        n = len(self.effects)
        inner, across = np.zeros((n, n, n)), np.zeros((n, n))
        for i in range(n):
            others = np.flatnonzero(np.arange(n) != i)
            known = self.known(self.effects[others])
            inner[i][np.ix_(others, others)], across[i, others] = known @ known.T, known @ self.effects[i]
        return inner, across, (self.effects**2).sum(1)

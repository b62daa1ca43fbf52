"""Which treatment was it: the probability of each one, given cells before and cells after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from virtualcell.perturbation.screen import Screen

SIZES = (10, 20, 30, 50)
"""Numbers of principal components that are tried."""

FOLDS = 4

FEWEST_TREATMENTS = 5
"""Of fewer nobody can say how treatments differ as a rule, and their measured changes are taken as they are."""

LEAST_SHARE = 1e-6
"""Of the variance within treatments: a direction in which treatments differ by less than this does not tell them apart."""


@dataclass(frozen=True)
class InverseHead:
    """p(treatment | start, goal), proportional to p(goal | start, treatment): Bayes' rule on the law that a treated cell is an
    untreated one plus the treatment's change plus normal scatter that all treatments share. No pair of cells is ever matched.

    The changes are themselves draws from a normal law across treatments, so that each is as uncertain as its few cells leave it
    (two-covariance model: Ioffe 2006, Probabilistic linear discriminant analysis, sec. 2; by moments). Coordinates
    are those in which cells of one treatment scatter by one and treatments differ independently. A start that cannot be told from
    the untreated cells of training is taken for them: its mean is drawn to theirs (James & Stein 1961, positive part).

    basis (k, genes); untreated (k,): mean of untreated cells; n_untreated: how many these count for; names (t,), mean (t, k),
    n (t,): treated cells had they been where all untreated cells are, and how many these count for; middle (k,), between (k,):
    mean and variance across treatments, infinite where there are too few.
    """

    control: str
    names: tuple[str, ...]
    basis: np.ndarray
    untreated: np.ndarray
    n_untreated: float
    mean: np.ndarray
    n: np.ndarray
    middle: np.ndarray
    between: np.ndarray

    @classmethod
    def fit(cls, screen: Screen, seed: int = 0, sizes: Sequence[int] = SIZES) -> InverseHead:
        """From treatments with two cells or more beside two untreated ones of their group; the number of components is that
        with the least log loss of training cells left out. ValueError where nothing was measured."""
        measured = list(screen.measured())
        if not measured:
            raise ValueError("No treatment was measured in two cells or more of a group that has two untreated ones.")
        most = min(max(sizes), *np.subtract(screen.expression.shape, 1))
        basis = PCA(most, random_state=seed).fit(screen.expression).components_.astype(float)
        reduced = Screen(screen.expression @ basis.T, screen.treatment, screen.group, screen.control)
        sizes = sorted({min(size, most) for size in sizes})
        losses = [_loss(reduced, size, seed) if len(sizes) > 1 else 0.0 for size in sizes]
        return _fit(reduced, basis, sizes[int(np.argmin(losses))])

    def cells(
        self, start: np.ndarray, goal: np.ndarray, names: Sequence[str], otherwise: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Log probability of each treatment for each cell of the goal, (m, names), all as likely beforehand.

        start (n, genes), goal (m, genes): expression; names: measured treatments, sums "A+B" of them, or the control.
        otherwise: name -> (genes,), what the treatment changes these start cells more than training cells, if anything.
        ValueError for fewer than two names or no cells, LookupError for a name that was not measured.
        """
        return self._log_probability(start, goal @ self.basis.T, 1.0, names, otherwise)

    def population(
        self, start: np.ndarray, goal: np.ndarray, names: Sequence[str], otherwise: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Log probability that the goal's cells were all given it, (names,), as ``cells``: of their mean, whose scatter falls
        with their number while the error of the measured changes stays."""
        mean = (goal @ self.basis.T).mean(0, keepdims=True) if len(goal) else np.empty((0, len(self.basis)))
        return self._log_probability(start, mean, 1.0 / max(len(goal), 1), names, otherwise)[0]

    def _log_probability(
        self,
        start: np.ndarray,
        at: np.ndarray,
        scatter: float,
        names: Sequence[str],
        otherwise: Mapping[str, np.ndarray] | None,
    ) -> np.ndarray:
        if len(set(names)) < 2:
            raise ValueError("Of one treatment alone nothing can be said: name two or more, of which one may be the control.")
        if not len(start) or not len(at):
            raise ValueError("There must be cells at the start and at the goal.")
        moved, error = self._start(start)
        density = np.empty((len(at), len(names)))
        for i, name in enumerate(names):
            mean, variance = self._outcome(name)
            if otherwise is not None and name in otherwise:
                mean = mean + self.basis @ otherwise[name]
            spread = scatter + variance + error
            density[:, i] = -0.5 * ((at - mean - moved) ** 2 / spread + np.log(spread)).sum(1)
        return log_softmax(density, axis=1)

    def _start(self, start: np.ndarray) -> tuple[np.ndarray, float]:
        """How far the start lies from the untreated cells of training, (k,), and the variance of that."""
        apart = (start @ self.basis.T).mean(0) - self.untreated
        error = 1.0 / len(start) + 1.0 / self.n_untreated
        far = float(apart @ apart)
        kept = max(0.0, 1.0 - max(len(apart) - 2, 1) * error / far) if far > 0 else 0.0
        return kept * apart, kept * error

    def _outcome(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean of cells so treated, had they been untreated cells of training, and the variance of that mean, (k,) each."""
        if name == self.control:
            return self.untreated, np.full(len(self.untreated), 1.0 / self.n_untreated)
        same = [i for i, known in enumerate(self.names) if sorted(known.split("+")) == sorted(name.split("+"))]
        if same:
            trust = 1.0 / (1.0 + 1.0 / (self.n[same[0]] * self.between))
            return self.middle + trust * (self.mean[same[0]] - self.middle), trust / self.n[same[0]]
        parts = name.split("+")
        if len(parts) < 2 or len(set(parts)) < len(parts):
            raise LookupError(f"{name!r} was never measured, alone or as asked: nothing supports a probability.")
        outcomes = [self._outcome(part) for part in parts]
        mean = self.untreated + np.sum([mean - self.untreated for mean, _ in outcomes], axis=0)
        return mean, np.sum([variance for _, variance in outcomes], axis=0) + (len(parts) - 1) ** 2 / self.n_untreated


def _fit(reduced: Screen, components: np.ndarray, size: int) -> InverseHead:
    """reduced: a screen in principal components (cells, most); components (most, genes); size: how many are taken."""
    at = reduced.expression[:, :size]
    screen = Screen(at, reduced.treatment, reduced.group, reduced.control)
    measured = list(screen.measured())
    groups = list(dict.fromkeys(group for _, group in measured))
    untreated = {group: screen.untreated(group) for group in groups}
    heavy = np.array([len(untreated[group]) for group in groups], dtype=float)
    share = heavy / heavy.sum()
    base = share @ np.array([untreated[group].mean(0) for group in groups])
    names = sorted({name for name, _ in measured})
    mean, error, residuals = [], [], [cells - cells.mean(0) for cells in untreated.values()]
    for name in names:
        own = np.array([len(untreated[group]) * ((name, group) in measured) for group in groups], dtype=float)
        own /= own.sum()
        treated = {i: screen.treated(name, groups[i]) for i in np.flatnonzero(own)}
        residuals += [cells - cells.mean(0) for cells in treated.values()]
        mean.append(
            base + np.sum([own[i] * (cells.mean(0) - untreated[groups[i]].mean(0)) for i, cells in treated.items()], axis=0)
        )
        # Untreated cells of groups that count alike on both sides cancel.
        error.append(sum(own[i] ** 2 / len(cells) for i, cells in treated.items()) + ((own - share) ** 2 / heavy).sum())
    within = LedoitWolf(assume_centered=True).fit(np.concatenate(residuals)).covariance_
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    means, n = np.array(mean) @ whiten.T, 1.0 / np.array(error)
    between = np.full(size, np.inf)
    if len(names) >= FEWEST_TREATMENTS:
        law, turn = np.linalg.eigh(np.cov(means.T).reshape(size, size) - (1.0 / n).mean() * np.eye(size))
        kept = law > LEAST_SHARE
        if not kept.any():  # no treatment can be told from another: one direction stays, in which none differs
            kept[-1], law[-1] = True, LEAST_SHARE
        between, whiten = law[kept], turn[:, kept].T @ whiten
        means = np.array(mean) @ whiten.T
    count = 1.0 / (share**2 / heavy).sum()
    return InverseHead(
        control=screen.control,
        names=tuple(names),
        basis=whiten @ components[:size],
        untreated=whiten @ base,
        n_untreated=float(count),
        mean=means,
        n=n,
        middle=means.mean(0),
        between=between,
    )


def _loss(reduced: Screen, size: int, seed: int) -> float:
    """Log loss of cells left out in turn, which are of a known treatment, by heads of so many components."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(reduced.treatment), dtype=int)
    for name in np.unique(reduced.treatment):
        rows = np.flatnonzero(reduced.treatment == name)
        fold[rows] = rng.permutation(len(rows)) % FOLDS
    lost, seen = 0.0, 0
    for held in range(FOLDS):
        training = reduced.take(fold != held)
        if not any(training.measured()):
            continue
        head = _fit(training, np.eye(reduced.expression.shape[1]), size)
        names = [head.control, *head.names]
        for group in training.groups:
            start = training.untreated(group)
            rows = np.flatnonzero((fold == held) & (reduced.group == group) & np.isin(reduced.treatment, names))
            if len(rows):
                found = head.cells(start, reduced.expression[rows], names)
                lost -= found[np.arange(len(rows)), [names.index(name) for name in reduced.treatment[rows]]].sum()
                seen += len(rows)
    return lost / seen if seen else np.inf

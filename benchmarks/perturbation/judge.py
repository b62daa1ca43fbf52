"""What a predicted change of cells is judged by, the same for every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from virtualcell.evaluation.metrics import energy_distance, mmd, pearson_delta
from virtualcell.evaluation.perturbation import (
    changed_weight,
    differential,
    direction,
    overlap,
    overlap_by_size,
    variance_ratio,
    weighted_mse,
)
from virtualcell.evaluation.report import Row
from virtualcell.perturbation.screen import Screen

TOP_CHANGED, TOP = 50, 20

OURS, CEILING = "VirtualCell", "ceiling: half of the measured cells"
ENERGY, PEARSON, L2 = "energy distance", "Pearson of change", "L2 of change"
CENTROID = "Pearson from the perturbed centroid"

HEADLINE = (ENERGY, PEARSON, CENTROID, L2, "weighted MSE of change")
"""What is told of every single case and of effects by their size."""

THIRDS = ("strong", "middle", "weak")

FIGURES = dict[str, float]


@dataclass(frozen=True)
class Training:
    """What figures take from training cells alone: components in which populations are compared, and the mean of all treated
    means, (genes,)."""

    space: PCA
    centroid: np.ndarray

    @classmethod
    def of(cls, screen: Screen, components: int) -> Training:
        treated = [screen.treated(name, group).mean(0) for name, group in screen.measured()]
        return cls(PCA(components, random_state=0).fit(screen.expression), np.mean(treated, axis=0))


@dataclass(frozen=True)
class Case:
    """A treatment of one group of cells, held out. start (n, genes): untreated cells from which predictions are made; untreated
    (k, genes): others, from which the measured change is taken, as one control for both would lend its noise to both; treated
    (m, genes), and random halves of them."""

    start: np.ndarray
    untreated: np.ndarray
    treated: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def size(self) -> float:
        """L2 norm of the change as cells measured it that do not judge effects of that size: the second half, from the start."""
        return float(np.linalg.norm(self.second.mean(0) - self.start.mean(0)))


@dataclass(frozen=True)
class Judged:
    """Figures of every method in one case: by all treated cells, and by the first half of them, which say nothing of ``size``.
    The ceiling predicts the first half from the second in both."""

    by_all: dict[str, FIGURES]
    by_half: dict[str, FIGURES]
    size: float
    change: dict[str, np.ndarray]
    """Method -> predicted change of means, (genes,)."""
    measured: np.ndarray
    measured_half: np.ndarray

    @classmethod
    def of(cls, case: Case, predicted: Mapping[str, np.ndarray], training: Training) -> Judged:
        """predicted: method -> cells (n, genes), one of each that starts."""

        def figures(cells: np.ndarray, treated: np.ndarray) -> FIGURES:
            return of_cells(cells, case.start, treated, case.untreated, training)

        by_all = {method: figures(cells, case.treated) for method, cells in predicted.items()}
        by_half = {method: figures(cells, case.first) for method, cells in predicted.items()}
        by_all[CEILING] = by_half[CEILING] = figures(case.second, case.first)
        start, other = case.start.mean(0), case.untreated.mean(0)
        change = {method: cells.mean(0) - start for method, cells in {**predicted, CEILING: case.second}.items()}
        return cls(by_all, by_half, case.size, change, case.treated.mean(0) - other, case.first.mean(0) - other)


def of_cells(predicted: np.ndarray, start: np.ndarray, treated: np.ndarray, untreated: np.ndarray, training: Training) -> FIGURES:
    """Of predicted cells (n, genes), beside those they started from: populations and means; what is not defined is left out."""
    change, measured = predicted.mean(0) - start.mean(0), treated.mean(0) - untreated.mean(0)
    seen, tested = differential(treated, untreated), differential(predicted, start)
    here, there = training.space.transform(predicted), training.space.transform(treated)
    none = np.zeros_like(change)
    most = np.argsort(-np.abs(measured), kind="stable")[:TOP]
    means = predicted.mean(0), treated.mean(0), training.centroid
    found = {
        ENERGY: energy_distance(here, there),
        "MMD": mmd(here, there),
        f"Pearson of change, top {TOP_CHANGED}": pearson_delta(change, measured, none, top=TOP_CHANGED),
        f"Pearson of change, top {TOP}": pearson_delta(change, measured, none, top=TOP),
        PEARSON: pearson_delta(change, measured, none),
        CENTROID: pearson_delta(*means),
        # The genes that the treatment changes most, though measured from the centroid.
        f"{CENTROID}, top {TOP}": pearson_delta(*(mean[most] for mean in means)),
        L2: float(np.linalg.norm(change - measured)),
        "weighted MSE of change": weighted_mse(change, measured, changed_weight(treated, untreated)),
        "overlap of changed genes": overlap(tested, seen),
        "overlap of changed genes, by size of change": overlap_by_size(change, seen),
        "direction of changed genes": direction(change, seen),
        "variance, share of the measured": variance_ratio(predicted, treated),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def halves(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint random halves of row numbers."""
    mixed = rng.permutation(rows)
    return np.sort(mixed[: len(mixed) // 2]), np.sort(mixed[len(mixed) // 2 :])


def mean(figures: Sequence[FIGURES]) -> FIGURES:
    """Over the cases in which a figure is known: where no gene changed, none has a direction, whatever the method."""
    names = dict.fromkeys(name for case in figures for name in case)
    return {name: float(np.mean([case[name] for case in figures if name in case])) for name in names}


def across(cases: Sequence[dict[str, FIGURES]]) -> dict[str, FIGURES]:
    """Mean over cases of one seed, of the methods that answer in all."""
    return {method: mean([case[method] for case in cases]) for method in cases[0] if all(method in case for case in cases)}


def by_size(cases: Sequence[Judged]) -> dict[str, dict[str, FIGURES]]:
    """Means over the third of cases with the largest effects, the middle and the last; of fewer than three cases nothing."""
    if len(cases) < len(THIRDS):
        return {}
    order = np.argsort([-case.size for case in cases], kind="stable")
    return {
        name: across([cases[i].by_half for i in rows])
        for name, rows in zip(THIRDS, np.array_split(order, len(THIRDS)), strict=True)
    }


def rows_of(
    by_seed: Sequence[dict[str, FIGURES]], where: str, seeds: Sequence[int], metrics: Sequence[str] | None = None
) -> list[Row]:
    """One row a method and figure (all by default), for those known in every seed."""
    return [
        Row.over_seeds(method, metric, [figures[method][metric] for figures in by_seed], where=where, seeds=tuple(seeds))
        for method in by_seed[0]
        for metric in by_seed[0][method]
        if (metrics is None or metric in metrics) and all(metric in figures.get(method, {}) for figures in by_seed)
    ]


def rows_of_cases(by_seed: Sequence[Mapping[str, Judged]], where: str, seeds: Sequence[int]) -> list[Row]:
    """Of every case the figures of ``HEADLINE``. by_seed: name of a case -> what was found."""
    rows = []
    for name in by_seed[0]:
        rows += rows_of([found[name].by_all for found in by_seed], f"{where}: {name}", seeds, HEADLINE)
    return rows


def rows_by_size(by_seed: Sequence[Mapping[str, Judged]], where: str, seeds: Sequence[int]) -> list[Row]:
    """Of each third of the cases by the size of their effects."""
    rows: list[Row] = []
    thirds = [by_size(list(found.values())) for found in by_seed]
    for third in thirds[0]:
        rows += rows_of([found[third] for found in thirds], f"{where}: {third} effects", seeds, HEADLINE)
    return rows

"""Held-out time: every cell of one time is kept from all training, and its population is predicted from the time before.

The whole model is fitted without the hidden cells (choice of genes, components, autoencoder and predictor); then the measured
cells of the time before are carried to the hidden time and compared with the cells measured there, embedded by the same frozen
encoder. Beside it, in the same latent: every simple rule, our flows between measured times (from both sides, all growths pooled)
and the distance between two halves of the measured cells. W1 falls with the number of cells predicted, so ours follows each start
cell through as many futures as make no fewer than were measured. Expression is compared as change of the population mean of log1p
counts per 10,000, where the truth does not pass through the model.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from mudata import MuData

from virtualcell.data.counts import counts_of
from virtualcell.evaluation.choice import choose
from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.intervals import Interval, half_sample_interval
from virtualcell.evaluation.metrics import energy_distance, mmd, pearson_delta, wasserstein1
from virtualcell.evaluation.report import Row
from virtualcell.evaluation.rules import rules
from virtualcell.predictor.population import Population, Snapshots
from virtualcell.schema import Columns, DataError, Settings, Trajectory
from virtualcell.training.both_sides import BothSides
from virtualcell.training.on_landscape import OnLandscape

RNA = "rna"
OURS, ABLATED, FLOWS = "VirtualCell", "VirtualCell without steady-state prior", "VirtualCell flows"
FLOOR = "floor: two halves of the measured cells"
EQUAL = "W1, as many cells as measured"
OVER_CELLS = "energy distance over cells"
LEAST_TIMES = 3
LEAST_CELLS = 20
"""Of the hidden time and of its neighbours: halves of fewer are no population."""


class Model(Protocol):
    """What is asked of a fitted model; ``virtualcell.model.VirtualCell`` has it."""

    settings: Settings

    def embed(self, cells: MuData, /) -> np.ndarray: ...

    def features(self) -> list[str]: ...

    def decode(self, states: np.ndarray, /, *, features: list[str] | None = None) -> np.ndarray: ...

    def predict(
        self, *, states: np.ndarray, duration: float, frames: int = ..., copies: int = ..., seed: int = ...
    ) -> Trajectory: ...


Fit = Callable[[MuData, Settings], Any]
"""Trains a ``Model`` on cells with settings, columns included. (Any: its methods take more than is asked here.)"""


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What was found at the hidden time: figures[method][metric]; n_true: cells measured there; curves: predicted gene curves
    {"times", "genes"}; over_cells: how far new cells, not a new seed, would move our energy distance; choice: the predictor that
    hiding the other inner times names."""

    held: float
    figures: dict[str, dict[str, float]]
    n_true: int
    curves: dict[str, Any]
    over_cells: Interval
    choice: dict[str, Any]


def take(cells: MuData, rows: np.ndarray) -> MuData:
    """The cells of a mask, as a MuData of their own."""
    return cells[np.flatnonzero(rows)].copy()


def untreated(cells: MuData, columns: Columns) -> MuData:
    """The cells that no treatment moved, where treatments are known apart from time."""
    if columns.perturbation is None:
        return cells
    return take(cells, (cells.obs[columns.perturbation].astype(str) == columns.control).to_numpy())


def middle_time(cells: MuData, columns: Columns) -> float:
    """The measured time that is hidden: the middle one. cells: untreated. Raises DataError where none lies between two others, or
    too few cells were measured at it or beside it."""
    if columns.time is None:
        raise DataError("Without times none can be hidden.", next_step="train without this measurement.", field="time")
    times, counts = np.unique(cells.obs[columns.time].to_numpy(dtype=float), return_counts=True)
    kind = "" if columns.perturbation is None else " of untreated cells"
    if len(times) < LEAST_TIMES:
        raise DataError(
            f"A time can be hidden only between two others; measured times{kind}: {len(times)}.",
            next_step="train without this measurement, or add cells of another time.",
            field=columns.time,
        )
    at = len(times) // 2
    fewest = counts[at - 1 : at + 2].min()
    if fewest < LEAST_CELLS:
        raise DataError(
            f"There are {fewest} cells{kind} at one of the times around {times[at]:g} {columns.time_unit}; "
            f"{LEAST_CELLS} are needed.",
            next_step="train without this measurement, or add cells.",
            field=columns.time,
        )
    return float(times[at])


def pseudobulk(cells: MuData, genes: list[str]) -> np.ndarray:
    """log1p of the mean counts per 10,000 over the given genes, (genes,)."""
    adata = cells.mod[RNA]
    counts = counts_of(adata, modality=RNA)[:, adata.var_names.get_indexer(genes)]
    share = counts.multiply(1e4 / np.maximum(np.asarray(counts.sum(1)), 1.0))
    return np.log1p(np.asarray(share.mean(0)).ravel())


def weighted_pseudobulk(model: Model, states: np.ndarray, log_weights: np.ndarray) -> np.ndarray:
    """The same of predicted states (n, d), each as many cells as its weight says."""
    weight = np.exp(log_weights - log_weights.max())
    return np.log1p((model.decode(states) * weight[:, None]).sum(0) / weight.sum())


def forward(model: Model, start: np.ndarray, duration: float, n_true: int) -> Trajectory:
    """First and last frame of the start cells carried on, each through as many futures as make n_true or more."""
    copies = math.ceil(n_true / len(start))
    return model.predict(states=start, duration=duration, frames=2, copies=copies, seed=model.settings.seed)


def distances(predicted: Population, true: np.ndarray, seed: int) -> dict[str, float]:
    """Of a weighted population to the cells measured; W1 falls with more cells, so it stands there twice."""
    return {
        "W1": wasserstein1(predicted.states, true, predicted.weights),
        EQUAL: wasserstein1(predicted.even(len(true), seed), true),
        "energy distance": energy_distance(predicted.states, true, predicted.weights),
        "MMD": mmd(predicted.states, true, predicted.weights),
    }


def floor(true: np.ndarray, seed: int) -> dict[str, float]:
    """Between two halves of the measured cells, five times: nearer than that nothing can be told."""
    return {
        "W1": float(split_half(true, 5, seed).mean()),
        "energy distance": float(split_half(true, 5, seed, energy_distance).mean()),
    }


def of_change(change: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """How near a predicted change of expression (genes,) is to the measured one; no change has no direction to compare."""
    found = {"RMSE of change": float(np.sqrt(((change - measured) ** 2).mean()))}
    return found | ({"Pearson of change": pearson_delta(change, measured, np.zeros_like(change))} if change.any() else {})


def hold_out(
    cells: MuData, settings: Settings, held: float, fit: Fit, *, genes: Sequence[str] | None = None, ablate: bool = True
) -> HeldOut:
    """Fits without the cells of time ``held`` and measures every method at that time.

    cells: no treated ones; settings.columns.time is their time column. genes: whose predicted curves are kept; None: the three
    that change most between the two times beside it. ablate: also fit our predictor without its steady-state prior, which trains
    a second time. Without RNA nothing is said of expression.
    """
    time = cells.obs[settings.columns.time].to_numpy(dtype=float)
    times, seed = np.unique(time), settings.seed
    at = int(np.searchsorted(times, held))
    before, after = times[at - 1], times[at + 1]
    u = (held - before) / (after - before)
    training = take(cells, time != held)
    model = fit(training, settings)
    start_cells, true_cells, end_cells = (take(cells, time == t) for t in (before, held, after))
    start, true = (model.embed(c) for c in (start_cells, true_cells))
    seen: Snapshots = {float(t): model.embed(take(cells, time == t)) for t in times if t != held}
    # One half of the start cells makes the predictions, the other is what the measured change is taken from: noise that is shared
    # between the two would make every method look right.
    order = np.random.default_rng(seed).permutation(len(start))
    here, there = np.sort(order[::2]), np.sort(order[1::2])
    names: list[str] = model.features() if RNA in cells.mod else []
    changes: dict[str, np.ndarray] = {}
    true_change = np.zeros(0)
    if names:
        bulk_here, bulk_there = (pseudobulk(start_cells[rows].copy(), names) for rows in (here, there))
        true_change = pseudobulk(true_cells, names) - bulk_there
        whole_change = pseudobulk(end_cells, names) - bulk_here
        # The other rules and the flows have no genes of their own: they move states.
        changes = {"no change": np.zeros(len(names)), "mean shift": u * whole_change}
        if genes is None:
            genes = [names[i] for i in np.argsort(-np.abs(whole_change), kind="stable")[:3]]
    found: dict[str, dict[str, float]] = {}

    def measure(name: str, predicted: Population, change: np.ndarray | None) -> None:
        found[name] = distances(predicted, true, seed) | ({} if change is None else of_change(change, true_change))

    for predictor in [*rules(), BothSides(name=FLOWS)]:
        given = predictor.fit(seen, seed).carry(seen[before], before, held, seed)
        measure(predictor.name, given, changes.get(predictor.name))
    ours: list[tuple[str, Any]] = [(OURS, model)]
    if ablate:
        # The two fits share the seed and so the encoder: their states are the same coordinates.
        without = dataclasses.replace(settings.predictor, stationary_weight=0.0)
        ours.append((ABLATED, fit(training, dataclasses.replace(settings, predictor=without))))
    packed = np.empty((0, 0))
    for name, m in ours:
        path = forward(m, start, held - before, len(true))
        weights = np.exp(path.log_weights[-1])
        change = None
        if names:
            half = np.isin(path.start, here)
            first, last = (weighted_pseudobulk(m, path.states[i][half], path.log_weights[i][half]) for i in (0, -1))
            change = last - first
        measure(name, Population.of(path.states[-1], weights), change)
        if name == OURS:
            # One future of each cell: several of one cell are not several cells.
            packed = np.c_[path.states[-1], weights][np.unique(path.start, return_index=True)[1]]
    found[FLOOR] = floor(true, seed)
    over_cells = half_sample_interval(
        lambda a, b: energy_distance(a[:, :-1], b, a[:, -1]), packed, true, n_resamples=50, seed=seed
    )
    # Which of them a reader should have trusted for this gap, had the time never been measured: by the other times alone.
    candidates = [OnLandscape(settings.predictor, OURS), *rules(), BothSides(name=FLOWS)]
    chosen = choose(candidates, seen, default=OURS, seeds=(seed,))
    choice = {"name": chosen.name, "reason": chosen.reason, "table": chosen.table()}
    return HeldOut(held, found, len(true), _curves(model, start, before, after, list(genes or [])), over_cells, choice)


def _curves(model: Model, start: np.ndarray, before: float, after: float, genes: list[str]) -> dict[str, Any]:
    """log1p of the mean counts per 10,000 of genes in the predicted cells, at 13 times from before to after."""
    path = model.predict(states=start, duration=after - before, frames=13, seed=model.settings.seed)
    of_gene = {
        gene: np.log1p(
            [
                np.average(model.decode(s, features=[gene])[:, 0], weights=np.exp(w))
                for s, w in zip(path.states, path.log_weights, strict=True)
            ]
        ).tolist()
        for gene in genes
    }
    return {"times": (before + path.times).tolist(), "genes": of_gene}


def rows_of(results: Sequence[HeldOut], seeds: Sequence[int], where: str) -> list[Row]:
    """Rows of a report over one result a seed: with one seed none has an interval over seeds, and nothing is claimed."""
    first = results[0]
    rows = [
        Row.over_seeds(
            method, metric, [r.figures[method][metric] for r in results], where=where, seeds=tuple(seeds), n_cells=first.n_true
        )
        for method, metrics in first.figures.items()
        for metric in metrics
    ]
    return [*rows, Row.of(OURS, OVER_CELLS, first.over_cells, where=where, seeds=(seeds[0],), n_cells=first.n_true)]

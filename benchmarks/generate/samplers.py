"""A missing measurement drawn for held-out cells: in the target's embedding, and as counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV

from benchmarks.generate.paired import paired
from benchmarks.multiomics.splits import Split
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.generated import (
    conditional_energy_distance,
    covariance_error,
    coverage,
    energy_score,
    nearer_share,
    nearest_ratio,
    randomised_pit,
)
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.evaluation.mixture import ConditionalMixture
from virtualcell.evaluation.report import Claim, Row
from virtualcell.evaluation.two_sample import classifier_auroc
from virtualcell.generative.material import Material
from virtualcell.model import VirtualCell

WAYS = {"a549": (("rna", "atac"), ("atac", "rna")), "cite": (("rna", "prot"),)}
OURS, MIXTURE, POINT = "VirtualCell", "conditional Gaussian mixture", "deterministic translation"
BY_SCORE = "conditional Gaussian mixture, chosen by energy score"
BLIND, FLOOR, NOISY = "training cells at random", "floor: halves of the measured cells", "deterministic, decoder's noise"
ENERGY, JOINT, SCORE = "energy distance, target", "energy distance, source and target", "energy score a cell"
TELL, COVERED, COPIED = "AUROC measured against drawn", "share inside the 90 % interval", "distance to training over held-out"
NEARER = "share nearer to training cells than 95 % of held-out cells"
COUNTS = "in the measurement: "
SPREAD = COUNTS + "within-type covariance error"
INTERVAL = "90 % intervals of all features: "
INSIDE, LOWEST, WIDTH = (INTERVAL + name for name in ("share inside", "share inside, 5 % of features below", "width"))
OFTEN, POSITIVE = (
    INTERVAL + name for name in ("share inside, features above 0 in half of the cells", "share inside, readings above 0")
)
JUDGED = 200
"""Test cells whose intervals are looked at."""
DRAWS = 20
FEATURES, COMPONENTS, TYPES = 50, 20, 6
ALPHAS = np.logspace(-3, 3, 13)

Figures = dict[str, dict[str, float]]


def run(seeds: Sequence[int], progress: Any = None, demos: Sequence[str] = tuple(WAYS)) -> tuple[list[Row], list[Claim]]:
    """Rows and claims over seeds for every demo and direction."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for key in demos:
        if key not in WAYS:
            continue
        found: dict[tuple[str, str], list[Figures]] = {way: [] for way in WAYS[key]}
        for seed in seeds:
            model, split = _fitted(key, seed, progress)
            for way in WAYS[key]:
                found[way].append(one_way(model, split, *way))
        for (source, target), tables in found.items():
            where = f"{key}, {source} to {target}, held-out cells"
            rows += _rows(tables, where, seeds)
            more = _claims(tables, where, seeds)
            rows, claims = rows + more[0], claims + more[1]
    return rows, claims


def _fitted(key: str, seed: int, progress: Any) -> tuple[VirtualCell, Split]:
    demo, cells = DEMOS[key], load_demo(key)
    split = Split.of(cells, seed, batch=demo.columns.batch)
    settings = dataclasses.replace(DEMO_SETTINGS[key], seed=seed)
    model = VirtualCell(settings).fit(split.train, batch=demo.columns.batch, device="cpu", progress=progress)
    # The time is told after the fit: a condition of the samplers, without the predictor, which is not asked here.
    fitted = model._fitted
    columns = dataclasses.replace(fitted.settings.columns, time=demo.columns.time, time_unit=demo.columns.time_unit)
    model._model = dataclasses.replace(fitted, settings=dataclasses.replace(fitted.settings, columns=columns))
    return model.fit_generators(split.train, progress=progress, parts=("samplers",)), split


def one_way(model: VirtualCell, split: Split, source: str, target: str) -> Figures:
    """Figures of every method for one direction and seed."""
    seed = split.seed
    train, test = Material.of(model._fitted, split.train, as_new=True), Material.of(model._fitted, split.test)
    names = np.unique(train.labels)

    def condition(cells: Material) -> np.ndarray:
        labels = (cells.labels[:, None] == names).astype(float) if len(names) > 1 else np.empty((cells.n_cells, 0))
        return np.hstack([cells.embeddings[source], labels])

    x, x_test = condition(train), condition(test)
    y, y_test = train.embeddings[target], test.embeddings[target]
    mixture = ConditionalMixture(seed).fit(x, y)
    rng = np.random.default_rng(seed)
    ours = model.draw_missing(split.test, source=source, target=target, n_draws=DRAWS, seed=seed)
    answered = ~ours.refused
    drawn = {
        OURS: ours.embeddings[:, answered],
        MIXTURE: mixture.draw(x_test, DRAWS, seed)[:, answered],
        BY_SCORE: mixture.chosen_by_energy_score().draw(x_test, DRAWS, seed)[:, answered],
        POINT: RidgeCV(ALPHAS).fit(x, y).predict(x_test)[None, answered],
        BLIND: y[_alike(train.labels, test.labels, DRAWS, rng)][:, answered],
    }
    found: Figures = {}
    source_test, measured = test.embeddings[source][answered], y_test[answered]
    # Together they count alike only where each dimension is in units of its own spread.
    units = train.embeddings[source].std(0), y.std(0)
    for method, draws in drawn.items():
        found[method] = _in_embedding(draws, measured, source_test, y, units, seed)
    found[OURS]["refused held-out cells"] = float(ours.refused.mean())
    found[FLOOR] = {
        ENERGY: float(split_half(measured, seed=seed, metric=energy_distance).mean()),
        JOINT: float(
            split_half(np.hstack([source_test / units[0], measured / units[1]]), seed=seed, metric=energy_distance).mean()
        ),
    }
    states = {
        OURS: ours.states[:, answered],
        MIXTURE: ConditionalMixture(seed).fit(x, train.states).draw(x_test, DRAWS, seed)[:, answered],
        NOISY: np.repeat(RidgeCV(ALPHAS).fit(x, train.states).predict(x_test)[None, answered], DRAWS, axis=0),
    }
    # Types from the source alone: groups that knew the target would share its noise with what is measured.
    types = KMeans(TYPES, n_init=4, random_state=seed).fit(train.embeddings[source])
    kinds = types.predict(source_test), types.labels_
    for figures in (
        _in_counts(model, split, states, answered, *kinds, source, target),
        _intervals(model, split, answered, source, target),
    ):
        for method, more in figures.items():
            found.setdefault(method, {}).update(more)
    return found


def _alike(labels: np.ndarray, wanted: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of random cells with the label of each wanted one, (draws, wanted)."""
    places = {name: np.flatnonzero(labels == name) for name in np.unique(wanted)}
    return np.stack([[rng.choice(places[name]) for name in wanted] for _ in range(draws)])


def _in_embedding(
    draws: np.ndarray,
    measured: np.ndarray,
    source: np.ndarray,
    training: np.ndarray,
    units: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> dict[str, float]:
    """units: standard deviations (d,) of source and target among training cells."""
    ids = np.arange(len(measured))
    x, y = source / units[0], measured / units[1]
    joint = np.hstack([source, measured])
    found = {
        ENERGY: float(np.mean([conditional_energy_distance(one, measured) for one in draws])),
        JOINT: float(np.mean([conditional_energy_distance(one / units[1], y, x) for one in draws])),
        SCORE: float(energy_score(draws, measured).mean()),
        TELL: classifier_auroc(joint, np.hstack([source, draws[0]]), (ids, ids), seed=seed),
        COPIED: nearest_ratio(draws[0], training, measured),
        NEARER: nearer_share(draws[0], training, measured),
    }
    if len(draws) > 1:
        found[COVERED] = coverage(randomised_pit(draws, measured, seed))
    return found


def _in_counts(
    model: VirtualCell,
    split: Split,
    states: dict[str, np.ndarray],
    answered: np.ndarray,
    kinds: np.ndarray,
    training_kinds: np.ndarray,
    source: str,
    target: str,
) -> Figures:
    """Drawn states through the same decoders to counts, beside measured readings; kinds, training_kinds: types of the answered
    test cells and of the training cells."""
    seed = split.seed
    training, measured = model.reading(split.train, target), model.reading(split.test, target)[answered]
    top = np.argsort(-training.var(0))[:FEATURES]
    space = PCA(min(COMPONENTS, len(top)), random_state=seed).fit(training[:, top])
    readings: dict[str, Callable[[int], np.ndarray]] = {
        method: lambda i, z=z: model.draw_readings(z[i], target, like=answering, seed=seed + i)[:, top]
        for method, z in states.items()
    }
    point = model.translate(split.test, source=source, target=target).X[answered][:, top]
    answering = split.test[answered]
    truth, ids = measured[:, top], np.arange(len(measured))
    found: Figures = {}
    for method, read in readings.items():
        drawn = np.stack([read(i) for i in range(DRAWS)])
        found[method] = {
            COUNTS + ENERGY: float(
                np.mean([conditional_energy_distance(space.transform(one), space.transform(truth)) for one in drawn])
            ),
            COUNTS + TELL: classifier_auroc(truth, drawn[0], (ids, ids), seed=seed),
            COUNTS + COVERED: coverage(randomised_pit(drawn, truth, seed)),
            SPREAD: float(np.mean([covariance_error(one, truth, kinds, kinds) for one in drawn])),
        }
    found[POINT] = {
        COUNTS + ENERGY: conditional_energy_distance(space.transform(point), space.transform(truth)),
        COUNTS + TELL: classifier_auroc(truth, point, (ids, ids), seed=seed),
        SPREAD: covariance_error(point, truth, kinds, kinds),
    }
    others = np.random.default_rng(seed).permutation(len(training))[: len(truth)]
    found[FLOOR] = {
        COUNTS + ENERGY: float(split_half(space.transform(truth), seed=seed, metric=energy_distance).mean()),
        # As many cells as are drawn, of those trained on: what few cells alone make of it.
        SPREAD: covariance_error(training[others][:, top], truth, training_kinds[others], kinds),
    }
    return found


def _intervals(model: VirtualCell, split: Split, answered: np.ndarray, source: str, target: str) -> Figures:
    """Of the bounds that ``VirtualCell.interval`` and ``translate`` give for every feature; {} for open and closed peaks."""
    rows = np.sort(np.random.default_rng(split.seed).permutation(np.flatnonzero(answered))[:JUDGED])  # files are sorted
    some = split.test[rows].copy()
    truth = model.reading(some, target)
    told = {OURS: model.interval(some, source=source, target=target, seed=split.seed)}
    told[POINT] = model.translate(some, source=source, target=target)
    often = (model.reading(split.train, target) > 0).mean(0) >= 0.5
    found: Figures = {}
    for method, read in told.items():
        if "low" in read.layers:
            low, high = read.layers["low"], read.layers["high"]
            keep = np.isfinite(low).all(1)
            inside = (truth[keep] >= low[keep]) & (truth[keep] <= high[keep])
            found[method] = {
                INSIDE: float(inside.mean()),
                OFTEN: float(inside[:, often].mean()) if often.any() else float("nan"),
                POSITIVE: float(inside[truth[keep] > 0].mean()),
                LOWEST: float(np.quantile(inside.mean(0), 0.05)),
                WIDTH: float((high[keep] - low[keep]).mean()),
            }
    return found


def _rows(tables: Sequence[Figures], where: str, seeds: Sequence[int]) -> list[Row]:
    return [
        Row.over_seeds(method, metric, [table[method][metric] for table in tables], where=where, seeds=tuple(seeds))
        for method in tables[0]
        for metric in tables[0][method]
        if np.isfinite([table[method][metric] for table in tables]).all()  # not where no feature is read so often
    ]


def _claims(tables: Sequence[Figures], where: str, seeds: Sequence[int]) -> tuple[list[Row], list[Claim]]:
    """Ours against each baseline by paired differences over seeds, and how often intervals hold."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for metric in (ENERGY, JOINT, SCORE, COUNTS + ENERGY):
        for other in (POINT, MIXTURE, BY_SCORE, BLIND):
            if metric in tables[0][other]:
                more = paired(tables, metric, OURS, other, where, seeds)
                rows, claims = rows + more[0], claims + more[1]
    for metric in (COVERED, COUNTS + COVERED, INSIDE, OFTEN):
        if np.isfinite([table[OURS].get(metric, np.nan) for table in tables]).all():
            inside = float(np.mean([table[OURS][metric] for table in tables]))
            claims += [Claim(f"{where}: {metric}", inside, ">=", 0.85), Claim(f"{where}: {metric}", inside, "<=", 0.95)]
    copied = float(np.mean([table[OURS][NEARER] for table in tables]))
    return rows, [*claims, Claim(f"{where}: {NEARER}", copied, "<=", 0.1)]

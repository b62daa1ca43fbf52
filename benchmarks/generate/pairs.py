"""Pairs and labels that do not belong together, found on held-out cells; and what the adversary makes of translation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from mudata import MuData
from sklearn.metrics import roc_auc_score

from benchmarks.generate.alone import autoencoder_alone
from benchmarks.generate.labels import label_rows
from benchmarks.generate.pair_scores import METHODS, OURS, pair_matrices
from benchmarks.generate.sharpening import sharpening
from benchmarks.multiomics.splits import Split
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.report import Claim, Row
from virtualcell.generative.adversary import PairScorer, fit_pairs, split_pairs
from virtualcell.generative.adversary_labels import TIME
from virtualcell.generative.adversary_suspects import find_suspects
from virtualcell.generative.material import Material
from virtualcell.schema import AutoencoderSettings, Columns, Settings

AUROC, WITHIN = "AUROC, own against another cell's", "AUROC, another cell of the same time"
LOW, HIGH = "AUROC, own against another cell's: lower 95 % bound over cells", "AUROC, own against another cell's: upper"
LOW_WITHIN, HIGH_WITHIN = "AUROC, another cell of the same time: lower 95 % bound over cells", "AUROC, the same time: upper"
SIMULATED = {"linear": 1200, "nonlinear": 1200, "unrelated": 1200}
"""Cells, of which a fifth judges."""
MEASURED = {"a549": ("rna", "atac"), "cite": ("rna", "prot")}
LABELS = ("a549", "kang", "larry")
# 400 cells with 2,000 genes: half of the steps that the demo takes give the same figures in half of the time.
SETTINGS = DEMO_SETTINGS | {"cite": Settings(autoencoder=AutoencoderSettings(latent_dim=12, epochs=20, min_steps=200))}
RESAMPLES = 200
SWAPPED = 0.2
"""Share of the cells that are swapped to see whether they are found."""

Figures = dict[str, dict[str, float]]


def run(seeds: Sequence[int], progress: Any = None, demos: Sequence[str] | None = None) -> tuple[list[Row], list[Claim]]:
    """Rows and claims over seeds: simulated pairs (unless demos are named), measured pairs, labels."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for relation in () if demos else SIMULATED:
        found = [_of_pairs(*_simulated(relation, seed), ("rna", "atac")) for seed in seeds]
        where = f"simulated pairs, {relation}"
        rows += _rows(found, where, seeds)
        values = [table[OURS][AUROC] for table in found]
        if relation == "unrelated":
            claims.append(Claim(f"{where}: AUROC away from 0.5, mean over seeds", abs(float(np.mean(values)) - 0.5), "<", 0.02))
        else:
            claims.append(Claim(f"{where}: AUROC, worst seed", min(values), ">=", 0.9))
    for key in [*dict.fromkeys([*MEASURED, *LABELS])]:
        if demos and key not in demos:
            continue
        pairs: list[Figures] = []
        labels: list[Figures] = []
        for seed in seeds:
            split, known, test = _measured(key, seed)
            if key in MEASURED:
                pairs.append(_of_pairs(split, known, test, MEASURED[key]))
            if key in LABELS:
                labels.append(label_rows(known, test, DEMOS[key].columns.state is not None, seed))
            if progress is not None:
                progress(f"pairs {key}", seed + 1, max(seeds) + 1, {})
        if pairs:
            where = f"{key}, {' with '.join(MEASURED[key])}, held-out cells"
            rows += _rows(pairs, where, seeds)
            claims.append(
                Claim(f"{where}: AUROC, lower 95 % bound over cells, worst seed", min(p[OURS][LOW] for p in pairs), ">", 0.5)
            )
            if key == "a549":
                low = min(p[OURS][LOW_WITHIN] for p in pairs)
                claims.append(Claim(f"{where}: same time, AUROC, lower 95 % bound over cells, worst seed", low, ">", 0.5))
        if labels:
            rows += _rows(labels, f"{key}, labels, held-out cells", seeds)
            for name in {metric for table in labels for metric in table[OURS] if metric.startswith("AUROC")}:
                worst = min(table[OURS][name] for table in labels)
                claims.append(Claim(f"{key}, labels: {name}, worst seed", worst, ">", 0.5))
    return rows, sorted(claims, key=lambda claim: claim.name)


def _simulated(relation: Any, seed: int) -> tuple[Split, Material, Material]:
    cells = simulate_pairs(relation, n_cells=SIMULATED[relation], seed=seed)
    return _fitted(cells, Settings(seed=seed), Columns(time="time"), seed)


def _measured(key: str, seed: int) -> tuple[Split, Material, Material]:
    return _fitted(load_demo(key), dataclasses.replace(SETTINGS[key], seed=seed), DEMOS[key].columns, seed)


def _fitted(cells: MuData, settings: Settings, columns: Columns, seed: int) -> tuple[Split, Material, Material]:
    """Training cells read as new ones, and test cells, by an autoencoder of the former."""
    split = Split.of(cells, seed, batch=columns.batch)
    fitted = autoencoder_alone(split, settings, columns)
    return split, Material.of(fitted, split.train, as_new=True), Material.of(fitted, split.test)


def _of_pairs(split: Split, known: Material, test: Material, pair: tuple[str, str]) -> Figures:
    """Figures of ours and of the baselines for one seed."""
    scorer = fit_pairs(known, *pair, seed=split.seed)
    found: Figures = {}
    for method, matrix in pair_matrices(scorer, split, known, test).items():
        found[method] = {AUROC: auroc(matrix)}
        if test.time is not None:
            found[method][WITHIN] = auroc(matrix, test.time)
    a, b = (test.embeddings[m] for m in pair)
    matrix = scorer.score_all(a, b)
    ours = found[OURS]
    ours[LOW], ours[HIGH] = bootstrap(matrix, split.seed)
    if test.time is not None:
        ours[LOW_WITHIN], ours[HIGH_WITHIN] = bootstrap(matrix, split.seed, test.time)
    ours["calibration error"] = calibration_error(matrix, split.seed)
    ours["gate of the critic"], ours["temperature"] = scorer.gate, scorer.temperature
    ours |= _suspects(scorer, a, b, test.time, split.seed)
    return found | sharpening(known, test, pair, split.seed)


def _suspects(scorer: PairScorer, a: np.ndarray, b: np.ndarray, time: np.ndarray | None, seed: int) -> dict[str, float]:
    """Whole samples as they are and shuffled within the time; and single cells, of which a fifth was swapped."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros(len(a)) if time is None else time
    order = np.arange(len(a))
    for kind in np.unique(kinds):
        here = np.flatnonzero(kinds == kind)
        order[here] = rng.permutation(here)
    moved = rng.permutation(len(a))[: int(SWAPPED * len(a))]
    part = np.arange(len(a))
    part[moved] = np.roll(moved, 1)
    as_is, shuffled = (find_suspects(scorer, a, b[o], groups=time, kind=TIME, seed=seed) for o in (np.arange(len(a)), order))
    some = find_suspects(scorer, a, b[part], seed=seed).cells["suspicious"].to_numpy()
    swapped = np.isin(np.arange(len(a)), moved)
    return {
        "whole sample: p of shuffled, as it is": as_is.p_shuffled,
        "whole sample: share paired, as it is": as_is.paired,
        "whole sample: p of shuffled, shuffled": shuffled.p_shuffled,
        "whole sample: share paired, shuffled": shuffled.paired,
        "a fifth swapped: share of them found": float(some[swapped].mean()),
        "a fifth swapped: false among those found": float((some & ~swapped).sum() / max(1, some.sum())),
    }


def auroc(matrix: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Of scores of cells with their own partner against those with all others', of the same group where there are groups."""
    others = ~np.eye(len(matrix), dtype=bool)
    if groups is not None:
        others &= groups[:, None] == groups[None]
    scores = np.concatenate([matrix.diagonal(), matrix[others]])
    return float(roc_auc_score(np.arange(len(scores)) < len(matrix), scores))


def bootstrap(matrix: np.ndarray, seed: int, groups: np.ndarray | None = None) -> tuple[float, float]:
    """95 % interval of the AUROC over cells, which are drawn again with their own and 20 other partners."""
    rng = np.random.default_rng(seed)
    own = matrix.diagonal()
    kinds = np.zeros(len(matrix)) if groups is None else groups
    others = np.full((len(matrix), 20), np.nan)
    for i, kind in enumerate(kinds):
        places = np.flatnonzero((kinds == kind) & (np.arange(len(kinds)) != i))
        others[i] = matrix[i, rng.choice(places, others.shape[1])]
    values = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(own), len(own))
        scores = np.concatenate([own[rows], others[rows].ravel()])
        values.append(roc_auc_score(np.arange(len(scores)) < len(own), scores))
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def calibration_error(matrix: np.ndarray, seed: int, bins: int = 10) -> float:
    """Mean distance of the probability that is said from the share that is true, over true and as many swapped pairs in bins of
    equal size (Naeini et al. 2015)."""
    own, others = split_pairs(matrix, seed)
    said = 1 / (1 + np.exp(-np.concatenate([own, others[:, 0]])))
    true = np.arange(len(said)) < len(own)
    order = np.argsort(said, kind="stable")
    return float(np.mean([abs(said[part].mean() - true[part].mean()) for part in np.array_split(order, bins)]))


def _rows(found: Sequence[Figures], where: str, seeds: Sequence[int]) -> list[Row]:
    order = [*METHODS, *(name for name in found[0] if name not in METHODS)]
    return [
        Row.over_seeds(method, metric, [table[method][metric] for table in found], where=where, seeds=tuple(seeds))
        for method in order
        if method in found[0]
        for metric in found[0][method]
        if all(np.isfinite(table[method][metric]) for table in found)  # not where nothing can be told
    ]

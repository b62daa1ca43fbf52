"""Genes that were never switched on, neither alone nor in a pair, from genes that vary with them in untreated cells.

Of the genes that were switched on in Norman's screen only one is among the 500 that were measured, so its own untreated cells
cannot say which genes go with them. Untreated blood cells of another data set (10x CITE-seq, 15,792 genes) show all 18.
"""

from __future__ import annotations

import numpy as np

from benchmarks.perturbation.judge import FIGURES, L2, OURS, PEARSON, Case, Judged, Training, halves, rows_by_size, rows_of
from benchmarks.perturbation.kang import COMPONENTS, Progress
from benchmarks.perturbation.norman import means, whole_screen
from virtualcell.data.catalogue import load_demo
from virtualcell.data.counts import counts_of
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.rules import NoChange, TrainingMean
from virtualcell.perturbation.screen import Screen, log_expression
from virtualcell.perturbation.unseen import CoExpression, UnseenTargets

DEPTH, DEALS, RANK = 1e4, 100, 2


def blood() -> CoExpression:
    cells = load_demo("cite").mod["rna"]
    names = [str(name) for name in cells.var_names]
    return CoExpression.of(log_expression(counts_of(cells, modality="rna"), DEPTH), names)


def nearest(places: np.ndarray, place: np.ndarray, k: float) -> np.ndarray:
    """Of the mean effect of the k targets whose co-expression is most alike, by cosine."""
    alike = places @ place / np.maximum(np.linalg.norm(places, axis=1) * np.linalg.norm(place), 1e-12)
    return np.isin(np.arange(len(places)), np.argsort(-alike, kind="stable")[: int(k)]) / min(int(k), len(places))


def low_rank(effects: np.ndarray) -> np.ndarray:
    """Their mean and their two main directions alone."""
    middle = effects.mean(0)
    _, _, axes = np.linalg.svd(effects - middle, full_matrices=False)
    return middle + (effects - middle) @ axes[:RANK].T @ axes[:RANK]


def approaches() -> list[UnseenTargets]:
    return [
        UnseenTargets("nearest targets by co-expression", nearest, (1, 2, 3, 5)),
        UnseenTargets("low-rank map of co-expression", known=low_rank),
        UnseenTargets(OURS),
    ]


def left_out(screen: Screen, together: CoExpression, name: str, seed: int) -> tuple[Judged, list[str]]:
    """A single whose own cells, and those of every pair with it, are held out; and who abstained, which predicts no change."""
    rng = np.random.default_rng(seed)
    here, there = halves(np.flatnonzero(screen.treatment == screen.control), rng)
    kept = np.array([name not in treatment.split("+") for treatment in screen.treatment])
    kept[there] = False
    training, start = screen.take(kept), screen.expression[here]
    predicted = {rule.name: start + rule.fit(training, seed).change(start, name) for rule in (NoChange(), TrainingMean())}
    response, silent = Response().fit(training, seed), []
    shared = np.mean([response.shared[known] for known in response.treatments if "+" not in known], axis=0)
    predicted["mean of single genes, shrunk"] = start + shared
    for model in approaches():
        try:
            predicted[model.name] = start + model.fit(response, together, seed).change(name)
        except LookupError:
            predicted[model.name] = start
            silent.append(model.name)
    rows = np.flatnonzero(screen.treatment == name)
    parts = (screen.expression[part] for part in (there, rows, *halves(rows, rng)))
    return Judged.of(Case(start, *parts), predicted, Training.of(training, COMPONENTS)), silent


def by_chance(screen: Screen, together: CoExpression) -> tuple[float, float]:
    """Of all singles: how often co-expression that was dealt out to the wrong ones gains as much as the right one, and the share
    of ``DEALS`` such deals after which it answers."""
    response, rng = Response().fit(screen), np.random.default_rng(1)
    true = UnseenTargets().fit(response, together)
    answers = []
    for _ in range(DEALS):
        dealt = zip(true.targets, rng.permutation(true.targets), strict=True)
        wrong = CoExpression({a: together.places[b] for a, b in dealt})
        answers.append(UnseenTargets().fit(response, wrong).chosen is not None)
    return true.chance, float(np.mean(answers))


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    screen, together = whole_screen(), blood()
    genes = [str(name) for name in load_demo("norman").mod["rna"].var_names]
    singles = [name for name in screen.treatments if "+" not in name]
    target = np.array([genes.index(name) if name in genes else -1 for name in singles])
    by_seed: list[dict[str, Judged]] = []
    answered: dict[str, list[float]] = {}
    for seed in seeds:
        found, silent = {}, []
        for name in singles:
            found[name], quiet = left_out(screen, together, name, seed)
            silent += quiet
        by_seed.append(found)
        for model in approaches():
            answered.setdefault(model.name, []).append(1 - silent.count(model.name) / len(singles))
        progress("unseen genes", seed - seeds[0] + 1, len(seeds), {})
    where = f"norman, each of {len(singles)} single genes left out"
    figures: list[dict[str, FIGURES]] = [means(found, target) for found in by_seed]
    rows = rows_of(figures, where, seeds) + rows_by_size(by_seed, where, seeds)
    for method, shares in answered.items():
        rows.append(Row.over_seeds(method, "share of genes for which it answers", shares, where=where, seeds=tuple(seeds)))
    chance, answers = by_chance(screen, together)
    wrong = f"norman, all {len(singles)} single genes, co-expression dealt out to the wrong ones"
    rows.append(Row(OURS, "share of deals that gain as much as the right one", chance, where=wrong))
    rows.append(Row(OURS, f"share of {DEALS} deals after which it answers", answers, where=wrong))
    others = [method for method in figures[0] if method in ("no change", "mean of training changes")]
    claims = [
        Claim(
            "Unseen genes: L2 of change minus that of no change or the mean of training changes, worst seed",
            max(found[OURS][L2] - min(found[method][L2] for method in others) for found in figures),
            "<",
            0.0,
        ),
        Claim(
            "Unseen genes: Pearson of change minus that of the mean of training changes, worst seed",
            min(found[OURS][PEARSON] - max(found[method][PEARSON] for method in others) for found in figures),
            ">",
            0.0,
        ),
        Claim("Unseen genes: answers although co-expression is of the wrong genes, share", answers, "<=", 0.05),
    ]
    return rows, claims

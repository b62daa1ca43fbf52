"""CRISPR activation: doubles from their singles, singles never measured, and which gene was switched on."""

from __future__ import annotations

import numpy as np

from benchmarks.perturbation.judge import FIGURES, halves, of_change
from benchmarks.perturbation.kang import CEILING, OURS, Progress, across, rows_of
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.evaluation.perturbation import changed_weight, discrimination_score
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.inverse import rank_treatments
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.rules import rules_across_treatments
from virtualcell.perturbation.screen import Screen

ADDITIVE, PEARSON, L2 = "additive", "Pearson of change", "L2 of change"
TOP, DISCRIMINATION = 3, "discrimination score"


def screen_and_genes() -> tuple[Screen, list[str]]:
    """All cells; expression as its source normalised it, with counts of all genes and not of these 500 alone."""
    columns, cells = DEMOS["norman"].columns, load_demo("norman").mod["rna"]
    table = Screen.of(cells.X.toarray().astype(float), cells.obs[columns.perturbation].to_numpy(), control=columns.control)
    return table, [str(name) for name in cells.var_names]


def doubles_of(screen: Screen) -> list[str]:
    """Doubles of which both singles were measured."""
    known = set(screen.treatments)
    return [name for name in screen.treatments if "+" in name and set(name.split("+")) <= known]


def one(screen: Screen, genes: list[str], held: list[str], seed: int) -> dict[str, FIGURES]:
    """Every method without the cells of the treatments ``held``, mean over them. Untreated cells in halves: one makes the
    predictions, of the other the measured change is taken."""
    rng = np.random.default_rng(seed)
    here, there = halves(np.flatnonzero(screen.treatment == screen.control), rng)
    kept = ~np.isin(screen.treatment, held)
    kept[there] = False
    training, start, other = screen.take(kept), screen.expression[here], screen.expression[there]
    changes: dict[str, dict[str, np.ndarray]] = {}
    for method in (*rules_across_treatments(), Response(OURS)):
        method.fit(training, seed)
        for name in held:
            try:
                changes.setdefault(method.name, {})[name] = method.change(start, name).mean(0)
            except LookupError:  # nothing measured supports a prediction: the method abstains, and has no row
                changes.pop(method.name, None)
                break
    measured, truth_of_half, weight = {}, {}, {}
    for name in held:
        rows = np.flatnonzero(screen.treatment == name)
        first, second = (screen.expression[half].mean(0) for half in halves(rows, rng))
        changes.setdefault(CEILING, {})[name] = second - start.mean(0)
        # The half that makes the ceiling is judged by the other half: of fewer cells than all others are judged by.
        truth_of_half[name], measured[name] = first - other.mean(0), screen.expression[rows].mean(0) - other.mean(0)
        weight[name] = changed_weight(screen.expression[rows], other)
    found = {}
    for method, of_names in changes.items():
        truth = truth_of_half if method == CEILING else measured
        cases = [of_change(of_names[name], truth[name], weight[name]) for name in held]
        figures = {metric: float(np.mean([case[metric] for case in cases])) for metric in cases[0]}
        if len(held) > 1:
            target = np.array([genes.index(name) if name in genes else -1 for name in held])
            table = [np.array([of[name] for name in held]) for of in (of_names, truth)]
            figures[DISCRIMINATION] = float(discrimination_score(*table, target).mean())
        found[method] = figures
    return found


def which(screen: Screen, seed: int) -> tuple[float, float]:
    """Shares of singles whose measured outcome, half of their cells, ranks the gene first and among the first three of all
    singles, by what the other half has taught."""
    rng = np.random.default_rng(seed)
    _, there = halves(np.flatnonzero(screen.treatment == screen.control), rng)
    singles = [name for name in screen.treatments if "+" not in name]
    kept, goals = np.ones(len(screen.treatment), dtype=bool), {}
    kept[there] = False
    for name in singles:
        _, goal = halves(np.flatnonzero(screen.treatment == name), rng)
        kept[goal], goals[name] = False, goal
    model = Response(OURS).fit(screen.take(kept), seed)
    places = []
    for name in singles:
        ranked = rank_treatments(model, screen.expression[there], screen.expression[goals[name]], singles)
        places.append(list(ranked["treatment"]).index(name))
    return float(np.mean(np.array(places) < 1)), float(np.mean(np.array(places) < TOP))


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Doubles all at once; singles one at a time, with every double that has them; which single it was."""
    screen, genes = screen_and_genes()
    doubles = doubles_of(screen)
    singles = [name for name in screen.treatments if "+" not in name]
    of_doubles, of_singles, found = [], [], []
    for seed in seeds:
        of_doubles.append(one(screen, genes, doubles, seed))
        of_singles.append(across([left_out(screen, genes, name, seed) for name in singles]))
        found.append(which(screen, seed))
        progress("norman", seed - seeds[0] + 1, len(seeds), {})
    where = f"norman, {len(doubles)} pairs of genes held out, both of which were measured alone"
    rows = rows_of(of_doubles, where, seeds) + rows_of(of_singles, f"norman, each of {len(singles)} single genes left out", seeds)
    for i, name in enumerate(("first", f"among the first {TOP}")):
        metric = f"share of singles whose own gene is ranked {name} of {len(singles)}"
        values = [shares[i] for shares in found]
        rows.append(Row.over_seeds(OURS, metric, values, where="norman, which gene it was", seeds=tuple(seeds)))
    ours, theirs = ([figures[method] for figures in of_doubles] for method in (OURS, ADDITIVE))
    claims = [
        Claim(
            "Norman, doubles: Pearson of change minus that of additive, worst seed",
            min(a[PEARSON] - b[PEARSON] for a, b in zip(ours, theirs, strict=True)),
            ">=",
            0.0,
        ),
        Claim(
            "Norman, doubles: L2 of change minus that of additive, worst seed",
            max(a[L2] - b[L2] for a, b in zip(ours, theirs, strict=True)),
            "<=",
            0.0,
        ),
        Claim(
            f"Norman: share of singles whose own gene is among the first {TOP} of {len(singles)}",
            float(np.mean([shares[1] for shares in found])),
            ">=",
            0.5,
        ),
    ]
    return rows, claims


def left_out(screen: Screen, genes: list[str], name: str, seed: int) -> dict[str, FIGURES]:
    """A single that was measured neither alone nor in a double."""
    free = np.array([name not in treatment.split("+") or treatment == name for treatment in screen.treatment])
    return one(screen.take(free), genes, [name], seed)

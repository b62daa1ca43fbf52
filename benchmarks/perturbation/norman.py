"""CRISPR activation: pairs of genes from single ones, and which gene was switched on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from benchmarks.perturbation.judge import (
    CEILING,
    FIGURES,
    L2,
    OURS,
    PEARSON,
    Case,
    Judged,
    Training,
    across,
    halves,
    rows_by_size,
    rows_of,
    rows_of_cases,
)
from benchmarks.perturbation.kang import COMPONENTS, Progress
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.data.preprocess import preprocess
from virtualcell.evaluation.perturbation import discrimination_score
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.from_counts import fit_response
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.rules_of_treatments import rules_across_treatments
from virtualcell.perturbation.screen import Screen, log_expression
from virtualcell.schema import Settings

ADDITIVE, DISCRIMINATION = "additive", "discrimination score"


def whole_screen() -> Screen:
    """All cells; expression as its source normalised it, with counts of all genes and not of these 500 alone."""
    columns, cells = DEMOS["norman"].columns, load_demo("norman").mod["rna"]
    return Screen.of(cells.X.toarray().astype(float), cells.obs[columns.perturbation].to_numpy(), control=columns.control)


def app_counts() -> sp.csr_matrix:
    """Recovered counts of the same cells, of the genes that the app's model reads."""
    cells = load_demo("norman")
    read = preprocess(cells, Settings().preprocess).mod["rna"].var_names
    return sp.csr_matrix(counts_of(cells.mod["rna"][:, read], modality="rna"))


def doubles_of(screen: Screen) -> list[str]:
    """Doubles of which both singles were measured."""
    known = set(screen.treatments)
    return [name for name in screen.treatments if "+" in name and set(name.split("+")) <= known]


def one(screen: Screen, held: list[str], seed: int, counts: sp.csr_matrix | None = None) -> dict[str, Judged]:
    """Every method without the cells of the treatments ``held``; of counts, ours is what the app fits, and expression is scaled
    as it scales it. A method that abstains in one of them has no figures there."""
    rng = np.random.default_rng(seed)
    here, there = halves(np.flatnonzero(screen.treatment == screen.control), rng)
    kept = ~np.isin(screen.treatment, held)
    kept[there] = False
    ours = Response(OURS)
    if counts is None:
        ours.fit(screen.take(kept), seed)
    else:
        fitted = fit_response(counts[kept], screen.treatment[kept], None, screen.control, seed)
        if fitted is None:
            raise ValueError("No treatment was measured in two cells or more, beside two untreated ones.")
        ours = fitted
        screen = Screen(log_expression(counts, ours.depth).astype(float), screen.treatment, screen.group, screen.control)
    training, start = screen.take(kept), screen.expression[here]
    predicted: dict[str, dict[str, np.ndarray]] = {name: {} for name in held}
    for method in (*(rule.fit(training, seed) for rule in rules_across_treatments()), ours):
        for name in held:
            try:
                predicted[name][method.name] = start + method.change(start, name)
            except LookupError:  # nothing measured supports a prediction: the method abstains
                continue
    learned, found = Training.of(training, COMPONENTS), {}
    for name in held:
        rows = np.flatnonzero(screen.treatment == name)
        parts = (screen.expression[part] for part in (there, rows, *halves(rows, rng)))
        found[name] = Judged.of(Case(start, *parts), predicted[name], learned)
    return found


def means(found: Mapping[str, Judged], target: np.ndarray | None = None) -> dict[str, FIGURES]:
    """Method -> figure, mean over cases; with how well each prediction is told from the measured effects of the others. target:
    genes that are left out there, as for ``discrimination_score``."""
    figures = across([case.by_all for case in found.values()])
    for method in figures:
        predicted = np.array([case.change[method] for case in found.values()])
        measured = np.array([case.measured_half if method == CEILING else case.measured for case in found.values()])
        if len(found) > 1:
            figures[method][DISCRIMINATION] = float(discrimination_score(predicted, measured, target).mean())
    return figures


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Doubles all at once, of all genes and as the app sees them."""
    screen, counts = whole_screen(), app_counts()
    doubles = doubles_of(screen)
    by_seed, in_app = [], []
    for seed in seeds:
        by_seed.append(one(screen, doubles, seed))
        in_app.append(one(screen, doubles, seed, counts))
        progress("norman", seed - seeds[0] + 1, len(seeds), {})
    where = f"norman, {len(doubles)} pairs of genes held out, both of which were measured alone"
    # None of the genes of these pairs is among those that were measured: no target is to be left out.
    figures = [means(found) for found in by_seed]
    rows = rows_of(figures, where, seeds) + rows_of_cases(by_seed, where, seeds)
    rows += rows_by_size(by_seed, where, seeds)
    in_counts = f"norman, the same pairs in counts of the {counts.shape[1]} genes that the app reads"
    rows += rows_of([means(found) for found in in_app], in_counts, seeds)
    ours, theirs = ([found[method] for found in figures] for method in (OURS, ADDITIVE))
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
    ]
    for metric, sign in ((PEARSON, 1), (L2, -1)):
        rules = [method for method in figures[0] if method not in (OURS, CEILING)]
        best = max(
            rules, key=lambda method, metric=metric, sign=sign: sign * np.mean([found[method][metric] for found in figures])
        )
        gains = [sign * (found[OURS][metric] - found[best][metric]) for found in figures]
        claims.append(Claim(f"Norman, doubles: gain over the best rule by {metric}, worst seed", min(gains), ">=", 0.0))
    return rows, claims

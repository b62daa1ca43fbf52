"""Interferon in a cell type, or a donor, in which it was never measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.perturbation.judge import (
    CEILING,
    ENERGY,
    FIGURES,
    OURS,
    Case,
    Judged,
    Training,
    across,
    halves,
    mean,
    rows_by_size,
    rows_of,
    rows_of_cases,
)
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.rules_of_groups import rules_across_groups
from virtualcell.perturbation.screen import Screen, log_expression

DEPTH, COMPONENTS = 1000.0, 30
"""About the median count of a cell over these genes; components of the training cells in which populations are compared."""

PEARSON_50 = "Pearson of change, top 50"

Progress = Callable[[str, int, int, dict[str, float | str]], None]


def screens() -> tuple[Screen, np.ndarray]:
    """All cells in groups of one type, and their donors."""
    columns, cells = DEMOS["kang"].columns, load_demo("kang")
    obs = cells.obs
    expression = log_expression(counts_of(cells.mod["rna"], modality="rna"), DEPTH).astype(float)
    types, donors = (obs[name].astype(str).to_numpy() for name in (columns.state, columns.batch))
    return Screen.of(expression, obs[columns.perturbation].to_numpy(), types, columns.control), donors


def one(screen: Screen, held: np.ndarray, asked: dict[str, np.ndarray], seed: int) -> dict[str, Judged]:
    """Every method without the treated cells ``held`` (cells,) bool; asked: group -> rows of its held treated cells."""
    rng = np.random.default_rng(seed)
    treatment = screen.treatments[0]
    starts, others, kept = {}, {}, ~held
    for group in asked:
        untreated = np.flatnonzero((screen.group == group) & (screen.treatment == screen.control))
        starts[group], others[group] = halves(untreated, rng)
        kept[others[group]] = False
    training = screen.take(kept)
    predicted: dict[str, dict[str, np.ndarray]] = {group: {} for group in asked}
    for method in (*rules_across_groups(), Response(OURS)):
        method.fit(training, seed)
        for group in asked:
            start = screen.expression[starts[group]]
            predicted[group][method.name] = start + method.change(start, treatment, group)
    learned, found = Training.of(training, COMPONENTS), {}
    for group, rows in asked.items():
        cells = (screen.expression[part] for part in (starts[group], others[group], rows, *halves(rows, rng)))
        found[group] = Judged.of(Case(*cells), predicted[group], learned)
    return found


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Each type held out in turn, then each donor (all its types at once)."""
    screen, donors = screens()
    treated = screen.treatment != screen.control
    of_type: list[dict[str, Judged]] = []
    of_donor: list[dict[str, Judged]] = []
    single = Screen(
        screen.expression, screen.treatment, np.char.add(np.char.add(screen.group, ", donor "), donors), screen.control
    )
    for seed in seeds:
        of_type.append({})
        for group in screen.groups:
            rows = treated & (screen.group == group)
            of_type[-1] |= one(screen, rows, {group: np.flatnonzero(rows)}, seed)
        of_donor.append({})
        for donor in np.unique(donors):
            held = treated & (donors == donor)
            asked = {group: np.flatnonzero(held & (single.group == group)) for group in np.unique(single.group[held])}
            of_donor[-1] |= one(single, held, asked, seed)
        progress("kang", seed - seeds[0] + 1, len(seeds), {})
    places = (f"kang, each of {len(screen.groups)} types held out in turn", "kang, each of two donors held out in turn")
    means = [[across([case.by_all for case in found.values()]) for found in by_seed] for by_seed in (of_type, of_donor)]
    rows_out = [row for figures, where in zip(means, places, strict=True) for row in rows_of(figures, where, seeds)]
    rows_out += rows_of_cases(of_type, places[0], seeds) + rows_by_size(of_type, places[0], seeds)
    rows_out += rows_by_size(of_donor, places[1], seeds)
    rows_out += gap(means[0], places[0], seeds)
    ours = mean([figures[OURS] for figures in means[0]])
    claims = [
        Claim("Kang: energy distance, mean over held-out types and seeds", ours[ENERGY], "<=", 0.65),
        Claim("Kang: Pearson of change, top 50, mean over held-out types and seeds", ours[PEARSON_50], ">=", 0.935),
    ]
    rules = [method for method in means[0][0] if method not in (OURS, CEILING)]
    nearest = min(mean([figures[method] for figures in means[0]])[ENERGY] for method in rules)
    claims.append(Claim("Kang: energy distance minus that of the best rule, mean", ours[ENERGY] - nearest, "<", 0.0))
    return rows_out, claims


def gap(by_seed: list[dict[str, FIGURES]], where: str, seeds: range) -> list[Row]:
    """Share of the way from the best rule, whichever that is on the held-out cells themselves, to the ceiling."""
    rows = []
    for metric, best in ((ENERGY, min), (PEARSON_50, max)):
        shares = []
        for figures in by_seed:
            rule = best(figures[method][metric] for method in figures if method not in (OURS, CEILING))
            shares.append((figures[OURS][metric] - rule) / (figures[CEILING][metric] - rule))
        rows.append(
            Row.over_seeds(OURS, f"share of the gap from the best rule, {metric}", shares, where=where, seeds=tuple(seeds))
        )
    return rows

"""Interferon in a cell type, or a donor, in which it was never measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.decomposition import PCA

from benchmarks.perturbation.judge import FIGURES, halves, of_cells
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.rules import rules_across_groups
from virtualcell.perturbation.screen import Screen, log_expression

DEPTH, COMPONENTS = 1000.0, 30
"""About the median count of a cell over these genes; components of the training cells in which populations are compared."""

OURS, CEILING = "VirtualCell", "ceiling: half of the measured cells"
ENERGY, PEARSON = "energy distance", "Pearson of change, top 50"

Progress = Callable[[str, int, int, dict[str, float | str]], None]


def screens() -> tuple[Screen, np.ndarray]:
    """All cells in groups of one type, and their donors."""
    columns, cells = DEMOS["kang"].columns, load_demo("kang")
    obs = cells.obs
    expression = log_expression(counts_of(cells.mod["rna"], modality="rna"), DEPTH).astype(float)
    types, donors = (obs[name].astype(str).to_numpy() for name in (columns.state, columns.batch))
    return Screen.of(expression, obs[columns.perturbation].to_numpy(), types, columns.control), donors


def one(screen: Screen, held: np.ndarray, asked: dict[str, np.ndarray], seed: int) -> dict[str, FIGURES]:
    """Every method without the treated cells ``held`` (cells,) bool; asked: group -> rows of its held treated cells. Method ->
    figure, mean over groups."""
    rng = np.random.default_rng(seed)
    treatment = screen.treatments[0]
    starts, others, kept = {}, {}, ~held
    for group in asked:
        untreated = np.flatnonzero((screen.group == group) & (screen.treatment == screen.control))
        starts[group], others[group] = halves(untreated, rng)
        kept[others[group]] = False
    training = screen.take(kept)
    space = PCA(COMPONENTS, random_state=0).fit(training.expression)
    found: dict[str, list[FIGURES]] = {}
    for method in (*rules_across_groups(), Response(OURS)):
        method.fit(training, seed)
        for group, rows in asked.items():
            start = screen.expression[starts[group]]
            predicted = start + method.change(start, treatment, group)
            figures = of_cells(predicted, start, screen.expression[rows], screen.expression[others[group]], space)
            found.setdefault(method.name, []).append(figures)
    for group, rows in asked.items():
        first, second = (screen.expression[half] for half in halves(rows, rng))
        start, other = screen.expression[starts[group]], screen.expression[others[group]]
        found.setdefault(CEILING, []).append(of_cells(second, start, first, other, space))
    return {method: mean(figures) for method, figures in found.items()}


def mean(figures: list[FIGURES]) -> FIGURES:
    """Over cases, where a figure is known in all."""
    return {name: float(np.mean([f[name] for f in figures])) for name in figures[0] if all(name in f for f in figures)}


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Each type held out in turn, then each donor (all its types at once)."""
    screen, donors = screens()
    treated = screen.treatment != screen.control
    of_type: list[dict[str, FIGURES]] = []
    by_type: dict[str, list[dict[str, FIGURES]]] = {group: [] for group in screen.groups}
    of_donor: list[dict[str, FIGURES]] = []
    single = Screen(
        screen.expression, screen.treatment, np.char.add(np.char.add(screen.group, ", donor "), donors), screen.control
    )
    for seed in seeds:
        for group in screen.groups:
            rows = treated & (screen.group == group)
            by_type[group].append(one(screen, rows, {group: np.flatnonzero(rows)}, seed))
        of_type.append(across([by_type[group][-1] for group in screen.groups]))
        per_donor = []
        for donor in np.unique(donors):
            held = treated & (donors == donor)
            asked = {group: np.flatnonzero(held & (single.group == group)) for group in np.unique(single.group[held])}
            per_donor.append(one(single, held, asked, seed))
        of_donor.append(across(per_donor))
        progress("kang", seed - seeds[0] + 1, len(seeds), {})
    where = f"kang, each of {len(screen.groups)} types held out in turn"
    rows_out = rows_of(of_type, where, seeds) + rows_of(of_donor, "kang, each of two donors held out in turn", seeds)
    for group, figures in by_type.items():
        rows_out += rows_of(figures, f"{where}: {group}", seeds)
    rows_out += gap(of_type, where, seeds)
    ours = mean([figures[OURS] for figures in of_type])
    claims = [
        Claim("Kang: energy distance, mean over held-out types and seeds", ours[ENERGY], "<=", 0.65),
        Claim("Kang: Pearson of change, top 50, mean over held-out types and seeds", ours[PEARSON], ">=", 0.935),
    ]
    return rows_out, claims


def across(cases: list[dict[str, FIGURES]]) -> dict[str, FIGURES]:
    """Mean over cases of one seed."""
    return {method: mean([case[method] for case in cases]) for method in cases[0]}


def rows_of(by_seed: list[dict[str, FIGURES]], where: str, seeds: range) -> list[Row]:
    return [
        Row.over_seeds(method, metric, [figures[method][metric] for figures in by_seed], where=where, seeds=tuple(seeds))
        for method in by_seed[0]
        for metric in by_seed[0][method]
        if all(metric in figures[method] for figures in by_seed)
    ]


def gap(by_seed: list[dict[str, FIGURES]], where: str, seeds: range) -> list[Row]:
    """Share of the way from the best rule, whichever that is on the held-out cells themselves, to the ceiling."""
    rows = []
    for metric, best in ((ENERGY, min), (PEARSON, max)):
        shares = []
        for figures in by_seed:
            rule = best(figures[method][metric] for method in figures if method not in (OURS, CEILING))
            shares.append((figures[OURS][metric] - rule) / (figures[CEILING][metric] - rule))
        rows.append(
            Row.over_seeds(OURS, f"share of the gap from the best rule, {metric}", shares, where=where, seeds=tuple(seeds))
        )
    return rows

"""Which treatment was it: the inverse head beside others, on cells that none of them has seen."""

from __future__ import annotations

import numpy as np

from benchmarks.perturbation.heads import Bayes, Centroid, Head, Logistic, OfResponse
from benchmarks.perturbation.judge import FIGURES, halves, rows_of
from benchmarks.perturbation.kang import Progress, screens
from benchmarks.perturbation.norman import whole_screen
from virtualcell.evaluation.report import Claim, Row
from virtualcell.perturbation.inverse import rank_treatments
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import Screen

TOP = 3
OURS, ENERGY, CHANCE = "VirtualCell", "energy distance of the pushed cells", "chance"

FIRST, AMONG = "own treatment first, share of cells", f"own treatment among the first {TOP}, share of cells"
LOSS, CALIBRATION = "log loss", "calibration error"
BOLDNESS = "probability said of the first minus share that is right"
WHOLE_FIRST, WHOLE_AMONG = (
    "own gene first of all singles, share of populations",
    f"own gene among the first {TOP}, share of populations",
)
BINS = 10

PER_CELL, WHOLE = "norman, each held-out cell among all treatments", "norman, which gene it was"


def heads() -> list[Head]:
    return [
        Bayes(OURS),
        OfResponse("Bayes on the change of the response"),
        Logistic("logistic regression, treated cell", start=False),
        Logistic("logistic regression, treated cell and soft partner", start=True),
        Centroid("nearest centroid"),
    ]


def of_cells(log_probability: np.ndarray, truth: np.ndarray, stated: bool) -> FIGURES:
    """log_probability (cells, treatments), truth (cells,): columns; stated: whether these are meant as probabilities."""
    order = np.argsort(-log_probability, axis=1, kind="stable")
    found = {FIRST: float((order[:, 0] == truth).mean())}
    if log_probability.shape[1] > TOP:
        found[AMONG] = float((order[:, :TOP] == truth[:, None]).any(1).mean())
    if stated:
        found[LOSS] = float(-log_probability[np.arange(len(truth)), truth].mean())
        found[CALIBRATION] = calibration_error(np.exp(log_probability.max(1)), order[:, 0] == truth)
    return found


def calibration_error(said: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Mean of |share right - mean said| over bins of what is said, as heavy as their cells (Guo et al. 2017, eq. 3)."""
    place = np.minimum((said * bins).astype(int), bins - 1)
    return float(sum(abs(said[place == k].sum() - right[place == k].sum()) for k in range(bins)) / len(said))


def norman(screen: Screen, seed: int) -> tuple[dict[str, FIGURES], dict[str, FIGURES], dict[str, float]]:
    """Half of the cells of every treatment trains, the other half is the goal; untreated cells of the other half start. Method ->
    figure of cells, and of whole populations of singles; and what is said to arrive."""
    rng = np.random.default_rng(seed)
    _, there = halves(np.flatnonzero(screen.treatment == screen.control), rng)
    names = sorted(screen.treatments, key=lambda name: "+" in name)
    goals, kept = {}, np.ones(len(screen.treatment), dtype=bool)
    kept[there] = False
    for name in names:
        _, goals[name] = halves(np.flatnonzero(screen.treatment == name), rng)
        kept[goals[name]] = False
    training, start = screen.take(kept), screen.expression[there]
    singles = [i for i, name in enumerate(names) if "+" not in name]
    truth = np.repeat(np.arange(len(names)), [len(goals[name]) for name in names])
    cells, whole = {}, {}
    for head in heads():
        head.fit(training, names, seed)
        said = [head.cells(start, screen.expression[goals[name]]) for name in names]
        cells[head.name] = of_cells(np.concatenate(said), truth, head.stated)
        of = np.array([head.population(start, screen.expression[goals[names[i]]], singles) for i in singles])
        whole[head.name] = ranks(of) | ({LOSS: float(-np.diagonal(of).mean())} if head.name == OURS else {})
        if head.name == OURS:
            right = of.argmax(1) == np.arange(len(of))
            whole[head.name][BOLDNESS] = float(np.exp(of.max(1)).mean() - right.mean())
    response = Response(OURS).fit(training, seed)
    of, arrival = [], []
    for i in singles:
        table = rank_treatments(response, start, screen.expression[goals[names[i]]], [names[k] for k in singles], seed)
        table = table.set_index("treatment").loc[[names[k] for k in singles]]
        of.append(-table["apart"].to_numpy())
        own = table.loc[names[i]]
        arrival.append([own["arriving"], own["arriving_goal"], own["arriving_untreated"], table["arriving"].mean()])
    whole[ENERGY] = ranks(np.array(of))
    n, k = len(names), len(singles)
    cells[CHANCE] = {FIRST: 1 / n, AMONG: TOP / n, LOSS: float(np.log(n))}
    whole[CHANCE] = {WHOLE_FIRST: 1 / k, WHOLE_AMONG: TOP / k}
    said = dict(zip(ARRIVING, np.mean(arrival, axis=0), strict=True))
    said["said minus measured, absolute"] = float(np.mean([abs(case[0] - case[1]) for case in arrival]))
    return cells, whole, said


ARRIVING = (
    "pushed by its own treatment",
    "measured: the goal's own cells",
    "without any push",
    "pushed by a treatment at random",
)


def ranks(score: np.ndarray) -> FIGURES:
    """score (goals, candidates), square: of which the diagonal is right."""
    place = (score > np.diagonal(score)[:, None]).sum(1)
    return {WHOLE_FIRST: float((place < 1).mean()), WHOLE_AMONG: float((place < TOP).mean())}


def kang(screen: Screen, seed: int) -> dict[str, FIGURES]:
    """Interferon or not, of cells of a type that was never treated, mean over types: half of its untreated cells start, the other
    half and its treated cells are to be told apart."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[FIGURES]] = {}
    for group in screen.groups:
        here = screen.group == group
        first, second = halves(np.flatnonzero(here & (screen.treatment == screen.control)), rng)
        training, start = screen.take(~here), screen.expression[first]
        treated = np.flatnonzero(here & (screen.treatment != screen.control))
        names = [screen.control, *screen.treatments]
        truth = np.repeat([0, 1], [len(second), len(treated)])
        for head in heads():
            head.fit(training, names, seed)
            said = np.concatenate([head.cells(start, screen.expression[rows]) for rows in (second, treated)])
            found.setdefault(head.name, []).append(of_cells(said, truth, head.stated))
    found[CHANCE] = [{FIRST: 0.5, LOSS: float(np.log(2))}]
    return {name: {metric: float(np.mean([f[metric] for f in cases])) for metric in cases[0]} for name, cases in found.items()}


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Which of all treatments of CRISPR activation, and interferon or not in a type that was never treated."""
    activation = whole_screen()
    interferon, _ = screens()
    cells, whole, arriving, of_types = [], [], [], []
    for seed in seeds:
        each, populations, said = norman(activation, seed)
        cells.append(each)
        whole.append(populations)
        arriving.append({OURS: said})
        of_types.append(kang(interferon, seed))
        progress("inverse", seed - seeds[0] + 1, len(seeds), {})
    rows = rows_of(cells, PER_CELL, seeds) + rows_of(whole, WHOLE, seeds)
    rows += rows_of(of_types, "kang, interferon or not, each type held out in turn", seeds)
    rows += rows_of(arriving, "norman, share of cells that arrive, mean over singles", seeds)
    first = np.array([[figures[method][WHOLE_FIRST] for method in (OURS, ENERGY)] for figures in whole])
    claims = [
        Claim(
            "Norman: own gene first of 18, head minus energy distance, worst seed",
            float((first[:, 0] - first[:, 1]).min()),
            ">=",
            0.0,
        ),
        Claim("Norman: own gene first of 18, head, mean over seeds", float(first[:, 0].mean()), ">=", 0.6),
        Claim(
            "Norman: calibration error of a cell's treatment", float(np.mean([f[OURS][CALIBRATION] for f in cells])), "<=", 0.05
        ),
    ]
    return rows, claims

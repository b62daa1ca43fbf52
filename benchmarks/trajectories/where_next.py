"""Is the time that is named the one whose cells help the whole course most? Known times are hidden and given back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from benchmarks.trajectories.data import HELD, components
from virtualcell.evaluation.metrics import energy_distance, wasserstein1
from virtualcell.evaluation.next_time import middle_of_longest, next_time
from virtualcell.evaluation.report import Row
from virtualcell.training.both_sides import BothSides

NAMED, GROWTH = "named: where growth and clock leave most open", "named: where growth alone leaves most open"
MIDDLE, CHANCE, BEST = "middle of the longest gap", "at random", "the best that could have been named"
METRICS = ("energy distance", "W1, as many cells as measured")

Hidden = tuple[float, ...]


def where_next(space: str, seeds: Sequence[int]) -> list[Row]:
    """Rows for two and three inner times hidden: the error of the course, summed over hidden times, once the cells of the time
    named are given back (mean over all pairs, or triples, of hidden times), and how often that was the best time to name.

    Errors are those of our flows from both sides. Ties of the simple rules count by their mean. Times that are hidden have no say
    in what is named; they are few and of one data set, so this tells a rule that fails, and none that works everywhere.
    """
    cells = components(space)
    inner = HELD[space]
    reached: dict[tuple[str, int, str], list[float]] = {}
    for seed in seeds:
        error: dict[Hidden, np.ndarray] = {(): np.zeros(len(METRICS))}
        for k in range(1, len(inner) + 1):
            for hidden in combinations(inner, k):
                seen = {t: x for t, x in cells.items() if t not in hidden}
                flows = BothSides().fit(seen, seed)
                error[hidden] = course_error(flows, cells, hidden)
                if k == 1:
                    continue
                # Fewer hidden times were fitted before, so what giving one back leaves is known.
                left = {t: error[tuple(h for h in hidden if h != t)] for t in hidden}
                named = {
                    NAMED: [next_time(flows, seen, hidden).best],
                    GROWTH: [next_time(flows, seen, hidden, clock=False).best],
                    MIDDLE: middle_of_longest(list(seen), hidden),
                    CHANCE: list(hidden),
                }
                for i, metric in enumerate(METRICS):
                    best = min(left, key=lambda t: left[t][i])
                    for rule, times in (named | {BEST: [best]}).items():
                        value = float(np.mean([left[t][i] for t in times]))
                        reached.setdefault((rule, k, f"{metric} of the course left"), []).append(value)
                        right = float(np.mean([t == best for t in times]))
                        reached.setdefault((rule, k, f"share of best times named, by {metric}"), []).append(right)
    rows = []
    for (rule, k, metric), values in reached.items():
        by_seed = np.reshape(values, (len(seeds), -1)).mean(1).tolist()
        where = f"{space}, {k} times hidden, one given back"
        rows.append(Row.over_seeds(rule, metric, by_seed, where=where, seeds=tuple(seeds)))
    return rows


def course_error(flows: BothSides, cells: dict[float, np.ndarray], hidden: Hidden) -> np.ndarray:
    """Distances of ``METRICS`` to the cells measured at the hidden times, summed over these, (metrics,)."""
    total = np.zeros(len(METRICS))
    for t in hidden:
        before = max(s for s in flows.times if s < t)
        given = flows.carry(cells[before], before, t)
        total += energy_distance(given.states, cells[t], given.weights), wasserstein1(given.even(len(cells[t]), 0), cells[t])
    return total

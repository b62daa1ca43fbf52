"""Whether two treatments together do what their single effects add up to, more of it, less, or something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from virtualcell.perturbation.screen import Screen

FEWEST = 10
"""Cells of each of the four populations, from which errors of means are learned."""

CLEAR = 0.05
"""False discovery rate at which a departure is told from chance."""

ADDITIVE, SYNERGY, BUFFERING, OTHER = "not told from additive", "synergy", "buffering", "other than added"

COLUMNS = (
    *("first", "second", "pair", "kind", "scale", "scale_low", "scale_high", "first_share", "first_low", "first_high"),
    *("second_share", "second_low", "second_high", "magnitude", "magnitude_low", "magnitude_high", "expected", "measured"),
    *("departure", "p", "q", "fewest_cells"),
)

_BLOCK = 2_000_000


@dataclass(frozen=True)
class _Group:
    """Untreated, first, second and both: means (4, genes) and cells apart from their mean, of one kind of cells."""

    mean: np.ndarray
    apart: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, populations: list[np.ndarray]) -> _Group:
        mean = np.array([cells.mean(0, dtype=float) for cells in populations])
        # Draws of n cells around their own mean spread by (n - 1) / n too little.
        apart = tuple((x - m) * np.sqrt(len(x) / (len(x) - 1)) for x, m in zip(populations, mean, strict=True))
        return cls(mean, apart)

    def errors(self) -> np.ndarray:
        """Sum over genes of the squared standard error of each mean, (4,)."""
        return np.array([(cells**2).sum() / len(cells) ** 2 for cells in self.apart])

    def noise(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n draws of what chance adds to the four means, (n, 4, genes)."""
        drawn = [rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=n) @ x / len(x) for x in self.apart]
        return np.stack(drawn, 1)


def interactions(screen: Screen, n_boot: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Measured pairs "A+B" of which A and B were also measured alone, the least additive first.

    With a, b, d the changes of mean log expression under A, B and both: d = c1 a + c2 b is fitted over genes (Norman et al.
    2019, Science 365:786: first_share c1, second_share c2, magnitude sqrt(c1^2 + c2^2), about 1.41 where effects add) and
    with one coefficient, d = c (a + b): scale, 1 where effects add, above it synergy, below it buffering. What chance adds to
    squares and products of the means, above all the untreated cells that all three changes share, is taken off before the fit
    (moment correction of errors in variables, Fuller 1987, sec. 2.2), which least squares would take for interaction.
    Intervals: 95 %, of the estimating equation (Fieller 1954), its errors by drawing cells again; NaN where the single
    effects are too weak to fit to.

    departure: root mean square over genes of d - a - b, expected and measured: of a + b and d; natural log, noise taken off,
    0 where noise is all. p: chance that effects which add depart so far, twice the lesser of two: of the departure in any
    genes, by drawing cells again around means that add, whole cells at a time so that genes may be correlated; and of scale
    being 1, which sees more where the departure is along a + b. q: Benjamini-Hochberg over pairs. kind: ``ADDITIVE`` where q
    is above ``CLEAR``, else ``SYNERGY`` or ``BUFFERING`` where the interval of scale lies above or below 1, or ``OTHER``
    (genes that neither changes). Changes are taken within groups of cells. Empty where no pair has ``FEWEST`` cells of all
    four populations in one group.
    """
    rows = [
        _judge(first, second, name, groups, n_boot, np.random.default_rng([seed, i]))
        for i, (name, first, second, groups) in enumerate(_measured_pairs(screen))
    ]
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.DataFrame(rows)
    table["q"] = false_discovery_control(table["p"])
    clear = table["q"] < CLEAR
    table["kind"] = np.select(
        [~clear, table["scale_low"] > 1, table["scale_high"] < 1], [ADDITIVE, SYNERGY, BUFFERING], default=OTHER
    )
    return table.sort_values(["q", "departure"], ascending=[True, False], kind="stable")[list(COLUMNS)].reset_index(drop=True)


def _measured_pairs(screen: Screen) -> list[tuple[str, str, str, list[_Group]]]:
    known, found = set(screen.treatments), []
    for name in screen.treatments:
        parts = name.split("+")
        if len(parts) != 2 or parts[0] == parts[1] or not set(parts) <= known:
            continue
        groups = []
        for group in screen.groups:
            four = [screen.untreated(group), *(screen.treated(treatment, group) for treatment in (*parts, name))]
            if min(len(cells) for cells in four) >= FEWEST:
                groups.append(_Group.of(four))
        if groups:
            found.append((name, parts[0], parts[1], groups))
    return found


def _products(mean: np.ndarray) -> np.ndarray:
    """Of means (..., 4, genes): products aa, bb, ab, ad, bd, dd over genes, and of the departure with itself, (..., 7)."""
    a, b, d = (mean[..., i, :] - mean[..., 0, :] for i in (1, 2, 3))
    rest = d - a - b
    pairs = ((a, a), (b, b), (a, b), (a, d), (b, d), (d, d), (rest, rest))
    return np.stack([np.einsum("...g,...g->...", x, y) for x, y in pairs], -1)


def _judge(
    first: str, second: str, name: str, groups: list[_Group], n_boot: int, rng: np.random.Generator
) -> dict[str, str | float]:
    raw, drawn, null = np.zeros(7), np.zeros((n_boot, 7)), np.zeros((n_boot, 7))
    by_chance = np.zeros(7)
    for group in groups:
        raw += _products(group.mean)
        none, one, other, both = group.errors()
        by_chance += [none + one, none + other, none, none, none, none + both, none + one + other + both]
        size = max(1, _BLOCK // (4 * group.mean.shape[1]))
        for start in range(0, n_boot, size):
            part = slice(start, min(start + size, n_boot))
            noise = group.noise(part.stop - start, rng)
            drawn[part] += _products(group.mean + noise)
            null[part] += _products(noise)
    found = raw - by_chance
    spread = _spread(drawn[:, :5], null[:, :5])
    cells = min(len(x) for group in groups for x in group.apart)
    times = float(student.ppf(0.975, cells - 1))
    genes = sum(group.mean.shape[1] for group in groups)
    rms = np.sqrt(np.maximum([found[0] + found[1] + 2 * found[2], found[5], found[6]], 0) / genes)
    anywhere = (1 + (null[:, 6] >= raw[6]).sum()) / (1 + n_boot)
    along = np.array([-1, -1, -2, 1, 1.0])
    of_scale = 2 * student.sf(abs(along @ found[:5]) / np.sqrt(along @ spread @ along), cells - 1)
    return {
        "first": first,
        "second": second,
        "pair": name,
        **_scale(found, spread, times),
        **_shares(found, spread, times),
        "expected": float(rms[0]),
        "measured": float(rms[1]),
        "departure": float(rms[2]),
        "p": float(min(1.0, 2 * min(anywhere, of_scale))),
        "fewest_cells": cells,
    }


def _spread(drawn: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Covariance of the products, (5, 5), from draws around the measured means and around none.

    Measured means hold noise of their own: a draw around them spreads by what the true means would, and by twice more what
    noise alone does (of a form x'Qx with noise of covariance S: 4 tr QSQS beside the 2 tr QSQS that belongs there).
    """
    alone = np.cov(null, rowvar=False)
    values, directions = np.linalg.eigh(np.cov(drawn, rowvar=False) - 3 * alone)
    return alone + directions @ np.diag(np.maximum(values, 0.0)) @ directions.T


def _scale(found: np.ndarray, spread: np.ndarray, times: float) -> dict[str, float]:
    """Least c of d = c (a + b) and where |<d, s> - c <s, s>| is within its error, s = a + b."""
    above, below = np.array([0, 0, 0, 1, 1.0]), np.array([1, 1, 2, 0, 0.0])
    n, m = above @ found[:5], below @ found[:5]
    nn, nm, mm = (times**2 * x @ spread @ y for x, y in ((above, above), (above, below), (below, below)))
    square, half, rest = m**2 - mm, n * m - nm, n**2 - nn
    if m <= 0 or square <= 0:
        return dict.fromkeys(("scale", "scale_low", "scale_high"), np.nan)
    root = np.sqrt(max(half**2 - square * rest, 0.0))
    return {"scale": n / m, "scale_low": (half - root) / square, "scale_high": (half + root) / square}


def _shares(found: np.ndarray, spread: np.ndarray, times: float) -> dict[str, float]:
    """c1, c2 of d = c1 a + c2 b and their magnitude, with intervals by the errors of the two equations."""
    names = [f"{x}{end}" for x in ("first", "second") for end in ("_share", "_low", "_high")]
    names += ["magnitude", "magnitude_low", "magnitude_high"]
    aa, bb, ab, ad, bd = found[:5]
    gram = np.array([[aa, ab], [ab, bb]])
    # Two effects that are one another's multiples, or none at all, say nothing of who contributes what.
    values, directions = np.linalg.eigh(gram)
    x, y = directions[:, 0]
    least = np.array([x**2, y**2, 2 * x * y])
    if values[0] <= times * np.sqrt(least @ spread[:3, :3] @ least):
        return dict.fromkeys(names, np.nan)
    c = np.linalg.solve(gram, [ad, bd])
    equations = np.array([[-c[0], 0, -c[1], 1, 0], [0, -c[1], -c[0], 0, 1]])
    inverse = np.linalg.inv(gram)
    of_c = inverse @ equations @ spread @ equations.T @ inverse.T
    magnitude = float(np.hypot(*c))
    slope = c / magnitude if magnitude > 0 else np.zeros(2)
    errors = times * np.sqrt([of_c[0, 0], of_c[1, 1], slope @ of_c @ slope])
    ends = [(value, value - e, value + e) for value, e in zip((*c, magnitude), errors, strict=True)]
    return {name: float(value) for name, value in zip(names, np.ravel(ends), strict=True)}

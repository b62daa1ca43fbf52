"""Do drawn cells vary as measured ones do, and do their features go together as in these? Numbers, and sentences on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PALER = 0.85
"""Ratio below which drawn cells are said to have less than measured ones, be it spread or correlation."""
SEEN = 0.1
"""Share of the measured cells in which a counted feature must be seen to be among those whose spread is compared."""
ALIKE = 0.5
"""Correlation of the two halves below which they are said to differ."""
SHUFFLES = 5
HARDLY = 1.2
"""Size of correlations over that by chance below which nothing is made of them; about three standard deviations of it."""


@dataclass(frozen=True)
class Agreement:
    """measured, drawn: correlations (features, features), NaN where a feature never changes; size: mean of their absolute values
    over pairs, by_chance: the same with every feature's cells shuffled, both of (measured, drawn); r: Pearson correlation of the
    two over pairs. NaN where there are no pairs."""

    measured: np.ndarray
    drawn: np.ndarray
    size: tuple[float, float]
    by_chance: tuple[float, float]
    r: float

    def told(self, what: str, kind: str) -> str:
        """The same in words. what: the features; kind: what the measured cells are."""
        if not np.isfinite([*self.size, self.r]).all():
            return f"Too few {what} change in these cells to compare the two halves."
        said = (
            f"Over the pairs, the two halves agree with r = {self.r:.2f} (1: alike). Mean size of a correlation: "
            f"{self.size[0]:.2f} {kind}, {self.size[1]:.2f} drawn; by chance alone, {self.by_chance[0]:.2f} and "
            f"{self.by_chance[1]:.2f}."
        )
        real, made = (size - chance for size, chance in zip(self.size, self.by_chance, strict=True))
        if self.size[0] < HARDLY * self.by_chance[0]:
            return f"{said} The {kind} ones are hardly larger than chance makes them, so this says little."
        if self.r < ALIKE:
            return f"{said} **Which {what} go together is hardly kept in drawn cells.**"
        return f"{said} Drawn cells keep only part of what {what} share." if made < PALER * real else said


def agreement(measured: np.ndarray, drawn: np.ndarray) -> Agreement:
    """measured (m, features), drawn (k, features): readings."""
    halves = correlations(measured), correlations(drawn)
    pairs = np.triu_indices(measured.shape[1], 1)
    both = np.stack([half[pairs] for half in halves])
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] < 3:
        return Agreement(*halves, (np.nan, np.nan), (np.nan, np.nan), np.nan)
    rng = np.random.default_rng(0)
    chance = tuple(float(np.mean([_size(rng.permuted(v, axis=0)) for _ in range(SHUFFLES)])) for v in (measured, drawn))
    size = float(np.abs(both[0]).mean()), float(np.abs(both[1]).mean())
    return Agreement(*halves, size, (chance[0], chance[1]), float(np.corrcoef(both)[0, 1]))


def correlations(readings: np.ndarray) -> np.ndarray:
    """Pearson correlations over cells, (features, features); NaN where a feature never changes."""
    values = np.asarray(readings, dtype=float)
    away = values - values.mean(axis=0)
    size = np.sqrt((away**2).sum(axis=0))
    size[size < 1e-9] = np.nan
    away /= size
    return away.T @ away


def spread(
    chosen: Sequence[str], names: Sequence[str], measured: np.ndarray, drawn: np.ndarray, what: str, kind: str, counts: bool
) -> str:
    """How far each chosen feature, and the median one, varies over drawn cells (k, features) for how far it varies over measured
    ones (m, features). counts: whether 0 means that nothing was seen; then rarely seen features are left out of the median."""
    usual = (measured > 0).mean(axis=0) >= SEEN if counts else np.ones(len(names), dtype=bool)
    real = measured.std(axis=0, dtype=float)
    ratio = np.divide(drawn.std(axis=0, dtype=float), real, out=np.full(len(names), np.nan), where=real > 0)
    of = [f"{name} {ratio[list(names).index(name)]:.2f}" for name in chosen if np.isfinite(ratio[list(names).index(name)])]
    said = f"Standard deviation of drawn over {kind} cells: {', '.join(of)}." if of else ""
    known = ratio[usual & np.isfinite(ratio)]
    if not len(known):
        return said
    middle = float(np.median(known))
    where = f" seen in {SEEN:.0%} of the cells or more" if counts else ""
    said += f" Median of the {len(known):,} {what}{where}: {middle:.2f}."
    if middle < PALER:
        return f"{said} **Drawn cells vary less than {kind} ones.**"
    return f"{said} **Drawn cells vary more than {kind} ones.**" if middle > 1 / PALER else said


def _size(values: np.ndarray) -> float:
    return float(np.nanmean(np.abs(correlations(values)[np.triu_indices(values.shape[1], 1)])))


def of_means(known: np.ndarray, told: np.ndarray, title: str) -> str:
    """One number for how far two means of each feature, (features,), agree, and one for a bias that they share. title: what the
    second are called."""
    said = ""
    if len(known) > 1 and known.std() > 0 and told.std() > 0:
        said = f"Agreement over them (correlation): **{np.corrcoef(known, told)[0, 1]:.2f}**. "
    if known.sum() <= 0:
        return said.strip()
    bias = told.sum() / known.sum() - 1
    return f"{said}Bias, {title} less the other, all together: **{bias:+.0%}**."

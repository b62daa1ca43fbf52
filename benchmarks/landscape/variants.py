"""What is simulated, and what of it the predictor is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from virtualcell.data.known.system import POOL, KnownSystem, Snapshots
from virtualcell.data.known_systems import KNOWN_SYSTEMS

CELLS = 1000
"""Measured at every time."""

LARGE = 40
"""Founders for each measured cell in a culture whose size is known: it strays by less than the 2 % that a fit takes it to."""


@dataclass(frozen=True)
class Variant:
    """A known system, whether its cells divide, and what the fit is told of it.

    growth: how ``train_predictor`` takes growth. shuffled: time labels are permuted, so that nothing is left to be learned of
    motion. bands: whether the fit is repeated with resampled cells, for the intervals of heights. pool: founders, for each
    measured cell, of a culture that grows. noise_told: whether D is known; else it is learned, as by default in the product.
    """

    name: str
    system: KnownSystem
    growing: bool = False
    growth: str = "none"
    shuffled: bool = False
    bands: bool = False
    pool: int = POOL
    noise_told: bool = True

    @property
    def told(self) -> bool:
        """Whether what moved the cells can be known from what the fit is given."""
        return self.noise_told and not self.shuffled and (not self.growing or self.growth in ("given", "sizes"))

    def cells(self, seed: int, n: int = CELLS) -> Snapshots:
        """The cells that are measured; the same for all variants of a system that differ in what is told only."""
        return _simulated(self.system.name, seed, n, self.growing, self.pool)

    def time(self, cells: Snapshots, seed: int) -> np.ndarray:
        """Time in spans as the fit gets it, (cells,)."""
        return np.random.default_rng((seed, 4)).permutation(cells.spans) if self.shuffled else cells.spans

    def arguments(self, cells: Snapshots) -> dict[str, Any]:
        """What ``train_predictor`` is told besides places and times; rates, diffusion and sizes per span."""
        told: dict[str, Any] = {"growth": self.growth}
        if self.noise_told:
            told |= {"diffusion": self.system.diffusion * self.system.span, "diffusion_known": True}
        if self.growth == "given":
            told["growth_rates"] = self._rates()
        if self.growth == "sizes":
            told["population_sizes"] = cells.sizes_by_span
        return told

    def _rates(self) -> Callable[[np.ndarray], np.ndarray]:
        growth, span = self.system.growth, self.system.span
        if growth is None:
            raise ValueError(f"{self.name}: the system has no growth to be given.")
        return lambda xy: growth(xy) * span


@lru_cache(maxsize=8)
def _simulated(name: str, seed: int, n: int, growing: bool, pool: int) -> Snapshots:
    return KNOWN_SYSTEMS[name].snapshots(seed, n, growing=growing, pool=pool)


_WELLS = KNOWN_SYSTEMS["three wells"]

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        *(Variant(name, system, bands=name in ("three wells", "double well")) for name, system in KNOWN_SYSTEMS.items()),
        Variant("three wells, noise learned", _WELLS, bands=True, noise_told=False),
        Variant("three wells, growth given", _WELLS, growing=True, growth="given"),
        Variant("three wells, growth from sizes", _WELLS, growing=True, growth="sizes", pool=LARGE),
        Variant("three wells, growth from sizes of small cultures", _WELLS, growing=True, growth="sizes"),
        Variant("three wells, growth from snapshots", _WELLS, growing=True, growth="transport"),
        Variant("three wells, growth ignored", _WELLS, growing=True, growth="none"),
        Variant("three wells, times shuffled", _WELLS, shuffled=True, bands=True),
    )
}

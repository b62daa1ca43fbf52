"""How much wider or narrower draws must be so that their intervals hold what they say."""

from __future__ import annotations

import numpy as np

from virtualcell.generative.examples import Examples
from virtualcell.generative.sampler import Sampler

COVERAGE = 0.9
GOOD_ENOUGH = 0.025
"""Draws whose intervals hold what they say to within this are left as they are: a factor would only add its own error. Half of
the 5 % by which 90 % intervals may be off on new cells."""
DRAWS = 100
PRIOR_CELLS = 50.0
"""The spread of a dimension is corrected as if so many more cells had said what all dimensions together say."""


def spread_factors(samplers: list[Sampler], judged: list[Examples], seed: int) -> tuple[np.ndarray, float]:
    """Factor (d,) by which each dimension's central 90 % interval holds 90 % of cells kept aside: their quantile of the ratio of
    residual to half-width, as in split conformal prediction (Lei et al. 2018), without its guarantee, because it is drawn to the
    factor that does so over all dimensions where cells are few; and the share inside before it. 1 where that share is good
    enough."""
    ratios = []
    for sampler, judges in zip(samplers, judged, strict=True):
        centre = sampler.mean(judges.given)
        left, drawn = judges.target - centre, sampler.draw(judges.given, DRAWS, seed=seed + 2) - centre
        low, high = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
        ratios.append(np.where(left > 0, left / np.maximum(high, 1e-9), left / np.minimum(low, -1e-9)))
    ratio = np.concatenate(ratios)
    inside = float((ratio <= 1).mean())
    if abs(inside - COVERAGE) <= GOOD_ENOUGH:
        return np.ones(ratio.shape[1], dtype=np.float32), inside
    n = len(ratio)
    each, together = (np.quantile(ratio, min(1.0, COVERAGE * (n + 1) / n), axis=axis) for axis in (0, None))
    trust = n / (n + PRIOR_CELLS)
    return (each**trust * together ** (1 - trust)).astype(np.float32), inside

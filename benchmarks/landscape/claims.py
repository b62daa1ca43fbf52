"""What we say of the learned landscapes, each line held by the worst of its seeds."""

from __future__ import annotations

import numpy as np

from benchmarks.landscape.scores import (
    ATTRACTOR,
    BANDS,
    BARRIER,
    CALLED,
    COMMITTOR,
    COVARIANCE,
    HELD,
    OVERSAID,
    SHARE,
    SPURIOUS,
    UNSAID,
)
from benchmarks.landscape.variants import VARIANTS
from virtualcell.evaluation.report import Claim

WORST = {BARRIER: 20.0, COMMITTOR: 0.06, ATTRACTOR: 0.15, COVARIANCE: 5.0, SHARE: 0.1}
"""Metric -> how far off it may be in any seed."""

NONE_OF = (UNSAID, OVERSAID, SPURIOUS)

Found = dict[str, dict[str, list[float]]]
"""Method -> metric -> one value a seed."""


def claims_of(variant: str, method: str, found: Found) -> list[Claim]:
    """Of one variant and the method that is ours; only where the fit was given what it needs to know are answers claimed."""
    values, claims = found[method], []
    if VARIANTS[variant].told:
        for metric, bound in WORST.items():
            if metric in values:
                worst = float(np.abs(values[metric]).max())
                claims.append(Claim(f"{variant}: {metric}, worst seed", worst, "<=", bound))
        claims += [
            Claim(f"{variant}: {metric}, all seeds together", float(np.sum(values[metric])), "<=", 0.0)
            for metric in NONE_OF
            if metric in values
        ]
    if sum(values.get(BANDS, ())) and VARIANTS[variant].told:
        share = float(np.sum(values[HELD]) / np.sum(values[BANDS]))
        claims.append(Claim(f"{variant}: {HELD}, share over seeds", share, ">=", 0.9))
    if CALLED in values:
        claims.append(Claim(f"{variant}: {CALLED}, all seeds together", float(np.sum(values[CALLED])), "<=", 0.0))
    return claims

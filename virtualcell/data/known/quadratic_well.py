"""Quadratic well: one steep and one gentle direction, neither along an axis; cells start off its centre and relax."""

from __future__ import annotations

import numpy as np

from virtualcell.data.known.system import KnownSystem, around

CENTRE = np.array([0.3, -0.2])
CURVATURES, ANGLE = (0.6, 2.0), np.pi / 6
DIFFUSION = 0.2

_AXES = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
_A = _AXES @ np.diag(CURVATURES) @ _AXES.T


def potential(xy: np.ndarray) -> np.ndarray:
    """U = (z - c)' A (z - c) / 2; xy: (..., 2), result: (...,)."""
    away = xy - CENTRE
    return 0.5 * (away * (away @ _A)).sum(axis=-1)


QUADRATIC_WELL = KnownSystem(
    name="quadratic well",
    diffusion=DIFFUSION,
    times=(0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0),
    drift=lambda xy: -(xy - CENTRE) @ _A,
    potential=potential,
    attractors={"Rest": CENTRE},
    forward=(),
    start=around(np.array([2.0, 1.2]), 0.05 * np.eye(2)),
    box=(-3.6, 4.2, -3.6, 3.6),
    linear=_A,
)

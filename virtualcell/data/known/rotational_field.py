"""Rotational field: cells fall towards a centre and circle around it, which no potential can make them do."""

from __future__ import annotations

import numpy as np

from virtualcell.data.known.system import KnownSystem, around

CENTRE = np.array([0.2, 0.3])
PULL, TURN = 0.8, 0.6
DIFFUSION = 0.2

SHARE = TURN**2 / (TURN**2 + PULL**2)
"""Of the drift that is not a gradient: the same at every place, as the two parts stand at right angles and grow alike."""

_A = np.array([[PULL, TURN], [-TURN, PULL]])


ROTATIONAL_FIELD = KnownSystem(
    name="rotational field",
    diffusion=DIFFUSION,
    times=(0.0, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0),
    drift=lambda xy: -(xy - CENTRE) @ _A.T,
    potential=None,
    attractors={"Rest": CENTRE},
    forward=(),
    start=around(np.array([2.2, 0.8]), 0.05 * np.eye(2)),
    box=(-3.2, 3.8, -3.2, 3.8),
    linear=_A,
)

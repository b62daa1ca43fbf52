"""Double well: a quartic along x, tilted so that the way there is lower than the way back, and a parabola along y."""

from __future__ import annotations

import numpy as np

from virtualcell.data.known.system import KnownSystem, around, bump, rest

HEIGHT, TILT, STIFFNESS = 0.42, -0.16, 1.2
DIFFUSION = 0.15
GROWTH = 0.6


def potential(xy: np.ndarray) -> np.ndarray:
    """U = h (x^2 - 1)^2 + c x + k y^2 / 2; xy: (..., 2), result: (...,)."""
    x, y = xy[..., 0], xy[..., 1]
    return HEIGHT * (x**2 - 1) ** 2 + TILT * x + STIFFNESS * y**2 / 2


def drift(xy: np.ndarray) -> np.ndarray:
    """-grad U; xy: (..., 2), result: (..., 2)."""
    x, y = xy[..., 0], xy[..., 1]
    return -np.stack([4 * HEIGHT * x * (x**2 - 1) + TILT, STIFFNESS * y], axis=-1)


_LEFT, _RIGHT = rest(drift, (-0.95, 0.0)), rest(drift, (1.05, 0.0))

DOUBLE_WELL = KnownSystem(
    name="double well",
    diffusion=DIFFUSION,
    times=(0.0, 1.0, 2.0, 4.0, 6.0, 8.0),
    drift=drift,
    potential=potential,
    attractors={"Left": _LEFT, "Right": _RIGHT},
    forward=(("Left", "Right"),),
    start=around(_LEFT, DIFFUSION * np.diag([1 / (4 * HEIGHT * (3 * _LEFT[0] ** 2 - 1)), 1 / STIFFNESS])),
    box=(-2.6, 2.6, -2.4, 2.4),
    growth=bump(_RIGHT, 0.5, GROWTH),
)

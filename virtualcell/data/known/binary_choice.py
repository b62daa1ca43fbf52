"""Binary choice: a progenitor whose valley is lost to two fates, as in parameterised landscapes of cell decisions."""

from __future__ import annotations

import numpy as np

from virtualcell.data.known.system import KnownSystem, around, rest

BEFORE, AFTER = (0.0, 1.0), (0.1, -1.0)
"""Tilts along x and y before and after the signal. Before it the progenitor has a valley; after it a ridge stands there."""

DIFFUSION = 0.1


def potential(xy: np.ndarray, tilt: tuple[float, float] = AFTER) -> np.ndarray:
    """U = x^4 + y^4 + y^3 - 4 x^2 y + y^2 + p . (x, y); xy: (..., 2), result: (...,).

    The binary choice landscape of Saez et al. 2022 (Cell Systems 13, 12-28), with the coefficients in which Howe & Mani 2024
    (PLNN, bioRxiv 2024.09.21.614191) learn it.
    """
    x, y = xy[..., 0], xy[..., 1]
    return x**4 + y**4 + y**3 - 4 * x**2 * y + y**2 + tilt[0] * x + tilt[1] * y


def drift(xy: np.ndarray, tilt: tuple[float, float] = AFTER) -> np.ndarray:
    """-grad U; xy: (..., 2), result: (..., 2)."""
    x, y = xy[..., 0], xy[..., 1]
    return -np.stack([4 * x**3 - 8 * x * y + tilt[0], 4 * y**3 + 3 * y**2 - 4 * x**2 + 2 * y + tilt[1]], axis=-1)


_PROGENITOR = rest(lambda xy: drift(xy, BEFORE), (0.0, -0.6))
_CURVATURE = np.diag([-8 * _PROGENITOR[1], 12 * _PROGENITOR[1] ** 2 + 6 * _PROGENITOR[1] + 2])
_A, _B = rest(drift, (-1.42, 1.01)), rest(drift, (1.40, 0.99))

BINARY_CHOICE = KnownSystem(
    name="binary choice",
    diffusion=DIFFUSION,
    times=(0.0, 0.25, 0.5, 1.0, 1.5, 3.0),
    drift=drift,
    potential=potential,
    attractors={"Fate A": _A, "Fate B": _B},
    forward=(),
    # At rest in the valley that the signal takes away.
    start=around(_PROGENITOR, DIFFUSION * np.linalg.inv(_CURVATURE)),
    box=(-2.1, 2.1, -1.6, 1.8),
    step=0.0005,  # the fates' valleys are steep: their curvature is 30 across
)

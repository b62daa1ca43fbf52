"""A landscape with a known answer: one high progenitor well above two fates, in the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import root

DIFFUSION = 0.15
"""D of dx = -grad U dt + sqrt(2 D) dW; heights in units of D are potential divided by this."""

CONFINEMENT = 0.3
"""k of the term k |x|^2 / 2 that keeps cells from wandering off."""

NAMES = ("Progenitor", "Fate A", "Fate B")
CENTRES = np.array([[0.0, 1.1], [-1.1, -0.5], [1.1, -0.5]])
DEPTHS = np.array([0.62, 1.40, 1.15])
WIDTHS = np.array([0.45, 0.55, 0.55])


@dataclass(frozen=True)
class Well:
    """A minimum of the potential: its name, its place (2,) and its potential (not divided by D)."""

    name: str
    xy: np.ndarray
    energy: float


@dataclass(frozen=True)
class Saddle:
    """The pass between two wells: their names, its place (2,) and its potential (not divided by D)."""

    between: tuple[str, str]
    xy: np.ndarray
    energy: float


def potential(xy: np.ndarray) -> np.ndarray:
    """U = k |x|^2 / 2 - sum_i depth_i exp(-|x - centre_i|^2 / (2 width_i^2)); xy: (..., 2), result: (...,), float64."""
    xy = np.asarray(xy, dtype=np.float64)
    return CONFINEMENT / 2 * (xy**2).sum(axis=-1) - _bumps(xy).sum(axis=-1)


def gradient(xy: np.ndarray) -> np.ndarray:
    """Gradient of ``potential``; xy: (..., 2), result: (..., 2), float64."""
    xy = np.asarray(xy, dtype=np.float64)
    pull = (_bumps(xy) / WIDTHS**2)[..., None] * (xy[..., None, :] - CENTRES)
    return CONFINEMENT * xy + pull.sum(axis=-2)


def hessian(xy: np.ndarray) -> np.ndarray:
    """Second derivatives of ``potential``; xy: (..., 2), result: (..., 2, 2), float64."""
    xy = np.asarray(xy, dtype=np.float64)
    away = xy[..., None, :] - CENTRES
    height = (_bumps(xy) / WIDTHS**2)[..., None, None]
    outer = away[..., :, None] * away[..., None, :] / (WIDTHS**2)[:, None, None]
    return CONFINEMENT * np.eye(2) + (height * (np.eye(2) - outer)).sum(axis=-3)


def wells() -> tuple[Well, ...]:
    """The three minima, in the order of ``NAMES``."""
    places = [_stationary(centre) for centre in CENTRES]
    return tuple(Well(name, xy, float(potential(xy))) for name, xy in zip(NAMES, places, strict=True))


def saddles() -> tuple[Saddle, ...]:
    """The passes from the progenitor to each fate and between the fates."""
    guesses = {
        ("Progenitor", "Fate A"): (-0.26, 0.36),
        ("Progenitor", "Fate B"): (0.26, 0.34),
        ("Fate A", "Fate B"): (0.0, -0.38),
    }
    places = {between: _stationary(np.array(guess)) for between, guess in guesses.items()}
    return tuple(Saddle(between, xy, float(potential(xy))) for between, xy in places.items())


def _bumps(xy: np.ndarray) -> np.ndarray:
    squared = ((xy[..., None, :] - CENTRES) ** 2).sum(axis=-1)
    return DEPTHS * np.exp(-squared / (2 * WIDTHS**2))


def _stationary(guess: np.ndarray) -> np.ndarray:
    solution = root(gradient, guess, jac=hessian, tol=1e-12)
    if not solution.success:
        raise ArithmeticError(f"no stationary point found from {guess}")
    return solution.x

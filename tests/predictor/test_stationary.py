"""The integrator's populations at rest, exactly: right to second order, where plain Euler-Maruyama is right to first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import quad
from scipy.interpolate import make_interp_spline
from torch import Tensor

from virtualcell.predictor.dynamics import MOST_STEPS, STIFFNESS, Dynamics
from virtualcell.predictor.potential import Potential

DIFFUSION = 0.15


class TiltedWells(Potential):
    """U = h (x^2 - 1)^2 + c x in one dimension, two wells of unequal depth."""

    def __init__(self, height: float = 0.3, tilt: float = -0.05):
        super().__init__(1, 2)
        self.height, self.tilt = height, tilt

    def forward(self, z: Tensor) -> Tensor:
        return self.height * (z[:, 0] ** 2 - 1) ** 2 + self.tilt * z[:, 0]

    def gradient(self, z: Tensor) -> Tensor:
        return 4 * self.height * z * (z**2 - 1) + self.tilt


def still(potential: Potential | None = None, rate: float = 0.0) -> Dynamics:
    """Dynamics in double precision on the potential given, or in a bowl of curvature ``rate``."""
    torch.manual_seed(0)
    dynamics = Dynamics(1, 4, DIFFUSION)
    with torch.no_grad():
        dynamics.potential.last.zero_()
        dynamics.potential.bowl.fill_(rate)
    if potential is not None:
        dynamics.potential = potential
    return dynamics.double()


def after(dynamics: Dynamics, z: np.ndarray, dt: float, noise: np.ndarray, *, read: bool = False) -> np.ndarray:
    """A step, or what is read after it, of cells z (n,) with noise (n,)."""
    at, drawn = (torch.from_numpy(x.reshape(-1, 1).astype(np.float64)) for x in (z, noise))
    with torch.no_grad():
        if read:
            return dynamics.outcome(at, dt, drawn)[:, 0].numpy()
        return dynamics.step(at, torch.zeros(len(at)), dt, 0.0, drawn)[0][:, 0].numpy()


@given(st.floats(0.2, 8.0), st.floats(0.01, 1.5))
def test_in_a_bowl_the_variance_at_rest_is_exact_at_any_step(rate: float, stiffness: float) -> None:
    dynamics, dt = still(rate=rate), stiffness / rate
    one, none = np.ones(1), np.zeros(1)
    kept, pushed = after(dynamics, one, dt, none), after(dynamics, none, dt, one)
    blurred = after(dynamics, none, dt, one, read=True)
    # A step is linear here: z -> kept z + pushed xi. Its law at rest has variance pushed^2 / (1 - kept^2).
    found = pushed**2 / (1 - kept**2) + blurred**2
    assert found[0] == pytest.approx(DIFFUSION / rate, rel=1e-6)
    plain = 2 * DIFFUSION * dt / (1 - kept**2)
    assert plain[0] == pytest.approx(DIFFUSION / rate / (1 - stiffness / 2), rel=1e-6), "and plain Euler-Maruyama is too wide"


def at_rest(dynamics: Dynamics, of: Callable[[np.ndarray], np.ndarray], dt: float, *, plain: bool) -> float:
    """Mean of a function over the population at rest under steps dt, by quadrature: no random numbers.

    The step is an operator on functions over 161 places, cubic between them and averaged over noise by Gauss and Hermite; its
    invariant law is the left eigenvector of eigenvalue 1. plain: Euler-Maruyama with the same drift.
    """
    places = np.linspace(-2.6, 2.6, 161)
    nodes, weights = hermegauss(21)
    weights = weights / weights.sum()
    x, noise = (part.ravel() for part in np.meshgrid(places, nodes, indexing="ij"))
    if plain:
        ends = after(dynamics, x, dt, np.zeros_like(x)) + np.sqrt(2 * DIFFUSION * dt) * noise
        seen = of(x)
    else:
        ends = after(dynamics, x, dt, noise)
        seen = of(after(dynamics, x, dt, noise, read=True))
    between = make_interp_spline(places, np.eye(len(places)), k=3)
    step = np.einsum("k,ikj->ij", weights, between(ends.clip(-2.6, 2.6)).reshape(len(places), len(nodes), -1))
    values, vectors = np.linalg.eig(step.T)
    law = vectors[:, np.abs(values - 1).argmin()].real
    return float(law / law.sum() @ (seen.reshape(len(places), -1) @ weights))


@pytest.mark.parametrize("of", [lambda x: x, lambda x: np.exp(-(x**2) / 0.18)], ids=["the mean", "cells on the pass"])
def test_in_a_double_well_halving_the_step_quarters_the_error(of: Callable[[np.ndarray], np.ndarray]) -> None:
    potential = TiltedWells()
    dynamics = still(potential)

    def boltzmann(x: float) -> float:
        return np.exp(-(potential.height * (x**2 - 1) ** 2 + potential.tilt * x) / DIFFUSION)

    exact = quad(lambda x: of(x) * boltzmann(x), -3, 3)[0] / quad(boltzmann, -3, 3)[0]
    errors, plain = ([abs(at_rest(dynamics, of, dt, plain=p) - exact) for dt in (0.2, 0.1, 0.05)] for p in (False, True))
    for coarse, fine in pairwise(errors):
        assert 3.6 < coarse / fine < 4.8, errors
    for coarse, fine in pairwise(plain):
        assert 1.6 < coarse / fine < 3.0, plain
    assert errors[0] < 0.1 * plain[0], "and at a coarse step it is far nearer"


def test_without_noise_what_is_read_is_the_state_itself() -> None:
    z = torch.ones(3, 1)
    assert still(rate=1.0).outcome(z, 0.1, None) is z


@given(st.floats(0.01, 500.0))
def test_steps_are_short_where_the_landscape_is_steep(rate: float) -> None:
    dynamics = still(rate=rate)
    steps = dynamics.steps_a_span(torch.zeros(5, 1, dtype=torch.float64))
    assert dynamics.euler_steps <= steps <= MOST_STEPS
    assert rate / steps <= STIFFNESS * (1 + 1e-9) or steps == MOST_STEPS
    assert steps == dynamics.euler_steps or (steps - 1) * STIFFNESS < rate, "and not shorter than they need to be"


def test_of_no_cells_the_steps_are_those_of_training() -> None:
    assert still(rate=1.0).steps_a_span(torch.zeros(0, 1, dtype=torch.float64)) == 24

"""The least action of a path from one state to another: how hard the noise must have worked to bring a cell there."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.futures import as_states, require_course
from virtualcell.schema import DataError

CHUNK = 256
"""Pairs solved at once."""

SMALL = 1e-7
"""A path is at rest when a step should lower its action by less than this share of one plus the action."""


@dataclass(frozen=True)
class LeastAction:
    """path: (steps + 1, n, d) float64, the start first. action: (n,) 1/(4 D) integral |dz/dt - f|^2 dt, in nats, 0 along the
    drift. energy: (n,) -log p(z' | z, dt) in nats by the paths around that one (Laplace). settled: (n,) whether the descent came
    to rest.
    """

    path: np.ndarray
    action: np.ndarray
    energy: np.ndarray
    settled: np.ndarray


def least_action(
    dynamics: Dynamics,
    start: np.ndarray,
    end: np.ndarray,
    duration: float,
    treatment: str | None = None,
    *,
    steps: int | None = None,
    iterations: int = 60,
) -> LeastAction:
    """The path of n pairs start (n, d) -> end (n, d) in ``duration`` (spans) that the noise makes most easily.

    Minimises the discretised Freidlin-Wentzell action sum |z_k+1 - z_k - f(midpoint) dt|^2 / (4 D dt) (Freidlin & Wentzell 2012,
    ch. 4) over the inner points, from the straight line. It is a sum of squares, so each step is one of Gauss-Newton with a
    damping of its own for each pair (Levenberg-Marquardt; block tridiagonal, so exact in O(steps d^3)): no pair depends on the
    others. The energy adds the volume of paths around it, from the same matrices: exact for a linear drift. On a landscape with
    several valleys it is the least action near the straight line, not of all ways. Growth has no say. steps: default, those of
    the integrator, at least 12. DataError names the field that cannot be used.
    """
    require_course(dynamics, duration, treatment)
    count = max(12, math.ceil(dynamics.euler_steps * duration)) if steps is None else steps
    if count < 2:
        raise DataError(f"steps = {count} leaves no point to choose.", next_step="give two or more.", field="steps")
    exact = copy.deepcopy(dynamics).to("cpu", torch.float64)
    first, last = as_states(start, "start", exact), as_states(end, "end", exact)
    if len(first) != len(last):
        raise DataError(
            f"{len(first)} start and {len(last)} end cells are no pairs.", next_step="give one end a start.", field="end"
        )
    with torch.no_grad():
        parts = [
            _Descent(exact, a, b, duration / count, count, treatment).run(iterations)
            for a, b in zip(first.split(CHUNK), last.split(CHUNK), strict=True)
        ]
    path, action, energy, settled = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return LeastAction(np.ascontiguousarray(path.transpose(1, 0, 2)), action, energy, settled)


class _Descent:
    """Paths z (n, steps + 1, d) of pairs that are solved at once."""

    def __init__(self, dynamics: Dynamics, first: Tensor, last: Tensor, dt: float, steps: int, treatment: str | None):
        self.dynamics, self.treatment, self.dt = dynamics, treatment, dt
        self.scale = torch.sqrt(2 * dynamics.diffusion * dt)
        share = torch.linspace(0, 1, steps + 1, dtype=first.dtype)[None, :, None]
        self.z = first[:, None] * (1 - share) + last[:, None] * share

    def run(self, iterations: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        damping = torch.full((len(self.z),), 1e-3, dtype=self.z.dtype)
        settled = torch.zeros(len(self.z), dtype=torch.bool)
        action = self._action(self.z)
        for _ in range(iterations):
            open_ = torch.nonzero(~settled)[:, 0]
            if not len(open_):
                break
            move, hoped, _ = self._newton(self.z[open_], damping[open_])
            tried = self.z[open_].clone()
            tried[:, 1:-1] += move
            new = self._action(tried)
            gain = action[open_] - new
            better = gain > 0
            settled[open_] = hoped <= SMALL * (1 + action[open_])
            self.z[open_[better]], action[open_[better]] = tried[better], new[better]
            # Bolder where the squares foretold the gain, more careful where they did not (Levenberg-Marquardt's trust).
            trust = gain / hoped
            damping[open_] *= torch.where(trust > 0.75, 0.2, torch.where(trust > 0.25, 1.0, 4.0))
        *_, volume = self._newton(self.z, torch.zeros(len(self.z), dtype=self.z.dtype))
        _, points, d = self.z.shape
        steps = points - 1
        noise = 0.5 * steps * d * torch.log(2 * math.pi * self.scale**2) - 0.5 * (steps - 1) * d * math.log(2 * math.pi)
        return self.z, action, action + noise + volume, settled

    def _residual(self, z: Tensor) -> Tensor:
        middle = 0.5 * (z[:, 1:] + z[:, :-1])
        drift = self.dynamics.drift(middle.flatten(0, 1), self.treatment).reshape(middle.shape)
        return (z[:, 1:] - z[:, :-1] - self.dt * drift) / self.scale

    def _action(self, z: Tensor) -> Tensor:
        return 0.5 * (self._residual(z) ** 2).sum((1, 2))

    def _newton(self, z: Tensor, damping: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Step of the inner points (n, steps - 1, d), by how much it should lower the action (n,), and half the log determinant
        of the curvature with the noise's Jacobian (n,)."""
        n, points, d = z.shape
        middle = 0.5 * (z[:, 1:] + z[:, :-1])
        half = 0.5 * self.dt * self.dynamics.slope(middle.flatten(0, 1), self.treatment).reshape(n, points - 1, d, d)
        eye = torch.eye(d, dtype=z.dtype)
        onto, off = (eye - half) / self.scale, -(eye + half) / self.scale  # derivatives of residual k by points k + 1 and k
        residual = self._residual(z)[..., None]
        force = -(onto[:, :-1].mT @ residual[:, :-1] + off[:, 1:].mT @ residual[:, 1:])
        # Damped in units of the curvature that noise alone gives.
        block = (
            onto[:, :-1].mT @ onto[:, :-1] + off[:, 1:].mT @ off[:, 1:] + (2 * damping / self.scale**2)[:, None, None, None] * eye
        )
        beside = off[:, 1:-1].mT @ onto[:, 1:-1]
        # Block Cholesky down the chain, then back.
        factors: list[Tensor] = []
        lower: list[Tensor] = []
        solved: list[Tensor] = []
        for k in range(points - 2):
            here, pull = block[:, k], force[:, k]
            if k:
                here = here - lower[-1].mT @ lower[-1]
                pull = pull - lower[-1].mT @ solved[-1]
            factors.append(torch.linalg.cholesky(here))
            solved.append(torch.linalg.solve_triangular(factors[-1], pull, upper=False))
            if k < points - 3:
                lower.append(torch.linalg.solve_triangular(factors[-1], beside[:, k], upper=False))
        move = [torch.empty(0)] * (points - 2)
        for k in reversed(range(points - 2)):
            pull = solved[k] if k == points - 3 else solved[k] - lower[k] @ move[k + 1]
            move[k] = torch.linalg.solve_triangular(factors[k].mT, pull, upper=True)
        curvature = sum((f.diagonal(dim1=1, dim2=2).log().sum(1) for f in factors), torch.zeros(n, dtype=z.dtype))
        jacobian = torch.linalg.slogdet(eye - half).logabsdet.sum(1)
        step = torch.stack(move, 1)[..., 0]
        hoped = 0.5 * ((step * force[..., 0]).sum((1, 2)) + (2 * damping / self.scale**2) * (step**2).sum((1, 2)))
        return step, hoped, curvature - jacobian

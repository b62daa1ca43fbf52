"""Where cells may be after a time: the transition density p(z' | z, dt, treatment) of the predictor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import DataError

LAST = 0.25
"""Share of the way that is taken as a Gaussian instead of being simulated: the more, the less the density rests on single
futures; the less, the better a curved landscape is followed."""

TABLE = 2_000_000
"""Numbers held at once while a table of energies is made."""


@dataclass(frozen=True)
class Futures:
    """A Gaussian mixture for each of n start cells, of K simulated futures each.

    mean: (n, K, d); whiten: (n, K, d, d) inverse Cholesky factors of the covariances; log_weight: (n, K) log of how many
    descendants a future stands for (growth minus death). float64, on the CPU. Energies are -log densities, in nats, of a
    descendant drawn at random.
    """

    mean: Tensor
    whiten: Tensor
    log_weight: Tensor

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        dynamics: Dynamics,
        start: np.ndarray,
        duration: float,
        treatment: str | None = None,
        *,
        rollouts: int = 128,
        seed: int = 0,
        last: float = LAST,
        shared_noise: bool = True,
    ) -> Self:
        """Simulates cells start (n, d) for all but the ``last`` share of duration (in spans); the rest is a Gaussian.

        Its mean follows the drift, its covariance dP/dt = JP + PJ' + 2 D I with J the drift's derivative (linear noise
        approximation, van Kampen 2007, ch. X): no bandwidth is chosen, and where the drift is linear the law is exact but for the
        integrator's step. shared_noise: all cells meet the same K courses of random numbers, so that a cell's energy does not
        depend on which others are asked with it and differences between cells are not noise; False: each its own, better for a
        population as a whole. DataError names the field that cannot be used.
        """
        z = as_states(start, "start", dynamics)
        require_course(dynamics, duration, treatment)
        if rollouts < 1 or not 0 < last <= 1:
            raise DataError(
                f"rollouts = {rollouts}, last = {last}.",
                next_step="give one rollout or more and 0 < last <= 1.",
                field="rollouts",
            )
        n, d = z.shape
        steps = max(2, math.ceil(dynamics.euler_steps * duration))
        ending = min(steps, max(1, round(last * steps)))
        force = dynamics.force(treatment)
        dt = duration / steps
        generator = torch.Generator().manual_seed(seed)
        z = z[:, None].expand(n, rollouts, d).reshape(-1, d)
        log_weight = torch.zeros(len(z), device=z.device)
        for _ in range(steps - ending):
            drawn = torch.randn((1 if shared_noise else n, rollouts, d), generator=generator).to(z.device)
            z, log_weight = dynamics.step(z, log_weight, dt, force, drawn.expand(n, rollouts, d).reshape(-1, d))
        eye = torch.eye(d, device=z.device)
        # The noise that ``Dynamics.outcome`` would add to what the steps give.
        covariance = (0.5 * dynamics.diffusion * dt * eye if steps > ending else 0 * eye).expand(len(z), d, d)
        for _ in range(ending):
            # To second order in the step, as the simulated part is.
            middle = z + 0.5 * dt * dynamics.drift(z, treatment)
            slope = dt * dynamics.slope(middle, treatment)
            carried = eye + slope + 0.5 * slope @ slope
            added = 2 * dynamics.diffusion * dt * (eye + 0.5 * (slope + slope.mT) + (slope @ slope.mT) / 3)
            covariance = carried @ covariance @ carried.mT + added
            log_weight = log_weight + dt * dynamics.growth(middle)
            z = z + dt * dynamics.drift(middle, treatment)
        factor = torch.linalg.cholesky(covariance.cpu().double())
        whiten = torch.linalg.solve_triangular(factor, torch.eye(d, dtype=torch.float64).expand_as(factor), upper=False)
        return cls(
            z.cpu().double().reshape(n, rollouts, d),
            whiten.reshape(n, rollouts, d, d),
            log_weight.cpu().double().reshape(n, rollouts),
        )

    def each(self, end: np.ndarray) -> np.ndarray:
        """Energy of row i of end (n, d) as a descendant of start cell i, (n,)."""
        at = self._ends(end)
        if len(at) != len(self.mean):
            raise DataError(
                f"{len(self.mean)} start cells and {len(at)} end cells are no pairs.",
                next_step="give one end a start.",
                field="end",
            )
        parts = [
            self._log_kernel(at[rows, None, None], rows)[:, 0] + torch.log_softmax(self.log_weight[rows], 1)
            for rows in self._chunks(1)
        ]
        return -torch.logsumexp(torch.cat(parts), 1).numpy()

    def table(self, end: np.ndarray) -> np.ndarray:
        """Energy of every end cell (m, d) as a descendant of every start cell, (n, m)."""
        return -torch.cat([density for _, density in self._densities(self._ends(end))]).numpy()

    def together(self, end: np.ndarray) -> np.ndarray:
        """Energy of end cells (m, d) as descendants of all start cells as one population, (m,): those that grow count for
        more."""
        at = self._ends(end)
        # Each start cell's share of the descendants, then its own mixture.
        share = torch.logsumexp(self.log_weight, 1) - torch.logsumexp(self.log_weight.flatten(), 0)
        total = torch.full((len(at),), -torch.inf, dtype=at.dtype)
        for rows, density in self._densities(at):  # the whole table would not fit where there are many cells
            total = torch.logaddexp(total, torch.logsumexp(share[rows, None] + density, 0))
        return -total.numpy()

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """n descendants (n, d) of the start cells as one population."""
        generator = torch.Generator().manual_seed(seed)
        at = torch.multinomial(torch.softmax(self.log_weight.flatten(), 0), n, replacement=True, generator=generator)
        d = self.mean.shape[2]
        noise = torch.randn(n, d, 1, generator=generator, dtype=torch.float64)
        spread = torch.linalg.solve_triangular(self.whiten.reshape(-1, d, d)[at], noise, upper=False)
        return (self.mean.reshape(-1, d)[at] + spread[..., 0]).numpy()

    def _densities(self, at: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Some start cells after the other: log density of their descendants at states (m, d), (rows, m)."""
        for rows in self._chunks(len(at)):
            shares = torch.log_softmax(self.log_weight[rows], 1)[:, None]
            yield rows, torch.logsumexp(self._log_kernel(at[None, :, None], rows) + shares, 2)

    def _ends(self, end: np.ndarray) -> Tensor:
        return _finite(end, "end", self.mean.shape[2])

    def _chunks(self, m: int) -> list[slice]:
        n, rollouts, d = self.mean.shape
        size = max(1, TABLE // (m * rollouts * d))
        return [slice(first, first + size) for first in range(0, n, size)]

    def _log_kernel(self, at: Tensor, rows: slice) -> Tensor:
        """log of each future's Gaussian at states (rows or 1, m, 1, d): (rows, m, K)."""
        away = at - self.mean[rows, None]
        whitened = torch.einsum("nkij,nmkj->nmki", self.whiten[rows], away)
        height = self.whiten[rows].diagonal(dim1=2, dim2=3).log().sum(2) - 0.5 * away.shape[-1] * math.log(2 * math.pi)
        return height[:, None] - 0.5 * (whitened**2).sum(3)


def require_course(dynamics: Dynamics, duration: float, treatment: str | None) -> None:
    """DataError unless the dynamics can be run for the duration under the treatment."""
    if not (math.isfinite(duration) and duration > 0):
        raise DataError(f"The time between is {duration}.", next_step="give a time above 0, in spans.", field="duration")
    try:
        dynamics.force(treatment)
    except KeyError as error:
        raise DataError(str(error.args[0]), next_step="choose among the measured treatments.", field="treatment") from None


def as_states(states: np.ndarray, name: str, dynamics: Dynamics) -> Tensor:
    """States (n, d) on the device of the dynamics, as its kind of number. DataError names the field."""
    like = dynamics.log_diffusion
    return _finite(states, name, dynamics.potential.centre.shape[0]).to(like.device, like.dtype)


def _finite(states: np.ndarray, name: str, d: int) -> Tensor:
    given = np.ascontiguousarray(states, dtype=np.float64)
    if given.ndim != 2 or not len(given) or given.shape[1] != d:
        raise DataError(
            f"It has shape {given.shape}, not (cells, {d}).",
            next_step=f"give at least one cell, as {d} coordinates each.",
            field=name,
        )
    if not np.isfinite(given).all():
        raise DataError("It holds values that are not numbers.", next_step="leave those cells out.", field=name)
    return torch.from_numpy(given)

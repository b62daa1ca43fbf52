"""The smallest predictor: one valley with straight slopes, in the plane also a rotation, and the test whether it does the job."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.whitened import WhitenedDistance
from virtualcell.training.transitions import Transition

ITERATIONS = 300
MOST = 5000
"""Cells of a population that are asked: what so many do not show is no reason for another law."""

REPLICATES = 400
"""Draws for each transition that is tested, and for each of these: the smallest p-value after Bonferroni is .0025."""

FUTURES = 10
"""Simulated futures of each source cell."""

MOST_DIMENSIONS = 32
"""Beyond, solving for the population at rest takes minutes, and the law is not tried."""


@dataclass(frozen=True)
class LinearLaw:
    """dz = [-matrix (z - rest) + push_c] dt + sqrt(2 D) dW (Ornstein & Uhlenbeck 1930), per span.

    matrix (d, d), every eigenvalue with positive real part; rest (d,); covariance (d, d) of the population at rest; pushes:
    treatment -> (d,). turning: whether the matrix may be other than symmetric, that is the drift other than a slope.
    """

    matrix: Tensor
    rest: Tensor
    covariance: Tensor
    diffusion: float
    pushes: dict[str, Tensor]
    turning: bool = False

    def dynamics(self, states: Tensor, width: int, euler_steps: int, wall: float) -> Dynamics:
        """The same law as a landscape U = -D log p, p the population at rest, and a part that turns.

        states: measured cells (cells, d), for the wall around them; wall: its strength.
        """
        with torch.random.fork_rng(devices=[]):  # weights that nothing uses, but the same ones every time
            torch.manual_seed(0)
            model = Dynamics(len(self.rest), width, self.diffusion, tuple(self.pushes), euler_steps, rotation=self.turning)
        potential = model.potential
        slopes = self.diffusion * torch.linalg.inv(self.covariance)
        least = float(torch.linalg.eigvalsh(slopes)[0])
        with torch.no_grad():
            potential.enclose(states.cpu(), self.diffusion, wall)
            scale = potential.spread.double()
            potential.recentre(states.cpu(), self.rest.float())
            potential.bowl.fill_(least)
            potential.last.zero_()
            potential.bend.copy_((slopes - least * torch.eye(len(scale))) * scale[:, None] * scale)
            if model.rotation is not None:
                model.rotation.linear.weight.copy_((slopes - self.matrix) * scale)
            for i, push in enumerate(self.pushes.values()):
                model.forces[i] = push
        model.euler_steps = model.steps_a_span(states.cpu())
        return model.to(states.device).eval()

    def carried(self, z: Tensor, duration: float, treatment: str | None, generator: torch.Generator) -> Tensor:
        """Cells z (n, d) after ``duration`` spans, exactly, (n, d)."""
        flow, spread = _flow(self.matrix, self.covariance, duration)
        rest = self.rest + torch.linalg.solve(self.matrix, _push(self.pushes, treatment, self.rest))
        noise = torch.randn(z.shape, generator=generator, dtype=z.dtype)
        return rest + (z - rest) @ flow.T + noise @ torch.linalg.cholesky(spread).T


def fit_linear(
    z: np.ndarray, transitions: list[Transition], diffusion: float, *, known: bool, pull: float = 0.0, turning: bool = False
) -> LinearLaw | None:
    """The linear law that gives the means and covariances of all populations best.

    Composite Gaussian likelihood: every transition counts by its weight, however many cells it has, and the moments of its
    source are taken as they were measured. z: (cells, d); diffusion: where D starts per span, and stays if ``known``; pull: of
    log D back to its start; turning: whether the drift may be other than a slope. Populations tell a rotation from a slope in the
    plane only: of a pure slope in eight dimensions, such a fit turns all the same. None where no population ever comes
    to rest under it, where a source is a single cell, and beyond MOST_DIMENSIONS.
    """
    moves = [t for t in transitions if not t.stationary]
    cells = torch.from_numpy(np.asarray(z, dtype=np.float64))
    d = cells.shape[1]
    if d > MOST_DIMENSIONS or any(len(t.source) < 2 for t in moves):
        return None
    parts = tuple(dict.fromkeys(part for t in moves if t.treatment for part in t.treatment.split("+")))
    if not moves:
        return None
    moments = {rows.tobytes(): _moments(cells[rows]) for t in moves for rows in (t.source, t.target)}
    pooled = torch.cov(cells.T).reshape(d, d) + 1e-6 * torch.eye(d)
    scale = pooled.diagonal().sqrt()
    first = math.log(diffusion)
    # In standard deviations, and from the law that keeps all cells pooled where they are.
    held = diffusion * torch.linalg.inv(pooled)
    matrix = (held * scale / scale[:, None] if turning else held * scale * scale[:, None]).contiguous().requires_grad_()
    rest = torch.zeros(d, dtype=torch.float64, requires_grad=True)
    pushes = torch.zeros(len(parts), d, dtype=torch.float64, requires_grad=True)
    log_diffusion = torch.tensor(first, dtype=torch.float64, requires_grad=not known)
    centre = cells.mean(0)

    def law() -> LinearLaw:
        drift = scale[:, None] * matrix / scale if turning else 0.5 * (matrix + matrix.T) / (scale[:, None] * scale)
        named = {part: scale * push for part, push in zip(parts, pushes, strict=True)}
        return LinearLaw(drift, centre + scale * rest, _at_rest(drift, log_diffusion.exp()), 0.0, named, turning)

    def loss() -> Tensor:
        now, total = law(), torch.zeros((), dtype=torch.float64)
        for t in moves:
            mean, covariance = moments[t.source.tobytes()]
            flow, spread = _flow(now.matrix, now.covariance, t.duration)
            rest_there = now.rest + torch.linalg.solve(now.matrix, _push(now.pushes, t.treatment, now.rest))
            mean = rest_there + flow @ (mean - rest_there)
            covariance = flow @ covariance @ flow.T + spread
            seen_mean, seen = moments[t.target.tobytes()]
            off = (seen_mean - mean)[:, None]
            log_size = torch.linalg.slogdet(covariance)[1]
            total = total + t.weight * 0.5 * (torch.linalg.solve(covariance, seen + off @ off.T).trace() + log_size)
        return total + pull * (log_diffusion - first) ** 2

    free = [p for p in (matrix, rest, pushes, log_diffusion) if p.requires_grad and p.numel()]
    optimiser = torch.optim.LBFGS(free, max_iter=ITERATIONS, line_search_fn="strong_wolfe", tolerance_change=1e-9)

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    try:
        optimiser.step(closure)
        with torch.no_grad():
            found = law()
            if not bool(torch.isfinite(found.matrix).all()):  # eigenvalues of what is no number end the process
                return None
            stable = bool((torch.linalg.eigvals(found.matrix).real > 0).all()) and bool(torch.isfinite(loss()))
            torch.linalg.cholesky(found.covariance)
            for t in moves:  # what noise makes by then is needed of every transition
                torch.linalg.cholesky(_flow(found.matrix, found.covariance, t.duration)[1])
    except torch.linalg.LinAlgError:  # on the way the covariance of some population stopped being one
        return None
    if not stable:
        return None
    named = {part: push.detach() for part, push in found.pushes.items()}
    return LinearLaw(found.matrix, found.rest, found.covariance, float(log_diffusion.detach().exp()), named, turning)


@torch.no_grad()
def does_the_job(law: LinearLaw, z: np.ndarray, transitions: list[Transition], seed: int = 0) -> float:
    """p-value that the measured populations (rows of z (cells, d)) are those that the law predicts, 0 to 1; small: they are not.

    For every transition the whitened distance of simulated to measured cells, beside draws of what it would be under the
    law: the mean of so many measured cells strays, and so does what is predicted from so few source cells (both Gaussian, by
    the central limit theorem). The smallest p-value times the number of transitions (Bonferroni). The law was fitted to the same
    cells, which makes rejection somewhat too rare.
    """
    moves = [t for t in transitions if not t.stationary]
    cells = torch.from_numpy(np.asarray(z, dtype=np.float64))
    distance = WhitenedDistance(cells.float())
    generator = torch.Generator().manual_seed(seed)
    least, replicates = 1.0, REPLICATES * len(moves)
    rng = np.random.default_rng(seed)
    for t in moves:
        here, there = (rows if len(rows) <= MOST else rng.choice(rows, MOST, replace=False) for rows in (t.source, t.target))
        source = cells[torch.from_numpy(here)].repeat_interleave(FUTURES, 0)
        futures = distance.whiten(law.carried(source, t.duration, t.treatment, generator).float()).double()
        seen = distance.whiten(cells[torch.from_numpy(there)].float()).double()
        of_cell = futures.reshape(len(here), FUTURES, -1).mean(1)
        # The mean over source cells holds the noise of their futures too; cells of the target stray as the futures do.
        stray = torch.cov(of_cell.T) / len(here) + torch.cov(futures.T) / len(there)
        values, vectors = torch.linalg.eigh(stray)
        drawn = torch.randn((replicates, len(stray)), generator=generator, dtype=torch.float64)
        expected = ((drawn * values.clamp_min(0.0).sqrt() @ vectors.T) ** 2).sum(1)
        apart = float(((futures.mean(0) - seen.mean(0)) ** 2).sum())
        least = min(least, (1 + float((expected >= apart).sum())) / (1 + replicates))
    return min(1.0, least * len(moves))


def _moments(cells: Tensor) -> tuple[Tensor, Tensor]:
    d = cells.shape[1]
    return cells.mean(0), torch.cov(cells.T).reshape(d, d)


def _push(pushes: dict[str, Tensor], treatment: str | None, like: Tensor) -> Tensor:
    total = torch.zeros_like(like)
    for part in treatment.split("+") if treatment else ():
        total = total + pushes[part]
    return total


def _at_rest(matrix: Tensor, diffusion: Tensor) -> Tensor:
    """Covariance S with matrix S + S matrix' = 2 D (Lyapunov), (d, d)."""
    d = len(matrix)
    eye = torch.eye(d, dtype=matrix.dtype)
    both = torch.kron(matrix, eye) + torch.kron(eye, matrix)
    found = torch.linalg.solve(both, 2 * diffusion * eye.reshape(-1)).reshape(d, d)
    return 0.5 * (found + found.T)


def _flow(matrix: Tensor, at_rest: Tensor, duration: float) -> tuple[Tensor, Tensor]:
    """What is left of a displacement after ``duration``, (d, d), and the covariance that noise has made by then, (d, d)."""
    flow = torch.linalg.matrix_exp(-duration * matrix)
    return flow, at_rest - flow @ at_rest @ flow.T

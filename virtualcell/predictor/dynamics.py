"""Cells in motion: drift down the potential, the push of a treatment, noise, and growth."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from virtualcell.predictor.growth import Growth
from virtualcell.predictor.potential import Potential


class Dynamics(nn.Module):
    """dz = [-grad U(z) + B_c] dt + sqrt(2 D) dW and d log w = g(z) dt, in units of the measured span (first to last time = 1).

    B_c, the force of treatment c while it is applied, is the sum of the forces of its parts: "A+B" is pushed by A and by B.
    """

    def __init__(self, d: int, width: int, diffusion: float, treatments: tuple[str, ...] = (), euler_steps: int = 24):
        super().__init__()
        self.potential = Potential(d, width)
        self.growth = Growth(d)
        self.treatments = treatments
        self.forces = nn.Parameter(torch.zeros(len(treatments), d))
        # Learned with the potential from the spread of the measured populations: how narrow they stay bounds it from above, how
        # far the
        # descendants of one cell spread bounds it from below.
        self.log_diffusion = nn.Parameter(torch.tensor(math.log(diffusion)))
        self.euler_steps = euler_steps

    @property
    def diffusion(self) -> Tensor:
        """D in (latent unit)^2 a span, ()."""
        return self.log_diffusion.exp()

    def force(self, treatment: str | None) -> Tensor | float:
        """(d,) push of a treatment, 0 for none. Raises KeyError for a part that was never measured."""
        if treatment is None:
            return 0.0
        missing = [part for part in treatment.split("+") if part not in self.treatments]
        if missing:
            raise KeyError(f"Treatment {missing[0]!r} was not measured; known: {', '.join(self.treatments) or 'none'}.")
        return self.forces[[self.treatments.index(part) for part in treatment.split("+")]].sum(0)

    def drift(self, z: Tensor, treatment: str | None = None) -> Tensor:
        """-grad U + B_c, (cells, d) a span."""
        return -self.potential.gradient(z) + self.force(treatment)

    def rollout(
        self,
        z: Tensor,
        duration: float,
        generator: torch.Generator,
        treatment: str | None = None,
        noise: bool = True,
        keep: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Carries cells z (cells, d) through ``duration`` (in spans) by Euler-Maruyama.

        keep=None: end states (cells, d) and log weights (cells,). keep=T: T evenly spaced frames, the start first:
        (T, cells, d) and (T, cells).
        """
        frames = 1 if keep is None else keep - 1
        per_frame = math.ceil(self.euler_steps * duration / frames) if frames else 0
        dt = duration / (frames * per_frame) if frames else 0.0
        scale = torch.sqrt(2 * self.diffusion * dt)
        force = self.force(treatment)
        log_weight = torch.zeros(len(z), device=z.device)
        states, weights = [z], [log_weight]
        for _ in range(frames):
            for _ in range(per_frame):
                log_weight = log_weight + dt * self.growth(z)
                z = z + dt * (force - self.potential.gradient(z))
                if noise:
                    # Drawn on the CPU, so that a seed gives the same cells on every device.
                    z = z + scale * torch.randn(z.shape, generator=generator).to(z.device)
            states.append(z)
            weights.append(log_weight)
        if keep is None:
            return z, log_weight
        return torch.stack(states), torch.stack(weights)

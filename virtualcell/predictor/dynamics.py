"""Cells in motion: drift down the potential, the push of a treatment, noise, and growth."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from virtualcell.predictor.growth import Growth
from virtualcell.predictor.potential import Potential
from virtualcell.predictor.rotation import Rotation, share_of

STIFFNESS, MOST_STEPS = 0.2, 250
"""Largest derivative of the drift times length of a step; steps of the integrator a span, however steep the landscape."""

TURNING_STIFFNESS, MOST_TURNING = 0.1, 100
"""The same where cells turn: there the integrator is of first order in all that is asked of it. The cap is what training can
bear."""


class Dynamics(nn.Module):
    """dz = [-grad U(z) + R(z) + B_c] dt + sqrt(2 D) dW and d log w = g(z) dt, in units of the measured span (first to last time =
    1).

    B_c, the force of treatment c while it is applied, tilts the landscape: U - B_c . z. It is the sum of the forces of its parts:
    "A+B" is pushed by A and by B, and, where "A+B" itself is among the treatments, by what the two do beyond that, an interaction
    that starts at zero. R, the part of the drift that is no slope, is there only where ``rotation`` was asked for.
    """

    def __init__(
        self,
        d: int,
        width: int,
        diffusion: float,
        treatments: tuple[str, ...] = (),
        euler_steps: int = 24,
        rotation: bool = False,
    ):
        super().__init__()
        self.potential = Potential(d, width)
        self.growth = Growth(d)
        self.rotation = Rotation(d) if rotation else None
        self.treatments = treatments
        self.forces = nn.Parameter(torch.zeros(len(treatments), d))
        # Where it is not known it is learned from the spread of the measured populations: how narrow they stay bounds it from
        # above, how far the descendants of one cell spread bounds it from below. It has the potential's scale as a factor, too: a
        # clock that runs faster, with populations at rest as they were, is one direction, and D by itself another.
        self.log_diffusion = nn.Parameter(torch.tensor(math.log(diffusion)))
        self.fewest_steps = self.euler_steps = euler_steps

    @property
    def diffusion(self) -> Tensor:
        """D in (latent unit)^2 a span, ()."""
        return (self.log_diffusion + self.potential.log_scale).exp()

    def force(self, treatment: str | None) -> Tensor | float:
        """(d,) push of a treatment, 0 for none. Raises KeyError for a part that was never measured."""
        if treatment is None:
            return 0.0
        parts = treatment.split("+")
        missing = [part for part in parts if part not in self.treatments]
        if missing:
            raise KeyError(f"Treatment {missing[0]!r} was not measured; known: {', '.join(self.treatments) or 'none'}.")
        together = [i for i, name in enumerate(self.treatments) if "+" in name and sorted(name.split("+")) == sorted(parts)]
        return self.forces[[self.treatments.index(part) for part in parts] + together].sum(0)

    @torch.no_grad()
    def tilted(self, treatment: str | None, dose: float = 1.0) -> Dynamics:
        """The same dynamics with the push of a treatment, ``dose`` times as strong as measured, as a slope of the landscape
        itself: which valleys are left while it is applied. Within the wall only. KeyError as ``force``."""
        tilted = copy.deepcopy(self)
        tilted.potential.tilt(dose * self.force(treatment))
        return tilted

    def turning(self, z: Tensor) -> Tensor:
        """R, (cells, d) a span; zeros where no such part was fitted."""
        if self.rotation is None:
            return torch.zeros_like(z)
        return self.rotation(self.potential.held_standard(z))

    def drift(self, z: Tensor, treatment: str | None = None) -> Tensor:
        """-grad U + R + B_c, (cells, d) a span."""
        return self.own_drift(z) + self.force(treatment)

    def own_drift(self, z: Tensor) -> Tensor:
        """-grad U + R, (cells, d) a span: what untreated cells do."""
        down = -self.potential.gradient(z)
        return down if self.rotation is None else down + self.turning(z)

    @torch.no_grad()
    def rotation_share(self, states: Tensor) -> float:
        """Share of the squared drift over these states (cells, d) that no landscape explains, 0 to 1."""
        return share_of(self.potential.gradient(states), self.turning(states))

    def step(
        self, z: Tensor, log_weight: Tensor, dt: float, force: Tensor | float, noise: Tensor | None, grow: bool = True
    ) -> tuple[Tensor, Tensor]:
        """One step of the integrator: cells (cells, d), log weights (cells,); noise: standard normal (cells, d) or None.

        With noise the drift is taken half of the noise ahead, and ``outcome`` adds half a step's noise to what is read:
        Euler-Maruyama with a postprocessor (Vilmart 2015, SIAM J. Sci. Comput. 37, eq. 1.5; the equilibrium of Leimkuhler &
        Matthews 2013), whose populations at rest are right to second order, where plain Euler-Maruyama makes the narrow wells too
        wide.
        """
        ahead = z
        if noise is not None:
            noise = torch.sqrt(2 * self.diffusion * dt) * noise
            ahead = z + 0.5 * noise
        if grow:
            log_weight = log_weight + dt * self.growth(ahead)
        z = z + dt * (force + self.own_drift(ahead))
        return self.potential.contained(z if noise is None else z + noise), log_weight

    def outcome(self, z: Tensor, dt: float, noise: Tensor | None) -> Tensor:
        """What is read of cells z (cells, d) after steps of length dt."""
        return z if noise is None else z + torch.sqrt(0.5 * self.diffusion * dt) * noise

    def steps_a_span(self, z: Tensor, stiffness: float = STIFFNESS) -> int:
        """Steps of the integrator a span: the fewest that were asked for, or more where the landscape under cells z (cells, d) is
        so steep that a step would overshoot: its length times the largest derivative of the drift stays below ``stiffness``, as
        far as MOST_STEPS let it."""
        some = z[:: max(1, len(z) // 64)]
        steepest = float(torch.linalg.matrix_norm(self.slope(some), ord=2).max()) if len(some) else 0.0
        least, most = (stiffness, MOST_STEPS) if self.rotation is None else (min(stiffness, TURNING_STIFFNESS), MOST_TURNING)
        return max(self.fewest_steps, min(most, math.ceil(steepest / least)))

    def slope(self, z: Tensor, treatment: str | None = None) -> Tensor:
        """Derivative of the drift at z (cells, d), (cells, d, d): row i is how component i changes with each coordinate."""
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            drift = self.drift(at, treatment)
            # No cell's drift depends on another's, so that one sum over cells a coordinate is differentiated.
            rows = [torch.autograd.grad(drift[:, i].sum(), at, retain_graph=True)[0] for i in range(z.shape[1])]
        return torch.stack(rows, 1).detach()

    def rollout(
        self,
        z: Tensor,
        duration: float,
        generator: torch.Generator,
        treatment: str | None = None,
        noise: float = 1.0,
        keep: int | None = None,
        dose: float | Tensor = 1.0,
        release: float | None = None,
        copies: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Carries cells z (cells, d) through ``duration`` (in spans) in ``euler_steps`` steps a span.

        noise: times the noise that was learned (its standard deviation); 0: cells follow the drift alone. dose: times the force
        of the treatment, 1: as it was measured; or of each cell, (cells, 1). copies: z is so many copies of the same cells,
        one after the other, which have the same noise. release: when it is taken away, in spans; None: never. A step in which
        that happens has the part of the force that its share of the time is.

        keep=None: end states (cells, d) and log weights (cells,). keep=T: T evenly spaced frames, the start first:
        (T, cells, d) and (T, cells).
        """
        if not duration > 0:
            raise ValueError(f"duration={duration}: cells can be carried through a time above 0 only.")
        frames = 1 if keep is None else keep - 1
        per_frame = math.ceil(self.euler_steps * duration / frames) if frames else 0
        dt = duration / (frames * per_frame) if frames else 0.0
        force = dose * self.force(treatment)
        log_weight = torch.zeros(len(z), device=z.device)
        states, weights = [z], [log_weight]

        def draw() -> Tensor | None:
            # Drawn on the CPU, so that a seed gives the same cells on every device.
            if not noise:
                return None
            drawn = torch.randn((len(z) // copies, z.shape[1]), generator=generator)
            return noise * drawn.repeat(copies, 1).to(z.device)

        until = duration if release is None else release
        for frame in range(frames):
            for within in range(per_frame):
                left = until - (frame * per_frame + within) * dt
                pushed = force * min(1.0, max(0.0, left / dt)) if release is not None else force
                z, log_weight = self.step(z, log_weight, dt, pushed, draw())
            states.append(self.outcome(z, dt, draw()))
            weights.append(log_weight)
        if keep is None:
            return states[-1], log_weight
        return torch.stack(states), torch.stack(weights)

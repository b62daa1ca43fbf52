"""What a predictor is held to besides the measured populations: a start near their density, and soft physical priors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.density import Density
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import PredictorSettings
from virtualcell.training.epochs import Progress
from virtualcell.training.kept import Keeper
from virtualcell.training.loop_state import LoopState

STAGE = "warm-start"

ROTATION_PULL, CURVED_PULL = 0.001, 100.0
"""What a slope can say, it shall say; what a plain rotation can say, no network shall."""

WARM_RATE = 0.02
"""Highest learning rate of the start, of a one-cycle schedule."""


def warm_start(
    model: Dynamics,
    density: Density,
    settings: PredictorSettings,
    generator: torch.Generator,
    history: list[dict[str, float]],
    progress: Progress | None,
    keep: Keeper | None = None,
) -> None:
    """Starts U near -D log density of the pooled cells: only a start, for a density is not a landscape; the rollouts correct it.

    They hardly correct how wide a pass is across, where few cells are, and a pass too wide comes out too high: the density is
    that of sharpened centres, and far from the cells, where slopes are steepest and say least, they count less.
    keep: where it is written as it goes, and taken up again.
    """
    keep = keep or Keeper()
    shape = [p for p in model.potential.parameters() if p is not model.potential.log_scale]
    optimiser = torch.optim.Adam(shape)
    # A rise over three tenths of three steps would be no step long, by which torch divides.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, WARM_RATE, total_steps=max(6, settings.warm_steps))
    state = LoopState({"model": model}, optimiser, schedule, generator)
    first = 0
    if (kept := keep.read(STAGE)) is not None:
        state.take_up(kept)
        first = kept.record["steps"]
        history.extend(kept.record["history"])
    for step in range(first, settings.warm_steps):
        at = density.around(density.z, 256, generator)
        score = density.score(at, density.sharpened)
        steep = (score**2).sum(1)
        apart = ((model.potential.gradient(at) + model.diffusion.detach() * score) ** 2).sum(1)
        loss = (apart / (1 + steep / steep.median())).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        told = step % 50 == 0 or step == settings.warm_steps - 1
        if told:
            history.append({"warm": float(loss.detach())})
        if keep.due():
            keep.write(STAGE, *state.now(steps=step + 1, history=history))
        if told and progress is not None:
            progress("warm start", step + 1, settings.warm_steps, history[-1])


def off_manifold(model: Dynamics, density: Density, generator: torch.Generator) -> Tensor:
    """Soft prior: where no cells were measured the landscape rises, at least half as steeply as -D log density does.

    One-sided, so that it says nothing where the slope is steep enough, and silent among the cells, down to one that stands alone,
    where their motion says what the slope is: few cells are seen on a pass, and a pass is no wall. Without it the network is free
    to dig holes in the many directions in which no cell was ever seen, and the attractors lie there.
    """
    at, score = density.sample(128, generator)
    off = (density.log(at) < density.empty).float()
    steep = score.norm(dim=1)
    uphill = -(model.potential.gradient(at) * score).sum(1) / steep.clamp_min(1e-6)
    wanted = 0.5 * model.diffusion.detach() * steep
    return (off * (wanted - uphill).clamp_min(0.0) ** 2).mean() / (wanted**2).mean().clamp_min(1e-12)


def along(model: Dynamics, states: Tensor, rng: np.random.Generator) -> Tensor:
    """How far the split of the drift into slope and rotation is from that of a population at rest on the landscape.

    exp(-U / D) is at rest where R . grad U = D div R (no flow of probability has a source): of all splits of one drift this is
    the one whose U is minus D times the logarithm of that density.
    """
    z = states[torch.from_numpy(rng.integers(0, len(states), 256)).to(states.device)].requires_grad_()
    gradient, turning = model.potential.gradient(z), model.turning(z)
    divergence = torch.zeros(len(z), device=z.device)
    for j in range(z.shape[1]):
        divergence = divergence + torch.autograd.grad(turning[:, j].sum(), z, create_graph=True)[0][:, j]
    size = (gradient.detach() ** 2).sum(1).mean() + (turning.detach() ** 2).sum(1).mean()
    source = (gradient * turning).sum(1) - model.diffusion.detach() * divergence
    assert model.rotation is not None
    curved = model.rotation.curved(model.potential.held_standard(z))
    pull = (turning**2).sum(1).mean() + CURVED_PULL * (curved**2).sum(1).mean()
    return ((source / size) ** 2).mean() + ROTATION_PULL * pull / size

"""Flow matching on lines of descent: a field whose flow carries each measured population into the next."""

from __future__ import annotations

import numpy as np
import torch

from virtualcell.predictor.couplings import Chain, curve
from virtualcell.predictor.flow import LARGEST_RATE, Flow
from virtualcell.training.epochs import Progress

RATE, DECAY = 3e-3, 1e-5
LARGEST_WEIGHT = 5.0
"""Of a path, over the mean path: where growth is nearly free (strength .1) a tenth of the mass lies above, and growth is then
somewhat too small for the weights."""
AHEAD = 20
"""Steps whose examples are drawn at once."""


def train_flow(
    chains: list[Chain],
    *,
    curvature: float,
    smoothing: float,
    seed: int,
    steps: int = 1000,
    pairs: int = 256,
    width: int = 64,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> Flow:
    """One member for each chain (all through the same populations), trained together.

    Pairs of cells are drawn from the plans, as many in every interval; a member regresses the velocity of the path between them
    and the logarithm of what the plan adds to its mass (Lipman et al. 2023, eq. 9; Tong et al. 2024, eq. 15, with weights for
    mass that grows: Wang et al. 2025, VGFM). curvature: 0 for straight paths, 1 for the polynomial through one measured time more
    on either side; smoothing: standard deviation of the noise around a path, in the unit of the states.
    """
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    d = chains[0].snapshots[0].shape[1]
    flow = Flow(len(chains), d, width).to(device)
    optimiser = torch.optim.AdamW(flow.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        at = step % AHEAD
        if at == 0:
            stock = [tensor.to(device) for tensor in _stock(chains, pairs, curvature, smoothing, rng)]
        z, t, velocity, growth, weight = (tensor[at] for tensor in stock)
        found_velocity, found_growth = flow(z, t[..., None])
        errors = ((found_velocity - velocity) ** 2).sum(2) + (found_growth - growth) ** 2
        loss = ((weight * errors).sum(1) / weight.sum(1)).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if progress is not None and (step % 50 == 0 or step == steps - 1):
            progress("flow", step + 1, steps, {"loss": float(loss.detach()) / len(chains)})
    return flow.eval()


def _stock(
    chains: list[Chain], pairs: int, curvature: float, smoothing: float, rng: np.random.Generator
) -> tuple[torch.Tensor, ...]:
    """Examples for AHEAD steps: float32 (steps, members, intervals * pairs, ...) of states, times, velocities, rates, weights."""
    members = []
    for chain in chains:
        drawn = [_examples(chain, k, AHEAD * pairs, curvature, rng) for k in range(len(chain.times) - 1)]
        columns = zip(*drawn, strict=True)
        members.append([np.concatenate([x.reshape(AHEAD, pairs, *x.shape[1:]) for x in column], 1) for column in columns])
    z, *others = (torch.from_numpy(np.stack(column, 1).astype(np.float32)) for column in zip(*members, strict=True))
    noise = torch.from_numpy(rng.standard_normal(z.shape, dtype=np.float32))
    return z + smoothing * noise, *others


def _examples(chain: Chain, k: int, n: int, curvature: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """States (n, d), times (n,), velocities (n, d), growth rates (n,) and weights (n,) on paths from population k to the next."""
    first, second = chain.draw(k, n, rng)
    t0, t1 = chain.times[k], chain.times[k + 1]
    u = rng.random(n)
    t = t0 + u * (t1 - t0)
    a, b = chain.snapshots[k][first], chain.snapshots[k + 1][second]
    z, velocity = a + u[:, None] * (b - a), (b - a) / (t1 - t0)
    if curvature:
        bent, bent_velocity = curve(*chain.line(k, first, second, rng), t)
        z, velocity = z + curvature * (bent - z), velocity + curvature * (bent_velocity - velocity)
    # Mass on a path goes from one cell's share of its descendants to one cell's share of its ancestors, evenly in the logarithm.
    descendants, ancestors = chain.log_descendants[k][first], chain.log_ancestors[k][second]
    growth = np.clip((descendants - ancestors) / (t1 - t0), -LARGEST_RATE, LARGEST_RATE)
    weight = np.exp(-(1 - u) * descendants - u * ancestors)
    return z, t, velocity, growth, np.minimum(weight / weight.mean(), LARGEST_WEIGHT)

"""A push for a while, then none: does a cell roll back or settle in another valley, and how small a push keeps it there?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from virtualcell.predictor.dynamics import Dynamics

MOST_DOSE = 16.0
"""Times the measured dose: a landscape says nothing of what was never near."""

HALVINGS = 12


@dataclass(frozen=True)
class Released:
    """Cells (n, d) at the start, at the end of the push, and after as long a rest; back (n,): whether the last is within ``near``
    of where the start alone comes to rest."""

    start: np.ndarray
    pushed: np.ndarray
    rested: np.ndarray
    back: np.ndarray


@torch.no_grad()
def push_and_release(
    dynamics: Dynamics,
    start: np.ndarray,
    treatment: str,
    *,
    dose: float = 1.0,
    duration: float = 1.0,
    rest: float = 1.0,
    near: float,
    noise: float = 0.0,
    seed: int = 0,
) -> Released:
    """Cells start (n, d) under ``dose`` times a treatment's force for ``duration``, then free for ``rest``, both in spans.

    near: how far from where the untreated cell comes to rest it still counts as back, in latent units. noise: times the learned
    one; 0: the fate of the drift alone. ValueError for a dose below 0; KeyError for a treatment without a force.
    """
    if not (np.isfinite(dose) and dose >= 0):
        raise ValueError(f"A dose is 0 or more times the measured one, not {dose}.")
    z = torch.from_numpy(np.asarray(start, dtype=np.float32))
    generator = torch.Generator().manual_seed(seed)

    def after(cells: torch.Tensor, spans: float, push: str | None, noise: float = noise) -> torch.Tensor:
        return dynamics.rollout(cells, spans, generator, push, noise=noise, dose=dose)[0]

    pushed = after(z, duration, treatment)
    rested = after(pushed, rest, None)
    alone = after(z, duration + rest, None, noise=0.0)  # where it comes to rest, not one of its futures
    back = (rested - alone).norm(dim=1) < near
    return Released(z.numpy(), pushed.numpy(), rested.numpy(), back.numpy())


def critical_dose(
    dynamics: Dynamics, start: np.ndarray, treatment: str, *, duration: float = 1.0, rest: float = 1.0, near: float
) -> float | None:
    """The least dose, times the measured one, after which a cell at start (d,) does not roll back, by halving; without noise.

    None where it rolls back even from ``MOST_DOSE``. Above it the valley is gone under the push, or left by the time it ends.
    """

    def stays_away(dose: float) -> bool:
        found = push_and_release(dynamics, start[None], treatment, dose=dose, duration=duration, rest=rest, near=near)
        return not bool(found.back[0])

    low, high = 0.0, 1.0
    while not stays_away(high):
        low, high = high, 2 * high
        if high > MOST_DOSE:
            return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if stays_away(middle) else (middle, high)
    return high

"""The dynamics with what they do not know of themselves: refits to resampled cells, and a fit that is free to turn."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import PredictorSettings
from virtualcell.training.predictor import PredictorFit, train_predictor

SHARE = 4
"""A refit takes this part of the steps: it goes on from the fit."""


@dataclass
class DynamicsFit(PredictorFit):
    """refits: dynamics fitted on to cells drawn with replacement. rotation_share: share of the squared drift that a part free to
    turn took in a fit of its own, 0 to 1; None where it was not tried."""

    refits: tuple[Dynamics, ...] = ()
    rotation_share: float | None = None


def fit_dynamics(
    z: np.ndarray,
    settings: PredictorSettings,
    *,
    time: np.ndarray | None,
    treatment: np.ndarray | None = None,
    clones: Any = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Any = None,
    **others: Any,
) -> DynamicsFit:
    """``train_predictor`` with its arguments, and then, where there are times, settings.refits refits and one that may turn.

    The dynamics themselves are without the part that turns: with few times it is hardly told from the slope, and a landscape with
    its attractors is what can be read. How much of the drift it would take is said beside them.
    """
    fitted = train_predictor(
        z, settings, time=time, treatment=treatment, clones=clones, seed=seed, device=device, progress=progress, **others
    )
    shared = {field.name: getattr(fitted, field.name) for field in dataclasses.fields(PredictorFit)}
    if time is None:
        return DynamicsFit(**shared)
    shorter = dataclasses.replace(settings, steps=max(4, settings.steps // SHARE))
    names = np.zeros(len(z)) if treatment is None else np.unique(treatment.astype(str), return_inverse=True)[1]
    groups = np.unique(np.stack([time, names], 1), axis=0, return_inverse=True)[1].ravel()
    rates = others.get("growth_rates")
    refits = []
    for i in range(settings.refits):
        rng = np.random.default_rng((seed, i))
        # Within each population, so that none vanishes; sorted, so that a seed gives the same cells in the same order.
        rows = np.sort(
            np.concatenate([rng.choice(own, len(own)) for own in (np.flatnonzero(groups == g) for g in np.unique(groups))])
        )
        own = dict(others, growth_rates=rates[rows]) if isinstance(rates, np.ndarray) else others
        found = train_predictor(
            z[rows],
            shorter,
            time=time[rows],
            treatment=None if treatment is None else treatment[rows],
            clones=None if clones is None else clones[rows],
            start=fitted.dynamics,
            seed=seed + 1 + i,
            device=device,
            **own,
        )
        refits.append(found.dynamics)
        if progress is not None:
            progress("refits", i + 1, settings.refits, found.history[-1])
    turning = train_predictor(
        z, dataclasses.replace(settings, steps=max(4, settings.steps // 2)), time=time, treatment=treatment, clones=clones,
        rotation=True, start=fitted.dynamics, seed=seed, device=device, **others,
    )  # fmt: skip
    states = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(turning.dynamics.log_diffusion.device)
    return DynamicsFit(**shared, refits=tuple(refits), rotation_share=turning.dynamics.rotation_share(states))

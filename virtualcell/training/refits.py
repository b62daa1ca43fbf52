"""The smallest dynamics that do the job, with what they do not know of themselves: refits, and a fit that is free to turn."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from virtualcell.predictor.distance import require_distance
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import PredictorSettings
from virtualcell.training.epochs import Progress
from virtualcell.training.growth import KnownGrowth
from virtualcell.training.kept import Keeper
from virtualcell.training.linear import does_the_job, fit_linear
from virtualcell.training.predictor import PredictorFit, train_predictor
from virtualcell.training.sizes import start_diffusion, wall_strength
from virtualcell.training.transitions import make_transitions

SHARE = 6
"""A refit, and the fit that may turn, take this part of the steps: they go on from the fit."""

ENOUGH = 0.01
"""p-value from which on the linear law is taken to do the job."""

Crossed = Callable[[Dynamics, np.ndarray, np.ndarray, bool], bool]
"""Dynamics, untreated cells (n, d), their times (n,) in spans, whether growth is known -> whether enough cells crossed some pass
for its height to be given a band."""


@dataclass
class DynamicsFit(PredictorFit):
    """refits: dynamics fitted on to cells drawn with replacement. rotation_share: share of the squared drift that a part free to
    turn took, 0 to 1; None where it was not tried. linear_p: p-value of the linear law (``training.linear``), None where it was
    not tried or no population comes to rest under it; linear: whether it is the dynamics."""

    refits: tuple[Dynamics, ...] = ()
    rotation_share: float | None = None
    linear_p: float | None = None
    linear: bool = False


def fit_dynamics(
    z: np.ndarray,
    settings: PredictorSettings,
    *,
    time: np.ndarray | None,
    treatment: np.ndarray | None = None,
    control: str = "control",
    clones: Any = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Progress | None = None,
    diffusion: float | None = None,
    diffusion_known: bool = False,
    growth: str = "transport",
    growth_rates: np.ndarray | Callable[[np.ndarray], np.ndarray] | None = None,
    population_sizes: dict[float, float] | None = None,
    crossed: Crossed | None = None,
    keep: Keeper | None = None,
) -> DynamicsFit:
    """The smallest predictor that does the job, with the arguments of ``train_predictor``.

    Where there are times, no barcodes, and nothing is known of growth: a linear law, if the measured populations do not
    contradict it. Else a learned landscape, and, where there are times, settings.refits refits and, with settings.turning, a
    fit that may turn: the dynamics themselves are without that part, for with few times it is hardly told from the slope, and how
    much of the drift it would take is said beside them.

    crossed: whether some pass was crossed (``landscape.barriers.any_crossed``). Where none was, no height is given a band, and
    there are no refits; None: they are wanted in any case. keep: where every part is written as it goes, and taken up again.
    """
    keep = keep or Keeper()
    require_distance(settings.distance)
    rates = np.asarray(growth_rates(z), dtype=float) if callable(growth_rates) else growth_rates
    known = KnownGrowth(growth, rates, dict(population_sizes or {}))  # what does not fit together is refused before anything runs
    others: dict[str, Any] = {
        "diffusion": diffusion,
        "diffusion_known": diffusion_known,
        "growth": growth,
        "growth_rates": rates,
        "population_sizes": population_sizes,
    }
    p_value = None
    if time is not None and clones is None and not known.identified:
        begins = (diffusion, diffusion_known)
        if (refused := keep.read("linear")) is not None:
            p_value = refused.record["p_value"]
        else:
            found, p_value = _linear(z, settings, time, treatment, control, seed, device or torch.device("cpu"), begins)
            if found is not None:
                return found
            keep.finish("linear", {}, {"p_value": p_value})
    shared = {
        "settings": settings,
        "time": time,
        "treatment": treatment,
        "control": control,
        "clones": clones,
        "device": device,
        "keep": keep,
    }
    fitted = train_predictor(z, **shared, seed=seed, progress=progress, **others)
    keep.follow(fitted.dynamics.state_dict())
    kept = {field.name: getattr(fitted, field.name) for field in dataclasses.fields(PredictorFit)}
    if time is None:
        return DynamicsFit(**kept)
    refits, n_refits = [], settings.refits
    if n_refits and crossed is not None:
        untreated = np.ones(len(z), dtype=bool) if treatment is None else treatment == control
        states = np.ascontiguousarray(z[untreated], dtype=np.float32)
        n_refits *= keep.once(
            "crossed", functools.partial(crossed, fitted.dynamics, states, time[untreated], fitted.growth_identified)
        )
    shared["settings"] = dataclasses.replace(settings, steps=max(4, settings.steps // SHARE))
    for i, rows in enumerate(_resampled(time, treatment, n_refits, seed)):
        own = others | {"growth_rates": rates[rows]} if rates is not None else others
        of_rows = {key: shared[key] if shared[key] is None else shared[key][rows] for key in ("time", "treatment", "clones")}
        of_rows |= {"start": fitted.dynamics, "stage": f"refit-{i}"}
        again = train_predictor(z[rows], **(shared | of_rows), seed=seed + 1 + i, **own)
        refits.append(again.dynamics)
        if progress is not None:
            progress("refits", i + 1, n_refits, again.history[-1])
    share = None
    if settings.turning:
        aside = {"rotation": True, "start": fitted.dynamics, "stage": "turning"}
        turning = train_predictor(z, **(shared | aside), seed=seed, progress=progress, **others).dynamics
        states = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(turning.log_diffusion.device)
        share = turning.rotation_share(states)
    return DynamicsFit(**kept, refits=tuple(refits), rotation_share=share, linear_p=p_value)


def _linear(
    z: np.ndarray,
    settings: PredictorSettings,
    time: np.ndarray,
    treatment: np.ndarray | None,
    control: str,
    seed: int,
    device: torch.device,
    begins: tuple[float | None, bool],
) -> tuple[DynamicsFit | None, float | None]:
    """The linear law as a fit, None where it does not do the job, and its p-value: a plain slope, and in the plane, where that
    does not, one that turns."""
    transitions = make_transitions(time, treatment, control, 0.0)
    given, known = begins
    diffusion = given if given is not None else start_diffusion(z, transitions, settings)
    p_value: float | None = None
    for turning in (False, True) if z.shape[1] == 2 else (False,):
        law = fit_linear(z, transitions, diffusion, known=known, pull=settings.diffusion_weight, turning=turning)
        if law is None:
            continue
        p_value = does_the_job(law, z, transitions, seed)
        if p_value >= ENOUGH:
            break
    if law is None or p_value is None or p_value < ENOUGH:
        return None, p_value
    states = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(device)
    dynamics = law.dynamics(states, settings.width, settings.euler_steps, wall_strength(z, transitions, law.diffusion))
    said = KnownGrowth("none").said(timed=True)
    # Nobody asked whether the drift turns in more dimensions than a rotation can be told in.
    share = dynamics.rotation_share(states) if z.shape[1] == 2 else None
    return DynamicsFit(dynamics, [{"linear": p_value}], said, False, (), share, p_value, True), p_value


def _resampled(time: np.ndarray, treatment: np.ndarray | None, n: int, seed: int) -> Iterator[np.ndarray]:
    """n times as many rows as there are cells, drawn with replacement within each population, so that none vanishes; sorted, so
    that a seed gives the same cells in the same order."""
    names = np.zeros(len(time)) if treatment is None else np.unique(treatment.astype(str), return_inverse=True)[1]
    groups = np.unique(np.stack([time, names], 1), axis=0, return_inverse=True)[1].ravel()
    for i in range(n):
        rng = np.random.default_rng((seed, i))
        yield np.sort(
            np.concatenate([rng.choice(own, len(own)) for own in (np.flatnonzero(groups == g) for g in np.unique(groups))])
        )

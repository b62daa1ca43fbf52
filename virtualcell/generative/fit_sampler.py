"""Fits a sampler: closed-form cores, networks on the best of them by EDM and by flow matching, and a blend of what did best."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch

from virtualcell.generative.blend import Blend
from virtualcell.generative.denoiser import NetworkSettings
from virtualcell.generative.examples import Examples
from virtualcell.generative.laws import Ground, fresh_smooth, laws_of
from virtualcell.generative.mixture import FORMS, Form
from virtualcell.generative.moments import covariance, power
from virtualcell.generative.resampled import Resampled
from virtualcell.generative.sampler import Member, Sampler
from virtualcell.generative.spread import spread_factors
from virtualcell.generative.stray import WIDER

FEW = 1000
"""Below so many cells each quarter judges laws that are fitted to the others; with more, one quarter says enough."""
MOST_JUDGES = 2_000
"""Distances are taken between all pairs of judges."""
DRAWS = 12
KINDS = ("edm", "flow")


@dataclass(frozen=True)
class SamplerSettings:
    forms: tuple[Form, ...] = FORMS
    kinds: tuple[str, ...] = KINDS
    network: NetworkSettings = field(default_factory=NetworkSettings)
    balanced: bool = True


@dataclass(frozen=True)
class Aside:
    """The blend as it was fitted without some of the cells: rows (cells,) of the examples, to which it was not fitted."""

    sampler: Sampler
    rows: np.ndarray


@dataclass(frozen=True)
class FittedSampler:
    """sampler: fitted to all cells. aside: the same blend without a part of the cells each, to be judged by that part."""

    sampler: Sampler
    aside: tuple[Aside, ...]


def fit_sampler(
    cells: Examples, patterns: list[np.ndarray], *, seed: int, settings: SamplerSettings | None = None
) -> FittedSampler:
    """cells: as new ones look, not as those on which an encoder was fitted (``Material.of(..., as_new=True)``). patterns: what
    may be unknown, masks (q,), the first all ones.

    Every law is fitted to three quarters of the cells and drawn from for the other quarter (each in turn where cells are few),
    which chooses the weights of the blend and its spread; the laws that count are then fitted to all. The record says what was
    tried, with the scores of each.
    """
    settings, began = settings or SamplerSettings(), time.process_time()
    d, e = cells.target.shape[1], cells.embedding.shape[1]
    masks = np.stack([np.concatenate([np.ones(e), pattern]) for pattern in patterns])
    folds = _folds(cells.first, seed)
    judged = [cells.take(judges) for _, judges in folds]
    grounds = [Ground.of(cells.take(rest), masks, seed) for rest, _ in folds]
    smooth = fresh_smooth(grounds, judged, seed)
    laws = laws_of(settings.forms, min(len(rest) for rest, _ in folds), d, masks.shape[1], e, smooth)
    members = [[ground.member(law, settings.network, seed) for ground in grounds] for law in laws]
    draws = [_drawn(each, judged, seed) for each in members]
    near = Blend.over(draws, judged)
    core = laws[int(np.argmin([near.loss(row) for row in np.eye(len(laws))[:-1]]))]  # a network needs a core to stand on
    losses: dict[str, dict[str, float]] = {}
    for kind in settings.kinds:
        law = replace(core, network=kind, steps=settings.network.steps)
        told: list[dict[str, float]] = []
        found = [ground.member(law, settings.network, seed, told, judges) for ground, judges in zip(grounds, judged, strict=True)]
        losses[kind] = {name: float(np.mean([each[name] for each in told])) for name in told[0]}
        if losses[kind]["loss"] < losses[kind]["loss_of_core"]:  # else other cells bear nothing of it out
            laws.append(replace(law, steps=int(losses[kind]["steps"])))
            members.append(found)
            draws.append(_drawn(found, judged, seed))
    blend = Blend.over(draws, judged)
    weights = blend.weights()
    chosen = np.flatnonzero(weights)
    kept = torch.from_numpy(weights[chosen]).float()
    blended = [
        _guarded(Sampler([members[i][fold] for i in chosen], kept, e), ground.cells, seed) for fold, ground in enumerate(grounds)
    ]
    spread, coverage = spread_factors(blended, judged, seed)
    everyone = Ground.of(cells, masks, seed)
    sampler = _guarded(Sampler([everyone.member(laws[i], settings.network, seed) for i in chosen], kept, e), cells, seed)
    for each in (sampler, *blended):
        each.spread.copy_(torch.from_numpy(spread))
    alone = np.eye(len(laws))
    sampler.record = {
        "cells": cells.n,
        "choosing_cells": sum(judges.n for judges in judged),
        "blend": {laws[i].name: round(float(weights[i]), 3) for i in chosen},
        "score": blend.score(weights),
        "distance": blend.distance(weights),
        "score_of_mean": _distance_of_mean(grounds, judged),
        "tried": [
            {"law": law.name, "score": blend.score(row), "distance": blend.distance(row)}
            for law, row in zip(laws, alone, strict=True)
        ],
        "coverage_before": coverage,
        "smooth": smooth,
        "losses": losses,
        "seconds": time.process_time() - began,
        "settings": asdict(settings.network) | {"balanced": settings.balanced},
    }
    return FittedSampler(sampler, tuple(Aside(each, judges) for each, (_, judges) in zip(blended, folds, strict=True)))


def _guarded(sampler: Sampler, cells: Examples, seed: int) -> Sampler:
    """With the population that nonsense draws from and, of embeddings, what tells nonsense."""
    sampler.population_mean.copy_(torch.from_numpy(cells.target.mean(0)))
    sampler.population_root.copy_(torch.from_numpy(WIDER * power(covariance(cells.target), 0.5)))
    if cells.embedding.shape[1]:
        sampler.stray.fit(cells.embedding, power(covariance(cells.embedding), -0.5), seed)
    return sampler.eval()


def _distance_of_mean(grounds: list[Ground], judged: list[Examples]) -> float:
    """Mean distance of cells kept aside from the linear map: what a deterministic answer scores."""
    left = [np.linalg.norm(cells.target - ground.mean(cells), axis=1) for ground, cells in zip(grounds, judged, strict=True)]
    return float(np.concatenate(left).mean())


def _folds(first: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows that laws are fitted to, and those that judge them: a quarter, 2,000 at most, ``first`` (n,) bool before others; where
    that is few, each quarter in turn."""
    n = len(first)
    order = np.random.default_rng(seed).permutation(n)
    if n >= FEW:
        order = order[np.argsort(~first[order], kind="stable")]
    quarters = np.array_split(order, 4) if n < FEW else [order[: min(-(-n // 4), MOST_JUDGES)]]
    return [(np.setdiff1d(order, judges), np.sort(judges)) for judges in quarters]


def _drawn(members: Sequence[Member | Resampled], judged: list[Examples], seed: int) -> list[np.ndarray]:
    """Draws (DRAWS, cells, d) of one law for the judges of each fold."""
    return [
        Sampler([member], torch.ones(1), 0).draw(judges.given, DRAWS, seed=seed + 1)
        for member, judges in zip(members, judged, strict=True)
    ]

"""Fits a sampler: closed-form cores, networks on the best of them by EDM and by flow matching, and a blend of what did best."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch

from virtualcell.generative.blend import Blend
from virtualcell.generative.denoiser import NetworkSettings, train_denoiser
from virtualcell.generative.examples import Examples
from virtualcell.generative.frame import Frame
from virtualcell.generative.mixture import FORMS, Form, fit_mixture
from virtualcell.generative.moments import covariance, power
from virtualcell.generative.resampled import Resampled
from virtualcell.generative.ridge import fit_linear
from virtualcell.generative.sampler import Member, Sampler
from virtualcell.generative.stray import WIDER

FEW = 1000
"""Below so many cells each quarter judges laws that are fitted to the others; with more, one quarter says enough."""
CALIBRATION_DRAWS, DRAWS = 100, 12
KINDS = ("edm", "flow")
COVERAGE = 0.9
GOOD_ENOUGH = 0.05
"""Draws whose intervals hold what they say to within this are left as they are: a factor would only add its own error."""
PRIOR_CELLS = 50.0
"""The spread of a dimension is corrected as if so many more cells had said what all dimensions together say."""


@dataclass(frozen=True)
class SamplerSettings:
    forms: tuple[Form, ...] = FORMS
    kinds: tuple[str, ...] = KINDS
    network: NetworkSettings = field(default_factory=NetworkSettings)
    balanced: bool = True


@dataclass(frozen=True)
class Law:
    """A kind of member: the form of its core (None: residuals as they were found), and the sampler and steps of the network on it
    ("" and 0: none)."""

    form: Form | None
    network: str = ""
    steps: int = 0

    @property
    def name(self) -> str:
        if self.form is None:
            return "residuals of cells of the same condition"
        return f"{self.form.name}{f' + {self.network}' if self.network else ''}"


def fit_sampler(cells: Examples, patterns: list[np.ndarray], *, seed: int, settings: SamplerSettings | None = None) -> Sampler:
    """cells: as new ones look, not as those on which an encoder was fitted (``Material.of(..., as_new=True)``). patterns: what
    may be unknown, masks (q,), the first all ones.

    Every law is fitted to three quarters of the cells and drawn from for the other quarter (each in turn where cells are few),
    which chooses the weights of the blend and its spread; the laws that count are then fitted to all. The record says what was
    tried, with the scores of each.
    """
    settings, began = settings or SamplerSettings(), time.process_time()
    e = cells.embedding.shape[1]
    masks = np.stack([np.concatenate([np.ones(e), pattern]) for pattern in patterns])
    folds = [(cells.take(rest), cells.take(judges)) for rest, judges in _folds(cells.n, seed)]
    grounds = [_Ground.of(rest, masks, e, seed) for rest, _ in folds]
    d, smallest = cells.target.shape[1], min(rest.n for rest, _ in folds)
    laws = [Law(form) for form in settings.forms if _fits(form, smallest, d, e)] + [Law(None)]
    members = [[ground.member(law, settings, seed) for ground in grounds] for law in laws]
    draws = [_drawn(each, folds, seed) for each in members]
    judged = [judges for _, judges in folds]
    near = Blend.over(draws, judged)
    core = laws[int(np.argmin([near.loss(row) for row in np.eye(len(laws))[:-1]]))]  # a network needs a core to stand on
    losses: dict[str, dict[str, float]] = {}
    for kind in settings.kinds:
        law = replace(core, network=kind, steps=settings.network.steps)
        told: list[dict[str, float]] = []
        found = [ground.member(law, settings, seed, told, judges) for ground, judges in zip(grounds, judged, strict=True)]
        losses[kind] = {name: float(np.mean([each[name] for each in told])) for name in told[0]}
        if losses[kind]["loss"] < losses[kind]["loss_of_core"]:  # else other cells bear nothing of it out
            laws.append(replace(law, steps=int(losses[kind]["steps"])))
            members.append(found)
            draws.append(_drawn(found, folds, seed))
    blend = Blend.over(draws, judged)
    weights = blend.weights()
    chosen = np.flatnonzero(weights)
    kept = torch.from_numpy(weights[chosen]).float()
    blended = [Sampler([members[i][fold] for i in chosen], kept, e) for fold in range(len(folds))]
    spread, coverage = _spread(blended, judged, seed)
    everyone = _Ground.of(cells, masks, e, seed)
    sampler = Sampler([everyone.member(laws[i], settings, seed) for i in chosen], kept, e)
    sampler.spread.copy_(torch.from_numpy(spread))
    sampler.population_mean.copy_(torch.from_numpy(cells.target.mean(0)))
    sampler.population_root.copy_(torch.from_numpy(WIDER * power(covariance(cells.target), 0.5)))
    if e:
        sampler.stray.fit(cells.embedding, power(covariance(cells.embedding), -0.5), seed)
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
        "losses": losses,
        "seconds": time.process_time() - began,
        "settings": asdict(settings.network) | {"balanced": settings.balanced},
    }
    return sampler.eval()


@dataclass(frozen=True)
class _Ground:
    """What every law is fitted to: cells, each also with less known of it, in both frames."""

    cells: Examples
    around: Frame
    plain: Frame
    shown: np.ndarray
    chance: np.ndarray
    masks: np.ndarray
    rows: np.ndarray
    e: int

    @classmethod
    def of(cls, cells: Examples, masks: np.ndarray, e: int, seed: int) -> _Ground:
        linear = fit_linear(cells.given, cells.target, seed=seed, masks=masks, chance=cells.chance)
        shown, chance = _shown(cells.given, cells.chance, masks)
        rows = np.random.default_rng(seed).choice(len(chance), cells.n, p=chance / chance.sum())
        if len(masks) == 1 and np.ptp(cells.chance) == 0:
            rows = np.arange(cells.n)  # nothing to balance: every cell once, none twice
        return cls(cells, Frame.around(linear), Frame.plain(cells.target, masks.shape[1]), shown, chance, masks, rows, e)

    def member(
        self,
        law: Law,
        settings: SamplerSettings,
        seed: int,
        told: list[dict[str, float]] | None = None,
        judges: Examples | None = None,
    ) -> Member | Resampled:
        """A member of a law; judges: cells that say when its network has learned enough, else it takes the law's steps."""
        if law.form is None:
            frame = self.around
            return Resampled.of(frame, self.cells.conditions, self.cells.chance, seed)
        frame = self.plain if law.form.plain else self.around
        torch.manual_seed(seed)  # where the network starts
        u = np.concatenate([frame.u] * len(self.masks))
        core = fit_mixture(frame.core(law.form.k, self.e), law.form, self.shown[self.rows], u[self.rows], seed)
        member = Member(core, law.network or KINDS[0], settings.network.width)
        if law.network:
            check = None if judges is None else (frame.of(judges.given, judges.target), judges.given)
            network = replace(settings.network, steps=law.steps)
            found = train_denoiser(member.denoiser, u, self.shown, self.chance, check, network, seed)
            member.denoiser.gate.fill_(1.0)
            if told is not None:
                told.append(found)
        return member.eval()

    def mean(self, cells: Examples) -> np.ndarray:
        """The linear map, (cells, d)."""
        return np.asarray(self.around.intercept + cells.given @ self.around.coef)


def _distance_of_mean(grounds: list[_Ground], judged: list[Examples]) -> float:
    """Mean distance of cells kept aside from the linear map: what a deterministic answer scores."""
    left = [np.linalg.norm(cells.target - ground.mean(cells), axis=1) for ground, cells in zip(grounds, judged, strict=True)]
    return float(np.concatenate(left).mean())


def _folds(n: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows that laws are fitted to, and those that judge them: a quarter; where that is few, each quarter in turn."""
    quarters = np.array_split(np.random.default_rng(seed).permutation(n), 4)
    turns = 4 if n < FEW else 1
    return [(np.sort(np.concatenate(quarters[:i] + quarters[i + 1 :])), np.sort(quarters[i])) for i in range(turns)]


def _fits(form: Form, n: int, d: int, e: int) -> bool:
    return n > form.cells_needed(d + (e if form.joint else 0)) and not (form.joint and e == 0)


def _shown(given: np.ndarray, chance: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every cell once with each choice of known conditions: as it is, balanced by its label; with less known, a third as often
    altogether and in the measured shares, so that what is drawn without a label keeps the true frequencies."""
    less = len(masks) - 1
    each = [chance] + [np.full(len(chance), 1 / (3 * less)) for _ in range(less)]
    return np.concatenate([given * mask for mask in masks]), np.concatenate(each)


def _drawn(members: Sequence[Member | Resampled], folds: list[tuple[Examples, Examples]], seed: int) -> list[np.ndarray]:
    """Draws (DRAWS, cells, d) of one law for the judges of each fold."""
    return [
        Sampler([member], torch.ones(1), 0).draw(judges.given, DRAWS, seed=seed + 1)
        for member, (_, judges) in zip(members, folds, strict=True)
    ]


def _spread(samplers: list[Sampler], judged: list[Examples], seed: int) -> tuple[np.ndarray, float]:
    """Factor (d,) by which each dimension's central 90 % interval holds 90 % of cells kept aside (split conformal on the ratio of
    residual to half-width; Romano et al. 2019), drawn to the factor that does so over all dimensions where cells are few; and the
    share inside before it. 1 where that share is good enough."""
    ratios = []
    for sampler, judges in zip(samplers, judged, strict=True):
        centre = sampler.mean(judges.given)
        left, drawn = judges.target - centre, sampler.draw(judges.given, CALIBRATION_DRAWS, seed=seed + 2) - centre
        low, high = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
        ratios.append(np.where(left > 0, left / np.maximum(high, 1e-9), left / np.minimum(low, -1e-9)))
    ratio = np.concatenate(ratios)
    inside = float((ratio <= 1).mean())
    if abs(inside - COVERAGE) <= GOOD_ENOUGH:
        return np.ones(ratio.shape[1], dtype=np.float32), inside
    n = len(ratio)
    each, together = (np.quantile(ratio, min(1.0, COVERAGE * (n + 1) / n), axis=axis) for axis in (0, None))
    trust = n / (n + PRIOR_CELLS)
    return (each**trust * together ** (1 - trust)).astype(np.float32), inside

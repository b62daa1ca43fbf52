"""The laws that a blend is made of, and what each is fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from virtualcell.generative.denoiser import NetworkSettings, train_denoiser
from virtualcell.generative.examples import Examples
from virtualcell.generative.frame import Frame
from virtualcell.generative.mixture import Form, fit_mixture
from virtualcell.generative.resampled import SMOOTH, Resampled
from virtualcell.generative.ridge import fit_linear
from virtualcell.generative.sampler import Member, Sampler

SMOOTHER = (SMOOTH, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.3)
"""What ``fresh_smooth`` tries."""


@dataclass(frozen=True)
class Law:
    """A kind of member: the form of its core (None: residuals as they were found, smoothed by ``smooth``), and the kind and
    steps of the network on it ("" and 0: none)."""

    form: Form | None
    network: str = ""
    steps: int = 0
    smooth: float = SMOOTH

    @property
    def name(self) -> str:
        if self.form is None:
            return "residuals of cells of the same condition"
        return f"{self.form.name}{f' + {self.network}' if self.network else ''}"


def laws_of(forms: tuple[Form, ...], n: int, d: int, p: int, e: int, smooth: float = SMOOTH) -> list[Law]:
    """Laws without a network that n cells bear: d target dimensions, p columns of the condition, e of them of an embedding;
    smooth: of the residuals as they were found."""

    def fits(form: Form) -> bool:
        return n > form.cells_needed(d + (p if form.joint else 0)) and not (form.joint and e == 0)

    return [Law(form) for form in forms if fits(form)] + [Law(None, smooth=smooth)]


@dataclass(frozen=True)
class Ground:
    """What every law is fitted to: cells, each also with less known of it, in both frames."""

    cells: Examples
    around: Frame
    plain: Frame
    shown: np.ndarray
    chance: np.ndarray
    masks: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, cells: Examples, masks: np.ndarray, seed: int) -> Ground:
        """masks (k, p) of 0 and 1: what may be unknown of a condition, the first all ones."""
        linear = fit_linear(cells.given, cells.target, seed=seed, masks=masks, chance=cells.chance)
        shown, chance = _shown(cells.given, cells.chance, masks)
        rows = np.random.default_rng(seed).choice(len(chance), cells.n, p=chance / chance.sum())
        if len(masks) == 1 and np.ptp(cells.chance) == 0:
            rows = np.arange(cells.n)  # nothing to balance: every cell once, none twice
        return cls(cells, Frame.around(linear), Frame.plain(cells.target, masks.shape[1]), shown, chance, masks, rows)

    def member(
        self,
        law: Law,
        network: NetworkSettings,
        seed: int,
        told: list[dict[str, float]] | None = None,
        judges: Examples | None = None,
    ) -> Member | Resampled:
        """A member of a law; judges: cells that say when its network has learned enough, else it takes the law's steps."""
        if law.form is None:
            return Resampled.of(self.around, self.cells.conditions, self.cells.chance, seed, law.smooth)
        frame = self.plain if law.form.plain else self.around
        torch.manual_seed(seed)  # where the network starts
        u = np.concatenate([frame.u] * len(self.masks))
        # Joint with the whole condition: what a joint law draws follows time, treatment and label as it does the embedding.
        core = frame.core(law.form.k, self.shown.shape[1] if law.form.joint else 0)
        core = fit_mixture(core, law.form, self.shown[self.rows], u[self.rows], seed)
        member = Member(core, law.network, network.width)
        if law.network:
            check = None if judges is None else (frame.of(judges.given, judges.target), judges.given)
            steps = replace(network, steps=law.steps)
            found = train_denoiser(member.denoiser, u, self.shown, self.chance, check, steps, seed)
            if told is not None:
                told.append(found)
        return member.eval()

    def mean(self, cells: Examples) -> np.ndarray:
        """The linear map, (cells, d)."""
        return np.asarray(self.around.intercept + cells.given @ self.around.coef)


def _shown(given: np.ndarray, chance: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every cell once with each choice of known conditions: as it is, balanced by its label; with less known, a third as often
    altogether and in the measured shares, so that what is drawn without a label keeps the true frequencies."""
    less = len(masks) - 1
    each = [chance] + [np.full(len(chance), 1 / (3 * less)) for _ in range(less)]
    return np.concatenate([given * mask for mask in masks]), np.concatenate(each)


def fresh_smooth(grounds: list[Ground], judged: list[Examples], seed: int) -> float:
    """The least smoothing with which residuals as they were found give cells that are as new as measured ones: no nearer, in the
    median, to the cells that they come from than the judges are.

    Without an embedding, or with one that says little, a residual is nearly a measured cell: with little smoothing it would be
    drawn again as it is.
    """
    settings = NetworkSettings()
    for smooth in SMOOTHER:
        near, usual = [], []
        for ground, judges in zip(grounds, judged, strict=True):
            law = ground.member(Law(None, smooth=smooth), settings, seed)
            drawn = Sampler([law], torch.ones(1), 0).draw(judges.given, 1, seed=seed)[0]
            tree = cKDTree(ground.cells.target)
            near.append(tree.query(drawn)[0])
            usual.append(tree.query(judges.target)[0])
        if np.median(np.concatenate(near)) >= np.median(np.concatenate(usual)):
            break
    return smooth

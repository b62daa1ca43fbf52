"""Scores pairs: are these two measurements of one cell?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from virtualcell.generative.adversary_critic import Critic, pair_losses, train_critic
from virtualcell.generative.adversary_form import choose_form
from virtualcell.generative.adversary_gaussian import GaussianPairs
from virtualcell.generative.adversary_labels import STATE, labels_by_column
from virtualcell.generative.adversary_learning import best_temperature, calibration_cells, choose_gate, scaled, split, spread_of
from virtualcell.generative.adversary_translator import SharpTranslator, fit_translator
from virtualcell.generative.material import Material
from virtualcell.schema import DataError
from virtualcell.training.epochs import Progress

MIN_CELLS = 100
"""Cells measured both ways of which a scorer can learn."""
Sides = tuple[Tensor, Tensor]
"""Inputs of source and target of the same cells, (cells, p) and (cells, q), standardised."""
SWAPS = 20
"""Partners that each calibration cell is swapped with."""
SWAPPED, DRAWN = "swapped pairs", "swapped and drawn pairs"
"""What a critic was shown beside true pairs; inner cells choose which of two is used."""


@dataclass(frozen=True)
class PairScorer:
    """The conditional adversary on pairs of measurements (matching-aware discriminator of Reed et al. 2016).

    A score is a logit: above 0 the two measurements fit as those of one cell better than those of two cells do, and
    1 / (1 + exp(-score)) is the probability that they are of one, where true and swapped pairs are equally many. It is the log
    ratio of a joint normal distribution (``core``) plus ``gate`` times what a critic learned, over ``temperature``.

    scale: mean and standard deviation of the inputs of source (2, p) and target (2, q). matched (n,): scores of calibration
    cells, with their own partner; swapped (n, swaps): with others'; swapped_within[kind]: with others' of the same "time",
    "treatment" or "state" (annotation), NaN where there is no other. record: how it was made, which cells the calibration ones
    are, and "least p", the smallest p-value that they can tell.
    """

    source: str
    target: str
    core: GaussianPairs
    critic: Critic
    gate: float
    temperature: float
    scale: tuple[np.ndarray, np.ndarray]
    matched: np.ndarray
    swapped: np.ndarray
    swapped_within: Mapping[str, np.ndarray]
    record: Mapping[str, Any]

    def score(self, source_embeddings: np.ndarray, target_embeddings: np.ndarray) -> np.ndarray:
        """Logit (cells,) of row i of the source (cells, p) with row i of the target (cells, q). Raises DataError for others."""
        source, target = self._checked(source_embeddings, target_embeddings)
        if len(source) != len(target):
            raise DataError(
                f"There are {len(source):,} cells of {self.source} and {len(target):,} of {self.target}.",
                next_step="give as many rows of each.",
                field=self.target,
            )
        found = self.core.score(source, target)
        if self.gate:
            with torch.no_grad():
                found = found + self.gate * self.critic.rows(*self._scaled(source, target)).double().numpy()
        return found / self.temperature

    def score_all(self, source_embeddings: np.ndarray, target_embeddings: np.ndarray) -> np.ndarray:
        """Logits of every row of the source with every row of the target, (n, m)."""
        source, target = self._checked(source_embeddings, target_embeddings)
        found = self.core.score_all(source, target)
        if self.gate:
            with torch.no_grad():
                found = found + self.gate * self.critic(*self._scaled(source, target)).double().numpy()
        return found / self.temperature

    def _checked(self, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for name, given, mean in ((self.source, source, self.core.source_mean), (self.target, target, self.core.target_mean)):
            values = np.asarray(given, dtype=np.float64)
            if values.ndim != 2 or values.shape[1] != len(mean):
                raise DataError(
                    f"It has shape {values.shape}, not (cells, {len(mean)}).",
                    next_step="give the embedding by this measurement alone.",
                    field=name,
                )
            if not np.isfinite(values).all():
                raise DataError("It holds values that are not numbers.", next_step="leave those cells out.", field=name)
            found.append(values)
        return found[0], found[1]

    def _scaled(self, source: np.ndarray, target: np.ndarray) -> tuple[Tensor, Tensor]:
        return scaled(source, self.scale[0]), scaled(target, self.scale[1])


def fit_pairs(material: Material, source: str, target: str, *, seed: int = 0, progress: Progress | None = None) -> PairScorer:
    """Learns from cells measured both ways that are not held out which pairs belong together.

    Four fifths of them teach the normal core and the critic, the rest stops the critic and chooses its gate: it is used only
    where it lowers the loss by more than one standard error, so that the score is not worse than the linear one. One critic is
    shown swapped pairs beside true ones, another also pairs drawn by a translator that was trained against a discriminator
    (``adversary_translator``); inner cells choose. material: cells read ``as_new``. Held-out cells, where there are 40, set
    nothing but the temperature and what scores true and swapped pairs have; else the inner cells do. Raises DataError where
    fewer than 100 cells have both measurements.
    """
    both = material.both(source, target)
    rows = np.flatnonzero(both & ~material.held_out)
    if len(rows) < MIN_CELLS:
        raise DataError(
            f"{len(rows)} cells have both {source} and {target}; it takes {MIN_CELLS}.",
            next_step="train on more cells that have both.",
            field=target,
        )
    a, b = (material.embeddings[m].astype(np.float64) for m in (source, target))
    fit, inner, stop, judge = split(rows, seed)
    form = choose_form(a[fit], b[fit], seed)
    core = GaussianPairs.fit(a[fit], b[fit], ridge=form.ridge, rank=form.rank)
    scale = (spread_of(a[fit]), spread_of(b[fit]))
    if progress is not None:
        progress("pairs", 1, 3, {"auroc": form.auroc})
    teach, halt, choose = ((scaled(a[cells], scale[0]), scaled(b[cells], scale[1])) for cells in (fit, stop, judge))
    translator = fit_translator(teach, halt, choose, seed)
    if progress is not None:
        progress("pairs", 2, 3, {})
    critic, gate, taught = _best_critic((teach, halt, choose), partial(core_scores, core, scale), translator, seed)
    calibration, calibrated_on = calibration_cells(np.flatnonzero(both & material.held_out), inner)
    nothing = np.zeros(0)
    raw = PairScorer(source, target, core, critic, gate, 1.0, scale, nothing, nothing, {}, {})
    matrix = raw.score_all(a[calibration], b[calibration])
    temperature = best_temperature(matrix, pair_losses)
    matched, swapped = split_pairs(matrix / temperature, seed)
    kinds = labels_by_column(material, {STATE: STATE})
    within = {kind: swapped_within(matrix / temperature, names[calibration], seed) for kind, names in kinds.items()}
    record = {
        "cells": len(rows),
        "calibration cells": len(calibration),
        "calibrated on": calibrated_on,
        "least p": 1 / (1 + len(calibration)),
        "ridge": form.ridge,
        "rank": form.rank,
        "core auroc, inner folds": form.auroc,
        **taught,
        "seed": seed,
    }
    if progress is not None:
        progress("pairs", 3, 3, {"gate": gate})
    return PairScorer(source, target, core, critic, gate, temperature, scale, matched, swapped, within, record)


def _best_critic(
    parts: tuple[Sides, Sides, Sides], core: Callable[[Tensor, Tensor], Tensor], translator: SharpTranslator, seed: int
) -> tuple[Critic, float, dict[str, Any]]:
    """Of two critics, taught with and without pairs that the translator drew, the one that the judging cells prefer; its gate,
    and how both did. parts: cells that teach, that stop, that judge."""
    fit, stop, judge = parts

    @torch.no_grad()
    def drawn(x: Tensor, generator: torch.Generator) -> Tensor:
        return translator.draw(x, generator)

    critics = {
        SWAPPED: train_critic(fit, stop, core, seed),
        DRAWN: train_critic(fit, stop, core, seed, generate=drawn),
    }
    base = core(*judge)
    learned = {name: critic(*judge).detach() for name, critic in critics.items()}
    chosen = {name: choose_gate(lambda gate, more=more: pair_losses(base + gate * more)) for name, more in learned.items()}
    best = min(chosen, key=lambda name: chosen[name][1][chosen[name][0]])
    gate, losses = chosen[best]
    record = {
        "loss of the core": losses[0.0],
        "critic was shown": best,
        "loss with the critic": {name: min(found[1].values()) for name, found in chosen.items()},
        "energy score of translation": translator.scores,
        "translation sharpened": translator.kept,
    }
    return critics[best], gate, record


def core_scores(core: GaussianPairs, scale: tuple[np.ndarray, ...], source: Tensor, target: Tensor) -> Tensor:
    """The core's score of every pair of scaled inputs, (n, m); differentiable in both."""
    sides = []
    for x, spread, mean, maps in (
        (source, scale[0], core.source_mean, core.source_map),
        (target, scale[1], core.target_mean, core.target_map),
    ):
        weight = torch.from_numpy((spread[1][:, None] * maps).astype(np.float32))
        sides.append(x @ weight + torch.from_numpy(((spread[0] - mean) @ maps).astype(np.float32)))
    u, v = sides
    r = torch.from_numpy(core.correlations.astype(np.float32))
    own = 0.5 * r**2 / (1 - r**2)
    return -0.5 * torch.log1p(-(r**2)).sum() + (u * (r / (1 - r**2))) @ v.T - (u**2 @ own)[:, None] - v**2 @ own


def split_pairs(matrix: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) of cells with their own partners, and (n, swaps) with others', from those of all with all."""
    n = len(matrix)
    shifts = np.random.default_rng(seed).choice(np.arange(1, n), min(SWAPS, n - 1), replace=False)
    rows = np.arange(n)
    return matrix.diagonal().copy(), np.stack([matrix[rows, (rows + s) % n] for s in shifts], 1)


def swapped_within(matrix: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Scores (n, swaps) of cells with partners of other cells of the same label; NaN where there is none."""
    rng = np.random.default_rng(seed)
    found = np.full((len(matrix), SWAPS), np.nan)
    for i, label in enumerate(labels):
        others = np.flatnonzero((labels == label) & (np.arange(len(labels)) != i))
        if len(others):
            found[i] = matrix[i, rng.choice(others, SWAPS)]
    return found

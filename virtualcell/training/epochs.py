"""Epochs of the autoencoder until validation cells gain no more; they can be stopped at any step, and taken up again there."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.schema import AutoencoderSettings, DataError
from virtualcell.training.descent import Descent
from virtualcell.training.described import nats_per_cell, score_table
from virtualcell.training.device import autocast
from virtualcell.training.kept import Keeper, Kept
from virtualcell.training.loop_state import LoopState
from virtualcell.training.objectives import OBJECTIVES, FeatureBlock, Step
from virtualcell.training.rank import effective_rank
from virtualcell.training.table import CellTable

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called as progress(stage, done, total, figures); what it raises stops the fit."""

STAGE = "autoencoder"

MOST_BLOCKS = 8
"""Adam's steps are shorter by the root of the number of blocks: up to here nothing was lost by it, with 40 it was."""

RANKED = 2000
"""Cells whose states are asked for their effective rank after each epoch."""


def random_subset(mask: Tensor, generator: torch.Generator) -> Tensor:
    """For each cell a random non-empty part of its measured modalities; mask and result (cells, modalities) bool."""
    draw = torch.rand(mask.shape, generator=generator).to(mask.device) < 0.5
    part = mask & draw
    nothing = ~part.any(1)
    # One measured modality at random where nothing was drawn.
    pick = (torch.rand(mask.shape, generator=generator).to(mask.device) * mask).argmax(1)
    part[nothing, pick[nothing]] = True
    return part


def random_feature_blocks(model: Autoencoder, most: int, rng: np.random.Generator) -> dict[str, FeatureBlock]:
    """A block of features of every modality that has more than ``most`` and can score them one by one; the blocks are as equal as
    can be, and each is as likely."""
    found = {}
    for m, kind in model.modalities.items():
        blocks = min(-(-kind.n_features // most), MOST_BLOCKS)
        if kind.feature_by_feature and blocks > 1:
            edges = np.linspace(0, kind.n_features, blocks + 1).astype(int)
            at = int(rng.integers(blocks))
            found[m] = FeatureBlock(int(edges[at]), int(edges[at + 1]), blocks)
    return found


class Epochs:
    """A model, its slow copy (``target``, which is what is validated and kept), and how far they have come.

    rng, generator: what the epochs draw from; training, validation: rows of the table.
    """

    def __init__(
        self,
        model: Autoencoder,
        table: CellTable,
        settings: AutoencoderSettings,
        training: np.ndarray,
        validation: np.ndarray,
        rng: np.random.Generator,
        generator: torch.Generator,
        device: torch.device,
    ):
        self.model, self.table, self.settings, self.device = model, table, settings, device
        self.training, self.validation, self.rng, self.generator = training, validation, rng, generator
        self.target = copy.deepcopy(model).requires_grad_(False)
        self.per_epoch = max(1, len(training) // settings.batch_size)
        self.epochs = max(settings.epochs, -(-settings.min_steps // self.per_epoch))
        self.descent = Descent(model, self.target, settings, self.per_epoch * self.epochs, len(training), device)
        modules = {"model": model, "target": self.target}
        self.state = LoopState(modules, self.descent.optimiser, self.descent.schedule, generator, rng)
        # Of the epoch that is under way: the order of its cells (none before its first step), steps done, sums of objectives.
        self.epoch, self.order, self.steps, self.sums = 0, np.empty(0, dtype=np.int64), 0, dict[str, float]()
        self.best: dict[str, Tensor] = {}
        self.best_nats, self.waited = -np.inf, 0
        self.history: list[dict[str, float]] = []

    def start(self) -> None:
        """Takes the model as it is for what is to be improved upon."""
        self.best, self.best_nats = copy.deepcopy(self.target.state_dict()), self._nats()
        self.history = [{"validation_nats": self.best_nats}]

    def take_up(self, kept: Kept) -> None:
        """Goes back to where this was kept."""
        self.state.take_up(kept)
        self.best, self.order = kept.part("best"), kept.tensors["order"].numpy()
        for name in ("epoch", "steps", "sums", "best_nats", "waited", "history"):
            setattr(self, name, kept.record[name])
        self.descent.behind = kept.record["behind"]

    def _now(self) -> Kept:
        own = {f"best.{k}": v for k, v in self.best.items()} | {"order": torch.from_numpy(self.order)}
        return self.state.now(
            own,
            epoch=self.epoch,
            steps=self.steps,
            sums=self.sums,
            best_nats=self.best_nats,
            waited=self.waited,
            history=self.history,
            behind=self.descent.behind,
        )

    def run(self, keep: Keeper, progress: Progress | None) -> None:
        """Leaves in ``target`` the weights of the best epoch. Raises DataError for a loss that is no number."""
        scores = score_table(self.model, self.table, self.device)
        while self.epoch < self.epochs:
            self._pass(scores, keep)
            self.descent.catch_up()
            figures = {**self.sums, "validation_nats": self._nats()}
            self.history.append(figures)
            self.waited += 1
            if figures["validation_nats"] > self.best_nats:
                self.best, self.best_nats, self.waited = copy.deepcopy(self.target.state_dict()), figures["validation_nats"], 0
            self.epoch, self.order = self.epoch + 1, self.order[:0]
            if progress is not None:
                progress(STAGE, self.epoch, self.epochs, figures | {"effective_rank": self._rank(scores)})
            if self.waited >= self.settings.patience:
                break
        self.target.load_state_dict(self.best)
        self.target.eval()

    def _pass(self, scores: dict[str, Tensor], keep: Keeper) -> None:
        """The steps of one epoch that are left."""
        self.model.train()
        if not len(self.order):
            self.order, self.steps = self.rng.permutation(self.training), 0
            self.sums = dict.fromkeys(self.settings.objectives, 0.0)
        for rows in np.array_split(self.order, self.per_epoch)[self.steps :]:
            self._step(rows, scores)
            self.steps += 1
            if keep.due():
                keep.write(STAGE, *self._now())

    def _step(self, rows: np.ndarray, scores: dict[str, Tensor]) -> None:
        model, settings, generator = self.model, self.settings, self.generator
        values, mask, batch = self.table.rows(rows, self.device)
        place = torch.from_numpy(rows).to(self.device)
        whole = {m: scores[m][place] for m in model.names}
        seen = whole
        if settings.thinning < 1 and self.rng.random() < 0.5:
            thinned = {m: model.modalities[m].thin(values[m], settings.thinning, generator) for m in model.names}
            seen = model.scores(thinned, batch)
        step = Step(
            model,
            self.target,
            values,
            mask,
            batch,
            whole,
            seen,
            random_subset(mask, generator),
            generator,
            settings.temperature,
            settings.masked_share,
            random_feature_blocks(model, settings.features_per_step, self.rng),
        )
        with autocast(self.device):
            parts = {name: OBJECTIVES[name](step) for name, weight in settings.objectives.items() if weight}
        loss = torch.zeros((), device=self.device)
        for name, value in parts.items():
            loss = loss + settings.objectives[name] * value
        if not torch.isfinite(loss):
            raise DataError(
                f"The autoencoder's loss became {float(loss.detach())} in epoch {self.epoch + 1}.",
                next_step="look for extreme values among the cells, or lower AutoencoderSettings.learning_rate.",
                field="learning_rate",
            )
        self.descent.step(loss)
        for name, value in parts.items():
            self.sums[name] += float(value.detach()) / self.per_epoch

    def _nats(self) -> float:
        return nats_per_cell(self.target, self.table, self.validation, self.device)

    @torch.no_grad()
    def _rank(self, scores: dict[str, Tensor]) -> float:
        """Effective rank of the states of some training cells, evenly spread over the rows: nothing is drawn for it."""
        some = self.training[:: max(1, -(-len(self.training) // RANKED))]
        place = torch.from_numpy(some).to(self.device)
        mask = torch.from_numpy(self.table.mask[some]).to(self.device)
        self.target.eval()
        mean = self.target.fusion({m: found[place] for m, found in scores.items()}, mask)[0]
        return effective_rank((mean * self.target.latent_scale).float().cpu().numpy())

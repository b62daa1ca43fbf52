"""Trains the multi-omic autoencoder on the chosen objectives, from a linear start that it is compared with at the end."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.modalities import MODALITIES
from virtualcell.schema import AutoencoderSettings, DataError
from virtualcell.training.descent import Descent
from virtualcell.training.device import autocast
from virtualcell.training.objectives import OBJECTIVES, FeatureBlock, Step
from virtualcell.training.start import start_linear
from virtualcell.training.table import CellTable

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called as progress(stage, done, total, figures)."""

VALIDATION_SHARE = 0.1
CHUNK = 256
"""Cells described at a time: larger arrays are handed back to the system after each use, which costs more than the arithmetic."""
MOST_BLOCKS = 8
"""Adam's steps are shorter by the root of the number of blocks: up to here nothing was lost by it, with 40 it was."""
MIN_CELLS = 30
"""Training cells that a modality must have been measured in: fewer do not show the noise of a regression on the latent."""


@dataclass
class AutoencoderFit:
    """The target encoder with its decoders, what was seen on the way, and the rows that no gradient came from."""

    model: Autoencoder
    history: list[dict[str, float]] = field(default_factory=list)
    gates: dict[str, float] = field(default_factory=dict)
    """By learned residual: nats a validation cell that it is worth; it is kept where that is above 0."""
    training: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    validation: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


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


def effective_rank(z: np.ndarray) -> float:
    """exp of the entropy of the covariance spectrum (Roy & Vetterli 2007), between 1 (collapsed) and d (all directions used
    alike)."""
    spectrum = np.linalg.eigvalsh(np.atleast_2d(np.cov(z.T)))
    share = np.clip(spectrum, 1e-12, None) / np.clip(spectrum, 1e-12, None).sum()
    return float(np.exp(-(share * np.log(share)).sum()))


@torch.no_grad()
def score_table(model: Autoencoder, table: CellTable, device: torch.device) -> dict[str, Tensor]:
    """What the encoders read of every cell, (cells, inputs) by modality; computed once, since components do not change."""
    found: dict[str, list[Tensor]] = {m: [] for m in model.names}
    for start in range(0, table.n_cells, CHUNK):
        values, _, batch = table.rows(np.arange(start, min(start + CHUNK, table.n_cells)), device)
        for m, scores in model.scores(values, batch).items():
            found[m].append(scores)
    return {m: torch.cat(parts) for m, parts in found.items()}


@torch.no_grad()
def encode_table(model: Autoencoder, table: CellTable, device: torch.device, part: np.ndarray | None = None) -> np.ndarray:
    """Latent means (cells, d) in the network's coordinates; part: (cells, modalities) bool, the modalities that may be read."""
    model.eval()
    found = []
    for start in range(0, table.n_cells, CHUNK):
        rows = np.arange(start, min(start + CHUNK, table.n_cells))
        values, mask, batch = table.rows(rows, device)
        if part is not None:
            mask = mask & torch.from_numpy(part[rows]).to(device)
        found.append(model.encode(values, mask, batch)[0].cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def nats_of_cells(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Log-likelihood of all that was measured, from all that was measured, (rows, modalities); 0 where not measured."""
    model.eval()
    found = []
    for piece in np.array_split(rows, max(1, len(rows) // CHUNK)):
        values, mask, batch = table.rows(piece, device)
        z, _ = model.encode(values, mask, batch)
        nats = model.log_likelihood(values, model.decode(z, batch))
        found.append((torch.stack(list(nats.values()), 1) * mask).cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def nats_of_average(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """The same, (rows, modalities), where the average training cell describes every cell."""
    found = []
    for piece in np.array_split(rows, max(1, len(rows) // CHUNK)):
        values, mask, _ = table.rows(piece, device)
        average = {m: kind.base.expand(len(piece), -1) for m, kind in model.modalities.items()}
        nats = model.log_likelihood(values, average)
        found.append((torch.stack(list(nats.values()), 1) * mask).cpu().numpy())
    return np.concatenate(found)


def nats_per_cell(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> float:
    """Mean over cells of ``nats_of_cells``, all modalities together."""
    return float(nats_of_cells(model, table, rows, device).sum(1).mean())


def train_autoencoder(
    table: CellTable,
    settings: AutoencoderSettings,
    kinds: dict[str, str],
    n_components: int,
    n_batches: int,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> AutoencoderFit:
    """Fits an autoencoder to every cell of the table; a tenth of them is kept from the gradients, chooses the epoch and decides
    which residuals stay.

    Raises DataError for an objective or a fusion that is not known, a modality measured in too few cells, and a loss that is no
    number.
    """
    for what, names, known in (("objectives", settings.objectives, OBJECTIVES), ("fusion", [settings.fusion], FUSIONS)):
        if unknown := sorted(set(names) - set(known)):
            raise DataError(
                f"{', '.join(unknown)} is not known.", next_step=f"choose among {', '.join(sorted(known))}.", field=what
            )
    if settings.features_per_step < 1:
        raise DataError("No feature can be scored.", next_step="give 1 or more.", field="features_per_step")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    order = rng.permutation(table.n_cells)
    n_validation = max(1, int(VALIDATION_SHARE * table.n_cells))
    validation, training = np.sort(order[:n_validation]), np.sort(order[n_validation:])

    names = list(table.values)
    measured = {m: table.mask[:, i] for i, m in enumerate(names)}
    features = {m: table.values[m].shape[1] // MODALITIES[kinds[m]].width for m in names}
    for m in names:
        if (found := int(measured[m][training].sum())) < MIN_CELLS:
            raise DataError(
                f"{m} was measured in {found} of the cells that are learned from; at least {MIN_CELLS} are needed.",
                next_step=f"add cells with {m} or leave this kind of measurement out.",
                field=m,
            )
    components = {m: min(n_components, features[m] - 1, int(measured[m][training].sum()) - 1) for m in names}
    model = Autoencoder(features, kinds, components, settings.latent_dim, settings.hidden, n_batches, settings.fusion)
    start_linear(model, table, training, seed, device)
    scores = score_table(model, table, device)

    per_epoch = max(1, len(training) // settings.batch_size)
    epochs = max(settings.epochs, -(-settings.min_steps // per_epoch))
    target = copy.deepcopy(model).requires_grad_(False)
    descent = Descent(model, target, settings, per_epoch * epochs, len(training), device)
    best, best_nats = copy.deepcopy(target.state_dict()), nats_per_cell(target, table, validation, device)
    history = [{"validation_nats": best_nats}]
    waited = 0
    for epoch in range(epochs):
        model.train()
        sums: dict[str, float] = dict.fromkeys(settings.objectives, 0.0)
        for rows in np.array_split(rng.permutation(training), per_epoch):
            values, mask, batch = table.rows(rows, device)
            place = torch.from_numpy(rows).to(device)
            whole = {m: scores[m][place] for m in names}
            seen = whole
            if settings.thinning < 1 and rng.random() < 0.5:
                thinned = {m: model.modalities[m].thin(values[m], settings.thinning, generator) for m in names}
                seen = model.scores(thinned, batch)
            step = Step(
                model,
                target,
                values,
                mask,
                batch,
                whole,
                seen,
                random_subset(mask, generator),
                generator,
                settings.temperature,
                settings.masked_share,
                random_feature_blocks(model, settings.features_per_step, rng),
            )
            with autocast(device):
                parts = {name: OBJECTIVES[name](step) for name, weight in settings.objectives.items() if weight}
            loss = sum(settings.objectives[name] * value for name, value in parts.items())
            if not torch.isfinite(loss):
                raise DataError(
                    f"The autoencoder's loss became {float(loss.detach())} in epoch {epoch + 1}.",
                    next_step="look for extreme values among the cells, or lower AutoencoderSettings.learning_rate.",
                    field="learning_rate",
                )
            descent.step(loss)
            for name, value in parts.items():
                sums[name] += float(value.detach()) / per_epoch
        descent.catch_up()
        figures = {**sums, "validation_nats": nats_per_cell(target, table, validation, device)}
        history.append(figures)
        if progress is not None:
            progress("autoencoder", epoch + 1, epochs, figures)
        waited += 1
        if figures["validation_nats"] > best_nats:
            best, best_nats, waited = copy.deepcopy(target.state_dict()), figures["validation_nats"], 0
        if waited >= settings.patience:
            break
    target.load_state_dict(best)
    target.eval()
    gates = keep_what_helps(target, table, validation, device)
    return AutoencoderFit(target, history, gates, training, validation)


@torch.no_grad()
def keep_what_helps(model: Autoencoder, table: CellTable, validation: np.ndarray, device: torch.device) -> dict[str, float]:
    """Switches off every decoder residual without which validation cells are described at least as well; nats a cell that each is
    worth."""
    worth = {}
    best = nats_per_cell(model, table, validation, device)
    for m, decoder in model.decoders.items():
        decoder.gate.fill_(0.0)
        without = nats_per_cell(model, table, validation, device)
        worth[m] = best - without
        if without >= best:
            best = without
        else:
            decoder.gate.fill_(1.0)
    return worth

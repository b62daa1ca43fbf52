"""Trains the multi-omic autoencoder: likelihood of all that was measured, from a random part of it, and the within-cell JEPA."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.linear import fit_linear_core
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.schema import AutoencoderSettings
from virtualcell.training.device import autocast
from virtualcell.training.table import CellTable

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called as progress(stage, done, total, figures)."""

VALIDATION_SHARE = 0.1


@dataclass
class AutoencoderFit:
    """The target encoder with its decoders, and what was seen on the way."""

    model: Autoencoder
    history: list[dict[str, float]] = field(default_factory=list)


def thin(counts: Tensor, keep: float, generator: torch.Generator) -> Tensor:
    """Keeps each counted molecule with probability ``keep``: exactly what sequencing less deeply would have given."""
    total = counts.cpu()
    kept = torch.binomial(total, torch.full_like(total, keep), generator=generator)
    return kept.to(counts.device)


def random_subset(mask: Tensor, generator: torch.Generator) -> Tensor:
    """For each cell a random non-empty part of its measured modalities; mask and result (cells, modalities) bool."""
    draw = torch.rand(mask.shape, generator=generator).to(mask.device) < 0.5
    part = mask & draw
    nothing = ~part.any(1)
    # One measured modality at random where nothing was drawn.
    pick = (torch.rand(mask.shape, generator=generator).to(mask.device) * mask).argmax(1)
    part[nothing, pick[nothing]] = True
    return part


def effective_rank(z: np.ndarray) -> float:
    """exp of the entropy of the covariance spectrum (Roy & Vetterli 2007), between 1 (collapsed) and d (all directions used
    alike)."""
    spectrum = np.linalg.eigvalsh(np.cov(z.T))
    share = np.clip(spectrum, 1e-12, None) / np.clip(spectrum, 1e-12, None).sum()
    return float(np.exp(-(share * np.log(share)).sum()))


@torch.no_grad()
def encode_table(
    model: Autoencoder, table: CellTable, device: torch.device, part: np.ndarray | None = None, size: int = 1024
) -> np.ndarray:
    """Latent means (cells, d) in the network's coordinates; part: (cells, modalities) bool, the modalities that may be read."""
    model.eval()
    found = []
    for start in range(0, table.n_cells, size):
        rows = np.arange(start, min(start + size, table.n_cells))
        counts, mask, batch = table.batch_of(rows, device)
        if part is not None:
            mask = mask & torch.from_numpy(part[rows]).to(device)
        found.append(model.encode(counts, mask, batch)[0].cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def nats_per_cell(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> float:
    """Mean log-likelihood of all that was measured, from all that was measured."""
    model.eval()
    total = 0.0
    for piece in np.array_split(rows, max(1, len(rows) // 1024)):
        counts, mask, batch = table.batch_of(piece, device)
        z, _ = model.encode(counts, mask, batch)
        found = model.log_likelihood(counts, model.decode(z, batch))
        total += sum(float((found[m] * mask[:, i]).sum()) for i, m in enumerate(model.names))
    return total / len(rows)


def train_autoencoder(
    table: CellTable,
    settings: AutoencoderSettings,
    n_components: int,
    n_batches: int,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> AutoencoderFit:
    """Fits an autoencoder to every cell of the table; a tenth of them is kept from the gradients and chooses the epoch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    order = rng.permutation(table.n_cells)
    n_validation = max(1, int(VALIDATION_SHARE * table.n_cells))
    validation, training = np.sort(order[:n_validation]), np.sort(order[n_validation:])

    names = list(table.counts)
    features = {m: table.counts[m].shape[1] for m in names}
    measured = {m: table.mask[:, i] for i, m in enumerate(names)}
    components = {m: min(n_components, features[m] - 1, int(measured[m][training].sum()) - 1) for m in names}
    d = settings.latent_dim
    model = Autoencoder(features, components, d, settings.hidden, n_batches)
    for m in names:
        model.modalities[m].fit(table.counts[m][training][measured[m][training]], seed)
    _start_linear(model, table, training, measured, seed)
    model.to(device)

    encoder_side = [*model.encoders.parameters(), *model.completer.parameters()]
    decoder_side = [*model.decoders.parameters(), *model.modalities.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": encoder_side, "lr": settings.learning_rate}, {"params": decoder_side, "lr": 2 * settings.learning_rate}],
        weight_decay=settings.weight_decay,
    )
    per_epoch = max(1, len(training) // settings.batch_size)
    epochs = max(settings.epochs, -(-settings.min_steps // per_epoch))
    warm_epochs = round(settings.warmup * epochs)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [settings.learning_rate, 2 * settings.learning_rate], total_steps=per_epoch * epochs, pct_start=0.2
    )
    target = copy.deepcopy(model).requires_grad_(False)
    best, best_nats, history = None, -np.inf, []
    for epoch in range(epochs):
        model.train()
        for p in encoder_side:
            p.requires_grad_(epoch >= warm_epochs)
        sums = {"nats": 0.0, "jepa": 0.0, "kl": 0.0}
        for rows in np.array_split(rng.permutation(training), per_epoch):
            counts, mask, batch = table.batch_of(rows, device)
            part = random_subset(mask, generator)
            seen = counts
            if rng.random() < 0.5:
                seen = {m: thin(x, settings.thinning, generator) for m, x in counts.items()}
            with autocast(device):
                mean, logvar = model.encode(seen, part, batch)
                noise = torch.randn(mean.shape, generator=generator).to(device)
                outputs = model.decode(mean + noise * torch.exp(0.5 * logvar), batch)
                guess = mean + model.completer(mean)
                with torch.no_grad():
                    whole, _ = target.encode(counts, mask, batch)
            nats = sum(value * mask[:, i] for i, value in enumerate(model.log_likelihood(counts, outputs).values())).mean()
            kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1).mean()
            jepa = ((guess.float() - whole) ** 2 / whole.var(0).clamp_min(1e-2)).sum(1).mean()
            loss = -nats + settings.kl_weight * kl + settings.jepa_weight * jepa
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 50.0)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), model.parameters(), strict=True):
                    slow.lerp_(fast, 1 - settings.target_decay)
            for key, value in (("nats", nats), ("jepa", jepa), ("kl", kl)):
                sums[key] += float(value.detach()) / per_epoch
        figures = {**sums, "validation_nats": nats_per_cell(target, table, validation, device)}
        history.append(figures)
        if figures["validation_nats"] > best_nats:
            best, best_nats = copy.deepcopy(target.state_dict()), figures["validation_nats"]
        if progress is not None:
            progress("autoencoder", epoch + 1, epochs, figures)
    if best is None:
        raise FloatingPointError(
            "The autoencoder's likelihood was never a number; lower the learning rate (AutoencoderSettings.learning_rate)."
        )
    target.load_state_dict(best)
    return AutoencoderFit(target.eval(), history)


def _start_linear(model: Autoencoder, table: CellTable, training: np.ndarray, measured: dict[str, np.ndarray], seed: int) -> None:
    scores: dict[str, np.ndarray] = {}
    codes = table.batch[training]
    with torch.no_grad():
        for m in model.names:
            kind = model.modalities[m]
            pieces = np.array_split(training, max(1, len(training) // 2048))
            found = (
                torch.cat([kind.scores(torch.from_numpy(table.counts[m][rows].toarray())) for rows in pieces])
                .numpy()
                .astype(np.float64)
            )
            mean = model.encoders[m].batch_mean
            if len(mean) > 1:
                for code in np.unique(codes):
                    here = (codes == code) & measured[m][training]
                    if here.any():  # a batch without this measurement is not shifted
                        mean[code] = torch.from_numpy(found[here].mean(0))
            scores[m] = found - mean.numpy()[codes]
            model.decoders[m].bias.copy_(kind.base)
    core = fit_linear_core(scores, {m: measured[m][training] for m in model.names}, model.d, seed)
    for m in model.names:
        model.encoders[m].start_from(core, m)
    # Half way between equal spread in all dimensions (noise would count as much as signal) and the spread of the components
    # themselves
    # (a few dimensions would be all that counts).
    model.latent_scale.copy_(torch.from_numpy(np.sqrt(core.scale / core.scale.max())))

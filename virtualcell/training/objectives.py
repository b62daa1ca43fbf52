"""Objectives of the autoencoder by name: each takes one training step and returns one number to be minimised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.modalities.values import Counts, Values


class FeatureBlock(NamedTuple):
    """Features first, ..., last - 1 of a modality: one of so many blocks."""

    first: int
    last: int
    blocks: int


@dataclass
class Step:
    """The cells of one training step and what the objectives share; every part is computed once, when first asked for.

    values: all that was measured; mask: (cells, modalities) bool; scores: component scores of the unthinned cells; seen: those of
    the view that is encoded (perhaps thinned); part: (cells, modalities) bool, the modalities of that view; target: the slow copy
    of the model (exponential moving average), never given gradients; feature_blocks: where
    reconstruction scores a block of a modality's features in this step, and not all of them.
    """

    model: Autoencoder
    target: Autoencoder
    values: dict[str, Values]
    mask: Tensor
    batch: Tensor
    scores: dict[str, Tensor]
    seen: dict[str, Tensor]
    part: Tensor
    generator: torch.Generator
    temperature: float = 0.1
    masked_share: float = 0.15
    feature_blocks: dict[str, FeatureBlock] = field(default_factory=dict)

    @cached_property
    def latent(self) -> tuple[Tensor, Tensor]:
        return self.model.fusion(self.seen, self.part)

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        mean, logvar = self.latent
        noise = torch.randn(mean.shape, generator=self.generator).to(mean.device)
        columns = {m: slice(block.first, block.last) for m, block in self.feature_blocks.items()}
        return self.model.decode(mean + noise * torch.exp(0.5 * logvar), self.batch, columns)

    @cached_property
    def whole(self) -> Tensor:
        with torch.no_grad():
            return self.target.fusion(self.scores, self.mask)[0].float()

    @cached_property
    def alone(self) -> dict[str, Tensor]:
        """Embedding (cells, d) that each modality gives by itself."""
        return dict(zip(self.model.names, self.model.fusion.alone(self.seen)[0], strict=True))


def reconstruction(step: Step) -> Tensor:
    """Minus the log-likelihood, in nats a cell, of all that was measured, from the part that was seen.

    Where a block of features stands for all, its likelihood times the number of blocks does: right on average over steps.
    """
    values, times = dict(step.values), dict.fromkeys(step.values, 1)
    for m, block in step.feature_blocks.items():
        values[m], times[m] = step.values[m].block(block.first, block.last), block.blocks
    found = step.model.log_likelihood(values, step.outputs)
    return -sum(times[m] * value * step.mask[:, i] for i, (m, value) in enumerate(found.items())).mean()


def kl(step: Step) -> Tensor:
    """Kullback-Leibler divergence of the posterior from the standard normal, in nats a cell."""
    mean, logvar = (part.float() for part in step.latent)
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1).mean()


def latent(step: Step) -> Tensor:
    """Within-cell JEPA (Assran et al. 2023, I-JEPA, eq. 1): from the latent of the part, predict the target's latent of the whole
    cell, in units of the target's variance. Of the modalities never seen in the view this is cross-modal prediction."""
    mean = step.latent[0]
    guess = (mean + step.model.completer(mean)).float()
    return ((guess - step.whole) ** 2 / step.whole.var(0, unbiased=False).clamp_min(1e-2)).sum(1).mean()


def masked(step: Step) -> Tensor:
    """Masked modelling: 15 % of a cell's entries are hidden and predicted from the visible ones of the same modality; minus
    log-likelihood of the hidden entries, in nats a hidden entry (He et al. 2022, MAE: loss on masked entries only)."""
    return _hidden_entries(step, with_partner=False)


def cross_masked(step: Step) -> Tensor:
    """Cross-modal masked modelling: the hidden entries of one modality are predicted from its visible ones and all of the cell's
    other modalities."""
    return _hidden_entries(step, with_partner=True)


def contrast(step: Step) -> Tensor:
    """Symmetric InfoNCE between the embeddings that two modalities of a cell give (Radford et al. 2021, CLIP, fig. 3), mean over
    pairs of modalities; 0 where no two modalities were measured together."""
    names, losses = step.model.names, []
    for i, a in enumerate(names):
        for j in range(i + 1, len(names)):
            both = step.mask[:, i] & step.mask[:, j]
            if both.sum() > 1:
                left = step.model.project(a, step.alone[a][both])
                right = step.model.project(names[j], step.alone[names[j]][both])
                losses.append(info_nce(left, right, step.temperature))
    return torch.stack(losses).mean() if losses else torch.zeros((), device=step.mask.device)


def spread(step: Step) -> Tensor:
    """Variance and covariance terms, 25 to 1, against collapse (Bardes et al. 2022, VICReg, eq. 1-3, 6), behind the
    projector and not on the coordinates in which the landscape lives."""
    mean = step.latent[0]
    outputs = torch.stack([step.model.projectors[m](mean) for m in step.model.names]).mean(0).float()
    centred = outputs - outputs.mean(0)
    covariance = centred.T @ centred / max(1, len(centred) - 1)
    off = covariance - torch.diag(covariance.diagonal())
    return 25 * F.relu(1 - torch.sqrt(covariance.diagonal() + 1e-4)).mean() + (off**2).sum() / len(covariance)


Objective = Callable[[Step], Tensor]
OBJECTIVES: dict[str, Objective] = {
    "reconstruction": reconstruction,
    "kl": kl,
    "latent": latent,
    "masked": masked,
    "cross_masked": cross_masked,
    "contrast": contrast,
    "spread": spread,
}


def info_nce(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE of paired unit vectors (cells, k), in nats: log of the number of cells where nothing is aligned."""
    logits = left @ right.T / temperature
    truth = torch.arange(len(left), device=left.device)
    return 0.5 * (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth))


def _hidden_entries(step: Step, with_partner: bool) -> Tensor:
    model, n = step.model, len(step.mask)
    total = torch.zeros((), device=step.mask.device)
    counted = total.clone()
    for i, m in enumerate(model.names):
        kind = model.modalities[m]
        value = step.values[m]
        dense = value.dense() if isinstance(value, Counts) else value
        hidden = (torch.rand(n, kind.n_features, generator=step.generator) < step.masked_share).to(dense.device)
        scores, depth = kind.scores_where_hidden(dense, hidden)
        view = step.seen | {m: model.batch_means[m](scores, step.batch)}
        mask = step.mask.clone()
        if not with_partner:
            mask[:] = False
            mask[:, i] = step.mask[:, i]
        here = step.mask[:, i]
        if with_partner:
            here = here & (step.mask.sum(1) > 1)
        if not here.any():
            continue
        output = model.decoders[m](model.fusion(view, mask)[0], step.batch).float()
        entries = kind.log_prob(dense, output, depth)
        chosen = hidden & here[:, None]
        # torch.where, not a product: an entry that does not count may be minus infinity.
        total = total - torch.where(chosen, entries, torch.zeros_like(entries)).sum()
        counted = counted + chosen.sum()
    return total / counted.clamp_min(1)

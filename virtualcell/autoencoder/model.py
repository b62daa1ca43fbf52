"""The multi-omic autoencoder: scores of each modality, one fused latent, decoders to the parameters of likelihoods."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.residual import Residual
from virtualcell.modalities import MODALITIES
from virtualcell.modalities.values import Values

ALL = slice(None)
PROJECTION = 64
"""Width of the space behind the projector in which contrast and anti-collapse terms act, so that they leave the coordinates
of the landscape alone."""


class BatchMean(nn.Module):
    """Takes from a modality's scores the mean of the cell's batch; code -1, a batch that is not known, loses their average."""

    def __init__(self, n_batches: int, n_in: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_batches, n_in))

    def forward(self, scores: Tensor, batch: Tensor) -> Tensor:
        return scores - torch.where((batch < 0)[:, None], self.mean.mean(0), self.mean[batch.clamp_min(0)])


class Decoder(nn.Module):
    """Latent (cells, d) and batch -> a modality's decoder output (cells, outputs): a linear map plus a gated residual.

    The rows of ``weight`` are the d loadings, then those of the residual network's hidden units, which start at zero: one product
    gives both. gate: 1 where the residual is used, 0 where inner validation found nothing in it. block: (d,) 1 for the dimensions
    that this decoder may read, 0 for the others (late fusion).
    """

    def __init__(self, d: int, hidden: int, n_outputs: int, n_batches: int):
        super().__init__()
        self.d = d
        self.register_buffer("block", torch.ones(d))
        self.inner = nn.Sequential(nn.Linear(d, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.weight = nn.Parameter(torch.zeros(d + hidden, n_outputs))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        self.batch_offset = nn.Parameter(torch.zeros(n_batches, n_outputs))
        self.register_buffer("gate", torch.ones(()))

    def forward(self, z: Tensor, batch: Tensor | None = None, columns: slice = ALL) -> Tensor:
        z = z * self.block
        weight, bias = self.weight[:, columns], self.bias[columns]
        inputs = torch.cat([z, self.gate * self.inner(z)], 1)
        if torch.is_autocast_enabled(z.device.type):
            # In bfloat16 the sum with the bias would round log rates by .06; the product alone may be rounded.
            output = bias + (inputs @ weight).float()
        else:
            output = torch.addmm(bias, inputs, weight)
        if len(self.batch_offset) == 1:
            return output
        # Without a batch the average over batches: what the cell would look like in a typical experiment.
        offset = self.batch_offset[:, columns]
        average = offset.mean(0)
        if batch is None:
            return output + average
        return output + torch.where((batch < 0)[:, None], average, offset[batch.clamp_min(0)])


class Autoencoder(nn.Module):
    """Values of any measured modalities -> latent (cells, d) -> values of all modalities.

    features[m], components[m]: sizes by key of the modality; kinds[m]: its kind (a key of ``MODALITIES``). mask: (cells,
    modalities) bool in the order of ``names``; batch: (cells,) int64, -1 where it is not known. fusion: a key of ``FUSIONS``.
    """

    def __init__(
        self,
        features: Mapping[str, int],
        kinds: Mapping[str, str],
        components: Mapping[str, int],
        d: int,
        hidden: int,
        n_batches: int = 1,
        fusion: str = "product",
    ):
        super().__init__()
        self.names = tuple(features)
        self.d = d
        self.modalities = nn.ModuleDict({m: MODALITIES[kinds[m]](features[m], components[m]) for m in self.names})
        self.inputs = inputs = {m: components[m] + 1 for m in self.names}
        self.batch_means = nn.ModuleDict({m: BatchMean(n_batches, inputs[m]) for m in self.names})
        self.fusion = FUSIONS[fusion](inputs, d, hidden)
        self.decoders = nn.ModuleDict(
            {m: Decoder(d, hidden, features[m] * self.modalities[m].heads, n_batches) for m in self.names}
        )
        # The latent predictor of the within-cell JEPA: latent of a part of the cell -> target latent of the whole cell.
        self.completer = Residual(d, hidden, d)
        self.projectors = nn.ModuleDict({m: nn.Linear(d, PROJECTION) for m in self.names})
        # Natural size of each latent dimension, so that distances between cells mean what they mean in the data.
        self.register_buffer("latent_scale", torch.ones(d))

    def scores(self, values: dict[str, Values], batch: Tensor) -> dict[str, Tensor]:
        """What the encoders read: component scores and log depth (cells, inputs) by modality, without the batch's mean."""
        return {m: self.batch_means[m](self.modalities[m].scores(values[m]), batch) for m in self.names}

    def encode(self, values: dict[str, Values], mask: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (cells, d) of the fused latent, in the unit-variance coordinates of the network."""
        return self.fusion(self.scores(values, batch), mask)

    def embed_alone(self, name: str, scores: Tensor) -> Tensor:
        """Latent mean (cells, d) that one modality gives by itself, from its scores (cells, inputs)."""
        mask = torch.zeros(len(scores), len(self.names), dtype=torch.bool, device=scores.device)
        mask[:, self.names.index(name)] = True
        blank = {m: torch.zeros(len(scores), self.inputs[m], device=scores.device) for m in self.names}
        return self.fusion(blank | {name: scores}, mask)[0]

    def decode(
        self, z: Tensor, batch: Tensor | None = None, columns: Mapping[str, slice] = MappingProxyType({})
    ) -> dict[str, Tensor]:
        """Decoder outputs (cells, outputs) by modality; z in the unit-variance coordinates of the network. columns: the outputs
        wanted, by modality of which not all are."""
        return {m: self.decoders[m](z, batch, columns.get(m, ALL)) for m in self.names}

    def log_likelihood(self, values: dict[str, Values], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Nats a cell, (cells,) by modality."""
        return {m: self.modalities[m].log_likelihood(values[m], outputs[m].float()) for m in self.names}

    def project(self, m: str, mean: Tensor) -> Tensor:
        """A modality's embedding (cells, d) on the unit sphere behind the projector, (cells, 64)."""
        return F.normalize(self.projectors[m](mean), dim=1)

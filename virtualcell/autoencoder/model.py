"""The multi-omic autoencoder: encoders that start as ridge regressions, one fused latent, decoders to the parameters of
likelihoods."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.linear import LinearCore
from virtualcell.modalities import MODALITIES


class Residual(nn.Module):
    """A small network whose last layer starts at zero: at first it changes nothing, and it stays so where nothing is gained."""

    def __init__(self, n_in: int, hidden: int, n_out: int):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(n_in, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.last = nn.Linear(hidden, n_out)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x))


class Encoder(nn.Module):
    """Scores of one modality (cells, inputs) and batch -> expert mean and log-variance (cells, d).

    With R^2 the share of a dimension that the ridge regression explains, the expert has precision R^2 / (1 - R^2) and mean ridge
    / R^2, so that alone, multiplied with the standard normal prior, it gives back the ridge prediction exactly.
    """

    def __init__(self, n_in: int, d: int, hidden: int, n_batches: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_in, d))
        self.bias = nn.Parameter(torch.zeros(d))
        self.logvar = nn.Parameter(torch.zeros(d))
        self.residual = Residual(n_in, hidden, 2 * d)
        self.register_buffer("batch_mean", torch.zeros(n_batches, n_in))

    def start_from(self, core: LinearCore, name: str) -> None:
        r2 = torch.from_numpy(core.r2[name]).float()
        with torch.no_grad():
            shrink = r2.clamp_min(1e-3)
            self.weight.copy_(torch.from_numpy(core.weight[name]).float() / shrink)
            self.bias.copy_(torch.from_numpy(core.bias[name]).float() / shrink)
            self.logvar.copy_(torch.log((1 - r2) / shrink))

    def forward(self, scores: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        # Code -1 is a batch that the model does not know: the average of the known ones is taken away.
        known = self.batch_mean[batch.clamp_min(0)]
        scores = scores - torch.where((batch < 0)[:, None], self.batch_mean.mean(0), known)
        mean, logvar = self.residual(scores).chunk(2, 1)
        return scores @ self.weight + self.bias + mean, (self.logvar + logvar).clamp(-6, 12)


class Decoder(nn.Module):
    """Latent (cells, d) and batch -> a modality's decoder output (cells, features): a linear map plus a residual that starts at
    zero."""

    def __init__(self, d: int, hidden: int, n_features: int, n_batches: int):
        super().__init__()
        self.loadings = nn.Parameter(torch.zeros(d, n_features))
        self.bias = nn.Parameter(torch.zeros(n_features))
        self.residual = Residual(d, hidden, n_features)
        self.batch_offset = nn.Parameter(torch.zeros(n_batches, n_features))

    def forward(self, z: Tensor, batch: Tensor | None = None) -> Tensor:
        # Without a batch the average over batches: what the cell would look like in a typical experiment.
        offset = self.batch_offset.mean(0) if batch is None else self.batch_offset[batch] if len(self.batch_offset) > 1 else 0.0
        return self.bias + z @ self.loadings + self.residual(z) + offset


class Autoencoder(nn.Module):
    """Counts of any measured modalities -> latent (cells, d) -> counts of all modalities.

    shapes: features[m] names; counts[m]: (cells, features) float32; mask: (cells, modalities) bool in the order of ``names``;
    batch: (cells,) int64, 0 where no batch is known.
    """

    def __init__(
        self,
        features: dict[str, int],
        components: dict[str, int],
        d: int,
        hidden: int,
        n_batches: int = 1,
        fusion: str = "product",
    ):
        super().__init__()
        self.names = tuple(features)
        self.d = d
        self.fuse = FUSIONS[fusion]
        self.modalities = nn.ModuleDict({m: MODALITIES[m](features[m], components[m]) for m in self.names})
        self.encoders = nn.ModuleDict({m: Encoder(components[m] + 1, d, hidden, n_batches) for m in self.names})
        self.decoders = nn.ModuleDict({m: Decoder(d, hidden, features[m], n_batches) for m in self.names})
        # The latent predictor of the within-cell JEPA: latent of a part of the cell -> target latent of the whole cell.
        self.completer = Residual(d, hidden, d)
        # Natural size of each latent dimension, so that distances between cells mean what they mean in the data.
        self.register_buffer("latent_scale", torch.ones(d))

    def encode(self, counts: dict[str, Tensor], mask: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (cells, d) of the fused latent, in the unit-variance coordinates of the network."""
        means, logvars = [], []
        for m in self.names:
            mean, logvar = self.encoders[m](self.modalities[m].scores(counts[m]), batch)
            means.append(mean.float())
            logvars.append(logvar.float())
        return self.fuse(torch.stack(means), torch.stack(logvars), mask)

    def decode(self, z: Tensor, batch: Tensor | None = None) -> dict[str, Tensor]:
        """Decoder outputs (cells, features) by modality; z in the unit-variance coordinates of the network."""
        return {m: self.decoders[m](z, batch) for m in self.names}

    def log_likelihood(self, counts: dict[str, Tensor], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Nats a cell, (cells,) by modality."""
        return {m: self.modalities[m].log_likelihood(counts[m], outputs[m].float()) for m in self.names}

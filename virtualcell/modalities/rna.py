"""RNA counts: negative binomial."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.modalities.base import Modality
from virtualcell.modalities.negative_binomial import draw_nb, log_nb, negative_binomial
from virtualcell.modalities.values import Counts

PER = 1e4


class Rna(Modality):
    """Unique transcripts of genes; log-normalised for reading, negative binomial with the cell's library size for likelihood.

    mean = library size * softmax(output), variance = mean + mean^2 / theta, one theta a gene (Lopez et al. 2018, scVI, eq. 1-3,
    with a size factor that is observed).
    """

    name = "rna"
    unit = "counts per 10,000"
    reading_unit = "log(1 + counts per 10,000)"
    sparse = True
    bounds = (0.0, float("inf"))

    def __init__(self, n_features: int, n_components: int):
        super().__init__(n_features, n_components)
        self.log_theta = nn.Parameter(torch.full((n_features,), 1.0))

    def transform(self, values: Counts) -> Counts:
        scale = (PER / values.depth().clamp_min(1.0))[:, 0]
        return values.with_values(torch.log1p(values.value * scale[values.row]))

    def feature_spread(self, values: Counts, seed: int) -> Tensor:
        """Standard deviation (features,) of a log-normalised gene between two halves of the same cell's molecules.

        Divided by it, every gene carries the same amount of counting noise, and those that differ between cells stand out.
        Dividing by the whole standard deviation would take away the very signal.
        """
        generator = torch.Generator().manual_seed(seed)
        half = torch.binomial(values.value.cpu(), torch.full_like(values.value, 0.5).cpu(), generator=generator).to(values.value)
        totals = values.value.new_zeros(values.n_features, dtype=torch.float64)
        for rows in torch.arange(values.n_cells).split(1024):
            first, second = (
                self.transform(part.cells(rows)).dense()
                for part in (values.with_values(half), values.with_values(values.value - half))
            )
            totals += (first - second).double().square().sum(0)
        spread = (0.5 * totals / values.n_cells).sqrt()
        return spread.clamp_min(float(torch.quantile(spread, 0.05)) + 1e-3)

    def fit_weights(self, values: Counts) -> None:
        depth, value = values.depth()[:, 0].double(), values.value.double()
        share = (values.column_sums(value) + 0.5) / (depth.sum() + 0.5 * values.n_features)
        self.base[: self.n_features] = torch.log(share)
        # Method of moments: the squared residual is the mean plus its square over theta.
        mean_at = depth[values.row] * share[values.column]
        residual = share**2 * depth.square().sum() + values.column_sums(value**2 - 2 * value * mean_at)
        over = residual - share * depth.sum()
        theta = share**2 * depth.square().sum() / over.clamp_min(1e-12)
        self.log_theta.copy_(torch.log(theta.clamp(0.05, 100.0)))

    def log_theta_in_bounds(self) -> Tensor:
        return self.log_theta.clamp(-6, 8)

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        log_mean = torch.log(depth.clamp_min(1e-30)) + torch.log_softmax(output, 1)
        return log_nb(values, log_mean, self.log_theta_in_bounds())

    def nats(self, values: Counts, output: Tensor) -> Tensor:
        return negative_binomial(values, output, self.log_theta_in_bounds())

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        return draw_nb(depth.double() * torch.softmax(output.double(), 1), self.log_theta_in_bounds(), generator)

    def expectation(self, output: Tensor) -> Tensor:
        return PER * torch.softmax(output, 1)

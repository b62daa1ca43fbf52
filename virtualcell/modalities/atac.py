"""Chromatin accessibility: is a peak open in a cell or not."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from anndata import AnnData
from torch import Tensor

from virtualcell.data.counts import counts_of
from virtualcell.modalities.base import Modality
from virtualcell.modalities.log_rate import HIGHEST, log_rate_likelihood
from virtualcell.modalities.negative_binomial import TINY, lowest
from virtualcell.modalities.values import Counts

NODES, WEIGHTS = (torch.from_numpy(part).float() for part in np.polynomial.hermite_e.hermegauss(9))
WEIGHTS = WEIGHTS / WEIGHTS.sum()
"""Gauss-Hermite: the average over a standard normal is the weighted sum over nine points."""


class Atac(Modality):
    """Open peaks (0 or 1); TF-IDF for reading, Bernoulli with a complementary log-log link for likelihood.

    p = 1 - exp(-depth * exp(output)): a peak is seen when at least one of a Poisson number of fragments falls in it, so a cell's
    depth multiplies the rate (nearly: depth is counted in open peaks, not in fragments). The link of Poisson thinning; TF-IDF as
    in Stuart et al. 2021, Signac, method 1.
    """

    name = "atac"
    unit = "probability of an open peak"
    reading_unit = "open (1) or closed (0)"
    sparse = True
    centred = False
    feature_by_feature = True
    bounds = (0.0, 1.0)
    yes_or_no = True

    @classmethod
    def read(cls, adata: AnnData, key: str) -> sp.csr_matrix:
        counts = counts_of(adata, modality=key)
        counts.data[:] = 1.0
        return counts

    def transform(self, values: Counts) -> Counts:
        scale = (1e4 / values.depth().clamp_min(1.0))[:, 0]
        return values.with_values(torch.log1p(values.value * scale[values.row] * self.feature_weight[values.column]))

    def fit_weights(self, values: Counts) -> None:
        n = values.n_cells
        opened = values.column_sums(torch.ones_like(values.value)).double()
        self.feature_weight.copy_(n / (1.0 + opened))
        rate = -torch.log1p(-((opened + 0.5) / (n + 1.0)).clamp(1e-6, 1 - 1e-6))
        self.base.copy_(torch.log(rate) - torch.log(values.depth().double().mean()))

    # -- likelihood --------------------------------------------------------------------------------------------------------------
    @staticmethod
    def seen(k: Tensor, rate: Tensor, log_rate: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of a non-zero and its derivative by log rate, (nnz,)."""
        above = rate.clamp_min(TINY)
        p = -torch.expm1(-above)
        log_p = p.log() if lowest(rate) >= TINY else torch.where(rate < TINY, log_rate, p.log())
        return log_p, above * (1 - p) / p

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        log_rate = output.clamp(max=HIGHEST) + torch.log(depth.clamp_min(1.0))
        rate = torch.exp(log_rate)
        opened = torch.where(rate < TINY, log_rate, torch.log(-torch.expm1(-rate.clamp_min(TINY))))
        return torch.where(values > 0, opened, -rate)

    def nats(self, values: Counts, output: Tensor) -> Tensor:
        return log_rate_likelihood(values, output, values.depth().clamp_min(1.0), self.seen)

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        chance = -torch.expm1(-depth.clamp_min(1.0) * output.clamp(max=HIGHEST).exp())
        return torch.from_numpy((generator.random(chance.shape) < chance.detach().cpu().numpy()).astype(np.float32))

    def expectation(self, output: Tensor) -> Tensor:
        return -torch.expm1(-self.median_depth * output.clamp(max=HIGHEST).exp())

    # -- translation -------------------------------------------------------------------------------------------------------------
    def reading(self, values: Counts) -> Tensor:
        return values.with_values(torch.ones_like(values.value)).dense()

    def fit_reading(self, values: Counts) -> None:
        """Frequency of opening, and the Fisher information of the log rate at ``base``, with the depth of each cell known."""
        n = values.n_cells
        self.reading_mean.copy_(values.column_sums(torch.ones_like(values.value)) / n)
        share = self.base.double().exp()
        depth = values.depth().double().clamp_min(1.0)[:, 0]
        rate = depth[values.row] * share[values.column]
        squares = self.seen(values.value.double(), rate, rate.log())[1].square() - rate.square()
        information = (share.square() * depth.square().sum() + values.column_sums(squares)) / n
        self.response_weight.copy_(information)

    def response(self, values: Counts) -> Tensor:
        """One step of Fisher scoring from ``base``: score over information, a change of the log rate; (cells, peaks)."""
        depth = values.depth().clamp_min(1.0)
        score = -depth * self.base.exp()
        rate = -score.view(-1).index_select(0, values.flat)
        score.view(-1).index_copy_(0, values.flat, self.seen(values.value, rate, rate.log())[1])
        return score / self.response_weight.clamp_min(1e-12)

    def conversion_loss(self, values: Counts, eta: Tensor) -> Tensor:
        """Minus the log-likelihood with the depth of each cell known."""
        return -self.log_likelihood(values, self.base + eta)

    def predict(self, eta: Tensor, log_depth_mean: Tensor, log_depth_sd: Tensor | float) -> Tensor:
        """Probability of a peak that is seen open, averaged over the depth that the cell might have."""
        share = (self.base + eta).clamp(max=HIGHEST).exp()
        found = torch.zeros_like(share)
        for node, weight in zip(NODES.tolist(), WEIGHTS.tolist(), strict=True):
            depth = torch.exp(log_depth_mean + node * log_depth_sd)[:, None]
            found.add_(torch.expm1(share * -depth), alpha=-weight)
        return found

    def reading_score(self, reading: Tensor, predicted: Tensor) -> Tensor:
        """Log-likelihood of open and closed peaks, (cells,)."""
        p = predicted.clamp(1e-5, 1 - 1e-5)
        return (torch.log1p(-p) + reading * torch.logit(p)).sum(1)

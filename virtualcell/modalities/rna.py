"""RNA counts: negative binomial."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from virtualcell.modalities.base import Modality

PER = 1e4


class Rna(Modality):
    """Unique transcripts of genes; log-normalised for reading, negative binomial with the cell's library size for likelihood.

    mean = library size * softmax(output), variance = mean + mean^2 / theta, one theta a gene (Lopez et al. 2018, scVI, eq. 1-3,
    with a size factor that is observed).
    """

    name = "rna"
    unit = "counts per 10,000"

    def __init__(self, n_features: int, n_components: int):
        super().__init__(n_features, n_components)
        self.log_theta = nn.Parameter(torch.full((n_features,), 1.0))

    def normalise(self, counts: Tensor) -> Tensor:
        return torch.log1p(counts * (PER / counts.sum(1, keepdim=True).clamp_min(1.0)))

    def fit_weights(self, counts: sp.csr_matrix) -> None:
        share = (np.asarray(counts.sum(0)).ravel() + 0.5) / (counts.sum() + 0.5 * counts.shape[1])
        self.base.copy_(torch.from_numpy(np.log(share)))

    def log_likelihood(self, counts: Tensor, output: Tensor) -> Tensor:
        mean = counts.sum(1, keepdim=True) * torch.softmax(output, 1)
        return negative_binomial(counts, mean, self.log_theta.clamp(-6, 8).exp())

    def expectation(self, output: Tensor) -> Tensor:
        return PER * torch.softmax(output, 1)


def negative_binomial(counts: Tensor, mean: Tensor, theta: Tensor) -> Tensor:
    """Sum over features of log NB(counts; mean, theta), (cells,).

    A count of zero needs only theta log(theta / (theta + mean)), so the gamma functions run over the non-zeros alone: a fifth of
    the entries or fewer.
    """
    log_ratio = torch.log(theta) - torch.log(theta + mean)
    total = (theta * log_ratio).sum(1)
    row, column = counts.nonzero(as_tuple=True)
    k, r, m = counts[row, column], theta[column], mean[row, column]
    seen = torch.lgamma(k + r) - torch.lgamma(r) - torch.lgamma(k + 1) + k * (torch.log(m + 1e-12) - torch.log(r + m))
    return total.index_add(0, row, seen)

"""Chromatin accessibility: is a peak open in a cell or not."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from virtualcell.modalities.base import Modality


class Atac(Modality):
    """Open peaks (0 or 1); TF-IDF for reading, Bernoulli with a complementary log-log link for likelihood.

    p = 1 - exp(-depth * exp(output)): a peak is seen when at least one of a Poisson number of fragments falls in it, so a cell's
    depth multiplies the rate (nearly: depth is counted in open peaks, not in fragments). The link of Poisson thinning; TF-IDF as
    in Stuart et al. 2021, Signac, method 1.
    """

    name = "atac"
    unit = "probability of an open peak"
    centred = False

    def normalise(self, counts: Tensor) -> Tensor:
        frequency = counts / counts.sum(1, keepdim=True).clamp_min(1.0)
        return torch.log1p(1e4 * frequency * self.feature_weight)

    def fit_weights(self, counts: sp.csr_matrix) -> None:
        n = counts.shape[0]
        opened = np.asarray((counts > 0).sum(0)).ravel()
        self.feature_weight.copy_(torch.from_numpy(n / (1.0 + opened)))
        rate = -np.log1p(-np.clip((opened + 0.5) / (n + 1.0), 1e-6, 1 - 1e-6))
        self.base.copy_(torch.from_numpy(np.log(rate) - np.log(np.asarray(counts.sum(1)).mean())))

    def log_likelihood(self, counts: Tensor, output: Tensor) -> Tensor:
        rate = counts.sum(1, keepdim=True).clamp_min(1.0) * output.clamp(max=5).exp()
        row, column = counts.nonzero(as_tuple=True)
        opened = torch.log(torch.expm1(rate[row, column].clamp(1e-8, 50.0)))
        return (-rate.sum(1)).index_add(0, row, opened)

    def expectation(self, output: Tensor) -> Tensor:
        return -torch.expm1(-self.median_depth * output.clamp(max=5).exp())

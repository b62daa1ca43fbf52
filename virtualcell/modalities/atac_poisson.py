"""Chromatin accessibility: how many fragments of a cell fall in a peak."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from anndata import AnnData
from torch import Tensor

from virtualcell.data.counts import counts_of
from virtualcell.modalities.atac import Atac
from virtualcell.modalities.log_gamma import log_factorial
from virtualcell.modalities.log_rate import HIGHEST
from virtualcell.modalities.values import Counts


class AtacPoisson(Atac):
    """Fragments in peaks, Poisson: log mean = output + log depth, depth the fragments of the cell.

    As in PoissonVI (Martens et al. 2023). The counts are to be fragments. Where a file counts their two ends instead, most counts
    are even: halve them and round up.
    """

    name = "atac-poisson"
    unit = "fragments at the median depth"

    @classmethod
    def read(cls, adata: AnnData, key: str) -> sp.csr_matrix:
        return counts_of(adata, modality=key)

    def fit_weights(self, values: Counts) -> None:
        super().fit_weights(values)
        total = values.column_sums(values.value.double())
        self.base.copy_(torch.log((total + 0.5) / (total.sum() + 0.5 * values.n_features)))

    @staticmethod
    def seen(k: Tensor, rate: Tensor, log_rate: Tensor) -> tuple[Tensor, Tensor]:
        return k * log_rate - rate - log_factorial(k), k - rate

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        log_rate = output.clamp(max=HIGHEST) + torch.log(depth.clamp_min(1.0))
        return values * log_rate - torch.exp(log_rate) - torch.lgamma(values + 1)

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        rate = depth.double().clamp_min(1.0) * output.double().clamp(max=HIGHEST).exp()
        return torch.from_numpy(generator.poisson(rate.detach().cpu().numpy()).astype(np.float32))

    def expectation(self, output: Tensor) -> Tensor:
        return self.median_depth * output.clamp(max=HIGHEST).exp()

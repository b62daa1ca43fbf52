"""Methylation: how many of the reads that cover a region are methylated."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from anndata import AnnData
from torch import Tensor, nn

from virtualcell.modalities.base import Modality
from virtualcell.schema import DataError

METHYLATED, COVERAGE = "methylated", "coverage"
"""Layers with the reads of each cell and region: those that are methylated, and all."""


class Methylation(Modality):
    """Methylated and covering reads of regions; fractions drawn to the region's mean for reading, beta-binomial for likelihood.

    mean fraction = sigmoid(output), one concentration a region (the likelihood of Kapourani et al. 2021, scMET); a region that no
    read covers says nothing. The fraction that is read is the posterior mean under the beta distribution that training cells
    show, so few reads move it little. values: (cells, 2 * features) = [methylated | coverage].
    """

    name = "methylation"
    unit = "methylated fraction"
    reading_unit = "methylated fraction, drawn to the region's mean where reads are few"
    width = 2
    bounds = (0.0, 1.0)

    def __init__(self, n_features: int, n_components: int):
        super().__init__(n_features, n_components)
        self.register_buffer("prior_mean", torch.full((n_features,), 0.5))
        self.register_buffer("prior_reads", torch.ones(n_features))
        self.log_concentration = nn.Parameter(torch.zeros(n_features))

    @classmethod
    def read(cls, adata: AnnData, key: str) -> np.ndarray:
        if COVERAGE not in adata.layers:
            raise DataError(
                f'There is no layer "{COVERAGE}": how many reads stand behind a fraction is not known.',
                next_step=f'put the reads that cover each region into layers["{COVERAGE}"] and the methylated ones into '
                f'layers["{METHYLATED}"] (or fractions into X); fractions alone can be read as the kind "continuous".',
                field=f'{key}: layers["{COVERAGE}"]',
            )
        coverage = _reads(adata.layers[COVERAGE], f'{key}: layers["{COVERAGE}"]')
        if METHYLATED in adata.layers:
            field = f'{key}: layers["{METHYLATED}"]'
            methylated = _reads(adata.layers[METHYLATED], field)
        elif adata.X is not None:
            field = f"{key}: X"
            fraction = np.where(coverage > 0, _dense(adata.X, field), 0.0)  # nothing was covered: whatever stands there
            if not np.isfinite(fraction).all() or fraction.min(initial=0) < 0 or fraction.max(initial=0) > 1:
                raise DataError(
                    "Where reads cover a region, the fraction is missing or not between 0 and 1.",
                    next_step=f'put fractions from 0 to 1 into X, or methylated reads into layers["{METHYLATED}"].',
                    field=field,
                )
            methylated = np.rint(fraction * coverage).astype(np.float32)
        else:
            raise DataError(
                "There are no methylated reads and no fractions.",
                next_step=f'put methylated reads into layers["{METHYLATED}"] or fractions into X.',
                field=f'{key}: layers["{METHYLATED}"]',
            )
        if (methylated > coverage).any():
            raise DataError(
                f"{int((methylated > coverage).sum())} region(s) of cells have more methylated reads than reads.",
                next_step=f'check that layers["{COVERAGE}"] counts all reads and layers["{METHYLATED}"] some of them.',
                field=field,
            )
        return np.hstack([methylated, coverage])

    def depth(self, values: Tensor) -> Tensor:
        return values.chunk(2, 1)[1].sum(1, keepdim=True)

    def transform(self, values: Tensor) -> Tensor:
        methylated, coverage = values.chunk(2, 1)
        return (methylated + self.prior_reads * self.prior_mean) / (coverage + self.prior_reads)

    def fit_weights(self, values: Tensor) -> None:
        methylated, coverage = values.double().chunk(2, 1)
        mean = (methylated.sum(0) + 0.5) / (coverage.sum(0) + 1.0)
        # Method of moments: reads of one cell agree more than a binomial's by rho = 1 / (1 + concentration).
        binomial = (coverage * mean * (1 - mean)).sum(0)
        more = (coverage * (coverage - 1) * mean * (1 - mean)).sum(0)
        over = (methylated - coverage * mean).square().sum(0) - binomial
        rho = torch.where(more > 0, over / more.clamp_min(1e-12), 0.5).clamp(0.01, 0.95)
        self.prior_mean.copy_(mean)
        self.prior_reads.copy_(1 / rho - 1)
        self.base.copy_(torch.logit(mean))
        self.log_concentration.copy_(torch.log(1 / rho - 1))

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        k, n = values.chunk(2, 1)
        mean, concentration = torch.sigmoid(output.clamp(-10, 10)), self.log_concentration.clamp(-4, 6).exp()
        a, b = concentration * mean, concentration * torch.sigmoid(-output.clamp(-10, 10))
        ways = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
        found = ways + _log_beta_ratio(k, a) + _log_beta_ratio(n - k, b) - _log_beta_ratio(n, concentration.expand_as(n))
        return torch.where(n > 0, found, 0.0)

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        """The reads of a cell (``depth``) fall on all regions alike: how they are spread is no part of the likelihood."""
        n = output.shape[1]
        reads = depth.round().long().detach().cpu().numpy()[:, 0]
        coverage = generator.multinomial(reads, np.full(n, 1 / n))
        concentration = self.log_concentration.clamp(-4, 6).exp()
        bounded = output.clamp(-10, 10)
        a, b = (
            (concentration * torch.sigmoid(sign * bounded)).detach().double().cpu().numpy().clip(min=1e-8) for sign in (1, -1)
        )
        methylated = generator.binomial(coverage, generator.beta(a, b))
        return torch.from_numpy(np.hstack([methylated, coverage]).astype(np.float32))

    def expectation(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output)


def _log_beta_ratio(k: Tensor, a: Tensor) -> Tensor:
    # log Gamma(k + a) - log Gamma(a)
    return torch.lgamma(k + a) - torch.lgamma(a)


def _dense(matrix: Any, field: str) -> np.ndarray:
    dense = np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)
    if dense.dtype.kind not in "biuf":
        raise DataError("The matrix holds text, not numbers.", next_step="put numbers there.", field=field)
    return dense


def _reads(matrix: Any, field: str) -> np.ndarray:
    dense = _dense(matrix, field)
    if not np.isfinite(dense).all() or dense.min(initial=0) < 0:
        raise DataError(
            "Numbers of reads are missing (NaN), infinite or below zero.",
            next_step="write 0 where a region was not covered.",
            field=field,
        )
    return np.rint(dense).astype(np.float32)
